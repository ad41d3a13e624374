//! The TLS proxy limit while everything runs, and what clearing the configuration does to it.

use admin::{Applied, Configuration, Failure, Request, Response, TlsLimit};

use super::dataplane::DataPlane;
use super::harness::{Lab, until};

const ASA5540: &str = "\
license: # ours
  model: ASA5540
  uc_sessions: 2000
  export: k9
servers: [{name: cm, address: 192.0.2.10}]
";

/// A unit with a data plane that obeys the first generation.
fn unit(text: &str) -> (Lab, super::process::Control, DataPlane) {
    let lab = Lab::new();
    lab.write(text);
    let control = lab.start();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    until("in force", || lab.status().in_force);
    (lab, control, dataplane)
}

fn running(lab: &Lab) -> Configuration {
    match lab.call(&Request::Configuration) {
        Response::Configuration(running) => running,
        other => panic!("{other:?}"),
    }
}

fn set(lab: &Lab, sessions: u32) -> Response {
    lab.call(&Request::SetTlsLimit {
        sessions,
        enforce: false,
    })
}

#[test]
fn a_limit_holds_at_once_and_no_policy_is_published_for_it() {
    let (lab, _control, dataplane) = unit(ASA5540);
    assert_eq!(dataplane.limits().tls_sessions, 2_000, "L11");
    for sessions in [1, 4_500, 3_000] {
        let response = set(&lab, sessions);
        let Response::Applied(Applied { generation, .. }) = response else {
            panic!("{response:?}")
        };
        assert_eq!(generation, Some(1));
        assert_eq!(dataplane.limits().tls_sessions, u64::from(sessions));
    }
    assert_eq!(dataplane.generation(), 1);
    let text = running(&lab).text;
    let expected = ASA5540.replacen("model", "tls_max_sessions: 3000\n  model", 1);
    assert_eq!(text, expected, "all else stays as it was written");
}

#[test]
fn l14_a_limit_outside_the_models_range_is_refused() {
    let (lab, _control, dataplane) = unit(ASA5540);
    for given in [0, 4_501, u32::MAX] {
        let failure = Failure::TlsLimitOutOfRange { given, max: 4_500 };
        assert_eq!(set(&lab, given), Response::Failed(failure));
    }
    assert_eq!(dataplane.limits().tls_sessions, 2_000);
}

#[test]
fn what_the_model_takes_is_told() {
    let (lab, _control, _dataplane) = unit("license: {model: ASA5550, tls_max_sessions: 4000}\n");
    let told = TlsLimit {
        model: "ASA5550".into(),
        max: 4_500,
        default: 2_000,
        configured: 4_000,
        in_force: 1_000,
        uc_sessions: 2,
    };
    assert_eq!(
        lab.call(&Request::TlsLimit),
        Response::TlsLimit(told),
        "L14"
    );
}

#[test]
fn without_a_model_or_a_configuration_there_is_no_limit_to_set() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    let none = Response::Failed(Failure::NoConfiguration);
    assert_eq!(set(&lab, 5), none);
    assert_eq!(lab.call(&Request::TlsLimit), none);
    assert_eq!(lab.call(&Request::Configuration), none);
    lab.apply("tcp: {}\n");
    assert_eq!(set(&lab, 5), Response::Failed(Failure::NoModel));
}

#[test]
fn a_limit_survives_a_restart_of_control() {
    let lab = Lab::new();
    let control = lab.start_bare();
    lab.apply(ASA5540);
    assert!(matches!(set(&lab, 77), Response::Applied(_)));
    control.kill();
    let _control = lab.start_bare();
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    assert_eq!(dataplane.limits().tls_sessions, 77);
}

#[test]
fn certificates_out_of_date_do_not_keep_a_limit_from_being_set() {
    let lab = Lab::new();
    let mut params = rcgen::CertificateParams::new(vec!["old.example.com".into()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(lab.dir.join("old.pem"), certificate.pem()).unwrap();
    std::fs::write(lab.dir.join("old.key"), key.serialize_pem()).unwrap();
    let trust = "trustpoints: [{name: t, certificate: old.pem, key: old.key}]\n";
    lab.write(&format!("{ASA5540}{trust}"));
    let _control = lab.start();
    assert!(matches!(set(&lab, 5), Response::Applied(_)));
}

#[test]
fn e13_l16_clearing_sets_the_default_and_says_when_it_is_too_low() {
    let (lab, _control, dataplane) = unit(ASA5540);
    let clear = Request::ClearConfiguration { standby: false };
    let response = std::thread::scope(|scope| {
        let operator = scope.spawn(|| lab.call(&clear));
        dataplane.take(2);
        operator.join().unwrap()
    });
    let Response::Applied(Applied { notice, .. }) = response else {
        panic!("{response:?}")
    };
    let notice = notice.unwrap();
    assert!(notice.contains("default of 1000"), "{notice}");
    assert!(
        notice.contains("tls-proxy maximum-sessions 2000"),
        "{notice}"
    );
    assert!(!notice.contains("harmless"), "{notice}");
    let limits = dataplane.limits();
    assert_eq!((limits.tls_sessions, limits.uc_sessions), (1_000, 2_000));
    assert!(dataplane.image().servers.is_empty());
    assert!(!running(&lab).text.contains("servers"));
}

#[test]
fn l17_on_a_standby_the_message_is_harmless_and_the_sync_restores_the_limit() {
    let lab = Lab::new();
    let _control = lab.start_bare();
    lab.apply(ASA5540);
    let standby = true;
    let response = lab.call(&Request::ClearConfiguration { standby });
    let Response::Applied(Applied { notice, .. }) = response else {
        panic!("{response:?}")
    };
    assert!(notice.unwrap().contains("harmless"));
    lab.apply(ASA5540);
    let dataplane = DataPlane::start(&lab.dir);
    dataplane.take(1);
    assert_eq!(dataplane.limits().tls_sessions, 2_000);
}

#[test]
fn clearing_says_nothing_where_the_default_is_enough() {
    for text in [
        "license: {model: ASA5510, uc_sessions: 100, export: k8}\n",
        "tcp: {}\n",
    ] {
        let lab = Lab::new();
        let _control = lab.start_bare();
        lab.apply(text);
        let standby = false;
        let response = lab.call(&Request::ClearConfiguration { standby });
        assert_eq!(response, Response::Applied(Applied::default()), "{text}");
    }
}
