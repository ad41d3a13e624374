//! Starting, ending, and which configuration holds.

use super::dataplane::DataPlane;
use super::harness::{Lab, config, until};
use super::process::Control;

#[test]
fn control_may_start_first_and_the_policy_follows_with_its_keys() {
    let lab = Lab::new();
    let key = rcgen::generate_simple_self_signed(vec!["proxy.example.com".into()]).unwrap();
    std::fs::write(lab.dir.join("proxy.pem"), key.cert.pem()).unwrap();
    std::fs::write(lab.dir.join("proxy.key"), key.signing_key.serialize_pem()).unwrap();
    lab.write("trustpoints: [{name: t, certificate: proxy.pem, key: proxy.key}]\n");
    let _control = lab.start();
    assert!(!lab.status().attached);
    let dataplane = DataPlane::start(&lab.dir);
    let keys = dataplane.keys();
    dataplane.take(1);
    assert_eq!(keys[0].der, key.signing_key.serialize_der());
    assert_eq!(dataplane.image().trustpoints[0].key, Some(keys[0].id));
    until("in force", || lab.status().in_force);
}

#[test]
fn the_data_plane_may_start_first() {
    let lab = Lab::new();
    let dataplane = DataPlane::start(&lab.dir);
    lab.write(&config(7));
    let _control = lab.start();
    dataplane.take(1);
    assert_eq!(dataplane.image().boot.sessions_max, 7);
    assert_eq!(dataplane.limits().uc_sessions, 7);
}

#[test]
fn a_second_control_says_who_holds_the_lock() {
    let lab = Lab::new();
    lab.write(&config(1));
    let first = lab.start();
    let mut second = Control::spawn(&lab.dir, None);
    assert!(!second.wait_exit().success());
    let expected = format!("another control process, pid {}, holds", first.pid());
    assert!(second.log().contains(&expected), "{}", second.log());
    assert_eq!(lab.status().pid, first.pid(), "the first goes on");
}

#[test]
fn signals_end_it_cleanly_and_the_socket_goes() {
    for signal in ["TERM", "INT"] {
        let lab = Lab::new();
        lab.write(&config(1));
        let mut control = lab.start();
        control.signal(signal);
        assert!(control.wait_exit().success());
        assert!(!lab.dir.join(admin::SOCKET_NAME).exists());
    }
}

#[test]
fn a_file_with_errors_leaves_what_was_applied_last() {
    let lab = Lab::new();
    lab.write(&config(5));
    let mut control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    until("in force", || lab.status().in_force);
    control.signal("TERM");
    control.wait_exit();

    lab.write("limits: {uc_sessions: lots}\n");
    let control = lab.start();
    assert!(
        control
            .log()
            .contains("ucproxy.yaml:1:23: error: limits.uc_sessions")
    );
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    assert_eq!(dataplane.limits().uc_sessions, 5);
}

#[test]
fn without_a_file_what_was_applied_last_holds() {
    let lab = Lab::new();
    let mut control = lab.start_bare();
    assert_eq!(lab.status().config, None);
    lab.apply(&config(9));
    control.signal("TERM");
    control.wait_exit();
    let _control = lab.start_bare();
    let path = lab.status().config.unwrap();
    assert!(path.ends_with("applied-by-hand.yaml"), "{path}");
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    assert_eq!(dataplane.limits().uc_sessions, 9);
}

#[test]
fn the_file_named_at_the_start_wins_over_what_was_applied() {
    let lab = Lab::new();
    lab.write(&config(3));
    let control = lab.start();
    lab.apply(&config(9));
    control.kill();
    let _control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    assert_eq!(dataplane.limits().uc_sessions, 3);
}

#[test]
fn a_hangup_reads_the_file_again() {
    let lab = Lab::new();
    lab.write(&config(3));
    let control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    lab.write(&config(4));
    control.signal("HUP");
    dataplane.take(2);
    assert_eq!(dataplane.limits().uc_sessions, 4);
    lab.write("nonsense");
    control.signal("HUP");
    until("refused", || control.log().contains("is not taken up"));
    assert_eq!(dataplane.generation(), 2);
}

#[test]
fn certificates_out_of_date_do_not_keep_a_restart_from_its_file() {
    let lab = Lab::new();
    let mut params = rcgen::CertificateParams::new(vec!["old.example.com".into()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(lab.dir.join("old.pem"), certificate.pem()).unwrap();
    std::fs::write(lab.dir.join("old.key"), key.serialize_pem()).unwrap();
    let text = "trustpoints: [{name: t, certificate: old.pem, key: old.key}]\n";
    lab.write(text);
    let _control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    let refused = lab.apply(text);
    assert!(
        matches!(refused, admin::Response::Refused { .. }),
        "{refused:?}"
    );
}
