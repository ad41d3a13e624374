//! The issuer's side of licences, and what a unit says of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use admin::{Applied, Failure, Granted, InstalledLicence, Request, Response};
use license::{ExportClass, Grant, GrantError, Issuer, date};

use super::harness::Lab;

fn keys(lab: &Lab, name: &str) -> (String, String) {
    let path = |end: &str| lab.dir.join(format!("{name}.{end}")).display().to_string();
    let (key, public) = (path("key"), path("pub"));
    lab.text(&["license", "keygen", "--key", &key, "--public", &public]);
    (key, public)
}

fn issue(lab: &Lab, key: &str, rest: &str) -> std::process::Output {
    let mut args = vec!["license", "issue", "--key", key];
    args.extend(rest.split(' '));
    lab.run(&args)
}

#[test]
fn what_is_issued_reads_under_its_issuers_key_alone() {
    let lab = Lab::new();
    let (key, public) = keys(&lab, "ours");
    let (_, other) = keys(&lab, "other");
    let rest = "--serial 5 --model asa5580 --tier 10000 --ime --class k9 --expires 2030-06-01";
    let text = String::from_utf8(issue(&lab, &key, rest).stdout).unwrap();
    let issuer = |file| Issuer::from_pem(&fs::read_to_string(file).unwrap()).unwrap();
    let grant = Grant::read(&text, &[issuer(&public)]).unwrap();
    assert_eq!(
        (grant.serial, grant.tier, grant.ime),
        (5, Some(10_000), true)
    );
    assert_eq!(grant.class, ExportClass::K9);
    assert_eq!(grant.expires, date::parse("2030-06-01"));
    assert_eq!(
        Grant::read(&text, &[issuer(&other)]),
        Err(GrantError::Forged)
    );
}

#[test]
fn what_no_unit_takes_is_not_issued() {
    let lab = Lab::new();
    let (key, public) = keys(&lab, "ours");
    for rest in [
        "--serial 5 --model ASA5505 --tier 50 --class k8",
        "--serial 5 --model ASA9999 --tier 24 --class k8",
        "--serial 5 --model ASA5505 --class k8",
        "--serial 5 --model ASA5505 --tier 24 --class k7",
        "--serial 5 --model ASA5505 --tier 24 --class k8 --expires 2027-02-30",
    ] {
        let output = issue(&lab, &key, rest);
        assert_eq!(output.status.code(), Some(2), "{rest}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
    let output = issue(
        &lab,
        &public,
        "--serial 1 --model ASA5505 --tier 24 --class k8",
    );
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("expected an Ed25519 key"), "{errors}");
}

#[test]
fn a_private_key_is_for_its_owner_and_never_written_over() {
    let lab = Lab::new();
    let (key, public) = keys(&lab, "ours");
    let mode = fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = fs::read(&key).unwrap();
    let output = lab.run(&["license", "keygen", "--key", &key, "--public", &public]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read(&key).unwrap(), before);
}

#[test]
fn installing_and_removing_ask_control() {
    let lab = Lab::new();
    let file = lab.file("l.licence", "text\n");
    let reason = "licence expired".to_owned();
    let control = lab.control(vec![
        Response::Applied(Applied::default()),
        Response::Failed(Failure::LicenceRefused { reason }),
        Response::Failed(Failure::NoSuchLicence { serial: 9 }),
    ]);
    assert!(lab.run(&["license", "install", &file]).status.success());
    let output = lab.run(&["license", "install", &file]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors, format!("{file}: licence expired\n"));
    let output = lab.run(&["license", "remove", "9"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.ends_with("licence 9 is not installed\n"), "{errors}");
    let install = || Request::InstallLicence {
        text: "text\n".into(),
    };
    let remove = Request::RemoveLicence {
        serial: 9,
        enforce: false,
    };
    assert_eq!(control.join().unwrap(), [install(), install(), remove]);
}

#[test]
fn licences_are_shown_with_what_keeps_them_from_counting() {
    let lab = Lab::new();
    let licences = vec![
        InstalledLicence {
            serial: 3,
            grant: Some(Granted {
                model: "ASA5520".into(),
                uc_sessions: Some(750),
                ime: false,
                class: "K9".into(),
                expires: Some(0),
            }),
            problem: Some("licence expired".into()),
        },
        InstalledLicence {
            serial: 4,
            grant: None,
            problem: Some("licence is forged".into()),
        },
    ];
    let answer = || Response::Licences {
        licences: licences.clone(),
    };
    let _control = lab.control(vec![answer(), answer()]);
    let table = lab.text(&["license", "show"]);
    assert!(
        table.contains("1970-01-01 00:00:00  licence expired"),
        "{table}"
    );
    let words: Vec<_> = table.lines().last().unwrap().split_whitespace().collect();
    let unknown = ["-"; 5];
    let expected = [&["4"][..], &unknown, &["licence", "is", "forged"]].concat();
    assert_eq!(words, expected);
    let told = lab.json(&["license", "show", "--json"]);
    assert_eq!(told[0]["grant"]["uc_sessions"], 750);
    assert!(told[1]["grant"].is_null());
}
