//! Private keys and passphrases from every place that they may be in, and from none.

use std::path::Path;

use super::lab::{Lab, NOW, check};
use crate::diff;
use crate::files::{FileContent, FileError, Files, Folder};
use crate::finding::Problem;
use crate::report::Report;

/// A trustpoint with these keys; they start at column 41.
fn trustpoint(certificate: &str, keys: &str) -> String {
    format!("trustpoints: [{{name: t, certificate: pki/{certificate}, {keys}}}]\n")
}

#[test]
fn keys_and_passphrases_come_from_files_environment_and_credentials() {
    let sources = [
        ("ed25519.pem", "key: pki/ed25519.key"),
        ("ed25519.pem", "key: 'file:pki/ed25519.key'"),
        ("ed25519.pem", "key: env:ED25519_KEY"),
        ("ed25519.pem", "key: credential:ed25519"),
        (
            "rsa.pem",
            "key: pki/encrypted.key, passphrase: file:pki/phrase",
        ),
        ("rsa.pem", "key: pki/encrypted.key, passphrase: env:PHRASE"),
        (
            "rsa.pem",
            "key: pki/encrypted.key, passphrase: credential:phrase",
        ),
        (
            "ed25519.pem",
            "key: pki/encrypted-scrypt.key, passphrase: env:PHRASE",
        ),
    ];
    for (certificate, keys) in sources {
        let report = check(&trustpoint(certificate, keys));
        assert!(!report.has_errors(), "{keys}: {:?}", report.findings);
        assert_eq!(report.policy.unwrap().secrets.len(), 1, "{keys}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_told_where_it_stands() {
    let cases = [
        (
            "rsa.pem",
            "key: env:NONE",
            "trustpoints[0].key: env:NONE: no such variable",
        ),
        (
            "rsa.pem",
            "key: credential:none",
            "credential:none: no such credential",
        ),
        (
            "rsa.pem",
            "key: file:none",
            "trustpoints[0].key: none: no such file",
        ),
        (
            "rsa.pem",
            "key: env:9",
            "expected the path of a file (as it is, or behind file:)",
        ),
        (
            "rsa.pem",
            "key: credential:../shadow",
            "something else, which is not shown",
        ),
        (
            "rsa.pem",
            "key: pki/encrypted.key",
            "is encrypted, expected 'passphrase'",
        ),
        (
            "rsa.pem",
            "key: pki/encrypted.key, passphrase: env:NONE",
            "trustpoints[0].passphrase: env:NONE: no such variable",
        ),
        (
            "rsa.pem",
            "key: pki/encrypted.key, passphrase: file:pki/wrong-phrase",
            "trustpoints[0].passphrase: pki/encrypted.key: this private key does not decrypt",
        ),
        (
            "ed25519.pem",
            "key: pki/encrypted-des3.key, passphrase: env:PHRASE",
            "trustpoints[0].key: pki/encrypted-des3.key: this private key is encrypted in a way",
        ),
        (
            "rsa.pem",
            "passphrase: env:PHRASE",
            "trustpoints[0].key: missing, expected where the certificate's private key is",
        ),
    ];
    for (certificate, keys, expected) in cases {
        let report = check(&trustpoint(certificate, keys));
        let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
        assert!(report.has_errors(), "{keys}: {found:?}");
        let told = |f: &String| f.starts_with("1:") && f.contains(expected);
        assert!(found.iter().any(told), "{keys}: {found:?}");
    }
}

#[test]
fn a_passphrase_that_nothing_needs_is_a_warning() {
    let report = check(&trustpoint(
        "rsa.pem",
        "key: pki/rsa.key, passphrase: env:PHRASE",
    ));
    let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert!(!report.has_errors(), "{found:?}");
    assert!(
        found.iter().any(|f| f.contains("is not encrypted")),
        "{found:?}"
    );
}

/// Secrets where their place should be named.
const MISPLACED: [&str; 4] = [
    "key: pki/encrypted.key, passphrase: hunter2",
    "key: pki/encrypted.key, passphrase: 'hunter2 '",
    "key: \"-----BEGIN PRIVATE KEY-----\\nhunter2\\n-----END PRIVATE KEY-----\\n\"",
    "key: env:hunter2=",
];

#[test]
fn a_secret_in_the_configuration_is_refused_and_not_repeated() {
    for keys in MISPLACED {
        let text = trustpoint("rsa.pem", keys);
        let report = check(&text);
        assert!(report.has_errors(), "{keys}");
        assert!(!format!("{report:?}").contains("hunter2"), "{keys}");
        let changes = diff(b"tcp: {}\n", text.as_bytes()).unwrap();
        let changes: String = changes.iter().map(ToString::to_string).collect();
        assert!(
            !changes.contains("hunter2") && changes.contains("not shown"),
            "{changes}"
        );
    }
    let (before, after) = ("key: env:A", "key: env:B");
    let before = trustpoint("rsa.pem", before);
    let changes = diff(before.as_bytes(), trustpoint("rsa.pem", after).as_bytes()).unwrap();
    assert_eq!(
        changes[0].to_string(),
        "trustpoints[t].key: from \"env:A\" to \"env:B\""
    );
}

#[test]
fn what_is_read_is_not_shown_for_debugging() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("ucproxy.yaml");
    let content = Folder::of(&file).read("Cargo.toml").unwrap();
    assert_eq!(format!("{content:?}"), "FileContent { .. }");
}

#[test]
fn an_onlooker_cannot_say_that_control_lacks_a_secret() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ucproxy.yaml");
    let text = "trustpoints: [{name: t, certificate: rsa.pem, key: env:UCPROXY_NOT_SET}]\n";
    let errors = |folder: Folder| {
        let report = Report::of(text.as_bytes(), &folder, NOW);
        let findings = report.findings.iter();
        let about_key = findings.filter(|f| f.path == "trustpoints[0].key");
        about_key.map(|f| f.severity.name()).collect::<Vec<_>>()
    };
    assert_eq!(errors(Folder::of(&file)), ["error"]);
    assert_eq!(errors(Folder::of_onlooker(&file)), ["warning"]);
    let nowhere = Folder::of(&file).credential("UCPROXY_NOT_THERE");
    assert_eq!(nowhere, Err(FileError::NoCredential));
}

