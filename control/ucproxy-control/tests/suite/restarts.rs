//! Either process dies and comes back; policies that the data plane cannot use.

use admin::{Applied, Failure, Request, Response};

use super::dataplane::DataPlane;
use super::harness::{Lab, config, until};

/// Applies while the data plane is played by `answer`.
fn apply_while(lab: &Lab, text: &str, answer: impl FnOnce()) -> Response {
    std::thread::scope(|scope| {
        let operator = scope.spawn(|| lab.apply(text));
        answer();
        operator.join().unwrap()
    })
}

fn applied(generation: Option<u64>) -> Response {
    Response::Applied(Applied {
        generation,
        restart_needed: generation.is_some(),
        ..Applied::default()
    })
}

#[test]
fn apply_is_answered_once_every_worker_obeys() {
    let lab = Lab::new();
    lab.write(&config(1));
    let _control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    let response = apply_while(&lab, &config(2), || dataplane.take(2));
    assert_eq!(response, applied(Some(2)));
    assert_eq!(dataplane.limits().uc_sessions, 2);
}

#[test]
fn apply_names_the_keys_that_hold_only_after_a_restart() {
    let lab = Lab::new();
    let start = "runtime: {workers: 2}\ndevices: [{name: d, vdev: net_null0}]\n";
    lab.write(start);
    let _control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    dataplane.started_with_it();
    until("in force", || lab.status().in_force);
    let cases: [(&str, &str, &[&str]); 5] = [
        ("workers: 2", "workers: 1", &["runtime.workers"]),
        ("net_null0", "net_null0, mtu: 9000", &["devices[d].mtu"]),
        (
            "devices",
            "tcp: {ports: 40000-50000}\ndevices",
            &["tcp.ports"],
        ),
        ("devices", "tcp: {idle_timeout: 2h}\ndevices", &[]),
        ("workers: 2", "idle: backoff, workers: 2", &["runtime.idle"]),
    ];
    for ((from, to, expected), generation) in cases.into_iter().zip(2..) {
        let text = start.replacen(from, to, 1);
        match apply_while(&lab, &text, || dataplane.take(generation)) {
            Response::Applied(applied) => {
                assert_eq!(applied.after_restart, expected, "{to}");
                assert_eq!(applied.restart_needed, !expected.is_empty(), "{to}");
                let status = lab.status();
                assert_eq!(status.after_restart, expected, "{to}");
                assert_eq!(status.restart_needed, !expected.is_empty(), "{to}");
            }
            other => panic!("{to}: {other:?}"),
        }
    }
}

#[test]
fn one_worker_takes_other_local_ports_at_once() {
    let lab = Lab::new();
    lab.write("tcp: {ports: 20000-30000}\n");
    let _control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    dataplane.started_with_it();
    let text = "tcp: {ports: 40000-50000}\n";
    let expected = Response::Applied(Applied {
        generation: Some(2),
        ..Applied::default()
    });
    assert_eq!(apply_while(&lab, text, || dataplane.take(2)), expected);
}

#[test]
fn apply_without_a_data_plane_holds_once_one_starts() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    assert_eq!(lab.apply(&config(2)), applied(None));
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    assert_eq!(dataplane.limits().uc_sessions, 2);
}

#[test]
fn a_data_plane_that_waits_for_its_first_policy_gets_it() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.set_workers(0);
    lab.apply(&config(2));
    dataplane.wait_generation(1);
    dataplane.set_workers(1);
    dataplane.take(1);
    until("in force", || lab.status().in_force);
}

#[test]
fn a_data_plane_that_restarts_gets_policy_and_keys_again() {
    let lab = Lab::new();
    lab.write(&config(6));
    let mut control = lab.start();
    for _ in 0..5 {
        let dataplane = DataPlane::start(&lab.dir);
        dataplane.keys();
        dataplane.take(1);
        until("in force", || lab.status().in_force);
        assert_eq!(dataplane.limits().uc_sessions, 6);
    }
    assert!(control.is_running());
}

#[test]
fn a_control_that_restarts_leaves_the_policy_alone() {
    let lab = Lab::new();
    lab.write(&config(6));
    let control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    control.kill();
    assert_eq!(dataplane.image().boot.sessions_max, 6);
    let _control = lab.start();
    until("in force", || lab.status().in_force);
    assert_eq!(
        dataplane.generation(),
        1,
        "the same image is not published twice"
    );
}

#[test]
fn no_image_is_written_over_one_that_workers_still_take() {
    let lab = Lab::new();
    lab.write(&config(1));
    let control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.wait_generation(1);
    lab.write(&config(2));
    control.signal("HUP");
    lab.write(&config(3));
    control.signal("HUP");
    let read = || format!("{:?}", lab.call(&Request::Configuration));
    until("the last file is read", || {
        read().contains("sessions_max: 3")
    });
    assert_eq!(control.log().matches("policy published").count(), 1);
    assert_eq!(dataplane.generation(), 1);
    dataplane.take(1);
    dataplane.take(2);
    assert_eq!(dataplane.image().boot.sessions_max, 3);
}

#[test]
fn a_policy_that_the_data_plane_refuses_gives_way_to_the_one_before() {
    let lab = Lab::new();
    lab.write(&config(1));
    let _control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    let response = apply_while(&lab, &config(2), || dataplane.refuse(2));
    assert_eq!(response, Response::Failed(Failure::DataPlaneRefused));
    dataplane.take(3);
    assert_eq!(dataplane.image().boot.sessions_max, 1);
    assert_eq!(dataplane.limits().uc_sessions, 1);
    until("in force", || lab.status().in_force);
    assert!(lab.status().config.unwrap().ends_with("ucproxy.yaml"));
}

#[test]
fn a_policy_without_room_gives_way_to_the_one_before() {
    let lab = Lab::new();
    lab.write("tcp: {}\n");
    let _control = lab.start();
    let dataplane = DataPlane::with_room(&lab.dir, 16);
    dataplane.take(1);
    let servers: String = (1..50)
        .map(|i| format!("  - {{name: server-{i}, address: 192.0.2.{i}}}\n"))
        .collect();
    let response = lab.apply(&format!("servers:\n{servers}"));
    let Response::Failed(Failure::TooLarge { needed, room: 128 }) = response else {
        panic!("{response:?}")
    };
    assert!(needed > 128);
    until("in force", || lab.status().in_force);
    assert_eq!(dataplane.generation(), 1);
}

#[test]
fn damaged_shared_memory_is_refused_and_control_lives() {
    let lab = Lab::new();
    lab.write(&config(1));
    let region = lab.dir.join(abi::layout::REGION_NAME);
    let mut control = lab.start();
    for octets in [&b""[..], b"short", &[0xff; 4096]] {
        let _ = std::fs::remove_file(&region);
        std::fs::write(&region, octets).unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&region, std::fs::Permissions::from_mode(0o600)).unwrap();
        until("problem", || lab.status().problem.is_some());
        assert!(!lab.status().attached);
    }
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    until("in force", || lab.status().in_force);
    assert!(control.is_running());
}