/// The lab as somebody sees it who may read no file that has `key` or `issuer` in its name.
struct Outsider(Lab);

impl Files for Outsider {
    fn read(&self, path: &str) -> Result<FileContent, FileError> {
        match path {
            path if path.contains("key") || path.contains("issuer") => Err(FileError::Hidden),
            path => self.0.read(path),
        }
    }
}

#[test]
fn files_that_only_control_may_read_are_warnings_for_all_others() {
    let text = "\
trustpoints:
  - {name: t, certificate: pki/proxy.pem, key: pki/proxy.key}
  - {name: c, ca: [pki/key-ca.pem]}
license: {model: ASA5520, issuers: [pki/issuer.pub]}
";
    let report = Report::of(text.as_bytes(), &Outsider(Lab::full()), NOW);
    assert!(!report.has_errors(), "{:?}", report.findings);
    let about_files = report
        .findings
        .iter()
        .filter(|f| f.problem == Problem::File);
    let texts: Vec<_> = about_files.map(ToString::to_string).collect();
    let hidden = "not checked, because you may not read it; control will, with its own rights";
    assert_eq!(
        texts,
        [
            format!("2:48: warning: trustpoints[0].key: pki/proxy.key: {hidden}"),
            format!("3:20: warning: trustpoints[1].ca[0]: pki/key-ca.pem: {hidden}"),
            format!("4:37: warning: license.issuers[0]: pki/issuer.pub: {hidden}"),
        ]
    );
}
