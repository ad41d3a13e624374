//! Certificates and keys of every kind that may be configured.

use std::path::Path;

use abi::policy::KeyId;
use ring::digest::{SHA256, digest};

use super::lab::{Lab, NOW, check};
use crate::CertificateRole;
use crate::files::{FileError, Files, Folder};
use crate::finding::Problem;

fn identity(certificate: &str, key: &str) -> Vec<String> {
    let text =
        format!("trustpoints: [{{name: t, certificate: pki/{certificate}, key: pki/{key}}}]\n");
    let report = check(&text);
    let findings = report.findings.iter();
    findings
        .filter(|f| f.problem != Problem::Unused)
        .map(|f| f.message.clone())
        .collect()
}

#[test]
fn keys_of_every_supported_kind_are_held_against_their_certificates() {
    let pairs = [
        ("proxy.pem", "proxy.key"),
        ("proxy.der", "proxy.key.der"),
        ("proxy-chain.pem", "proxy.key"),
        ("rsa.pem", "rsa.key"),
        ("rsa.pem", "rsa-pkcs1.key"),
        ("p384.pem", "p384-sec1.key"),
        ("ed25519.pem", "ed25519.key"),
    ];
    for (certificate, key) in pairs {
        assert_eq!(identity(certificate, key), [""; 0], "{certificate} {key}");
    }
}

#[test]
fn keys_of_other_certificates_are_refused() {
    let pairs = [
        ("proxy.pem", "other.key", "does not belong"),
        ("proxy.pem", "rsa.key", "another kind"),
        ("proxy.pem", "p384-sec1.key", "does not belong"),
        ("rsa.pem", "proxy.key", "another kind"),
        ("rsa.pem", "p384-sec1.key", "another kind"),
        ("ed25519.pem", "proxy.key", "another kind"),
        ("p384.pem", "proxy.key", "does not belong"),
        ("p521.pem", "p521.key", "not supported"),
        (
            "proxy.pem",
            "encrypted.key",
            "is encrypted, expected 'passphrase'",
        ),
        ("proxy.pem", "bad.der", "does not read"),
        ("proxy.pem", "proxy.pem", "holds no such item"),
    ];
    for (certificate, key, expected) in pairs {
        let found = identity(certificate, key);
        assert_eq!(found.len(), 1, "{certificate} {key}: {found:?}");
        assert!(
            found[0].contains(expected),
            "{certificate} {key}: {found:?}"
        );
    }
}

#[test]
fn a_key_is_named_by_its_certificate_and_kept_out_of_the_image() {
    let text = "\
trustpoints:
  - {name: t, certificate: pki/proxy-chain.pem, key: pki/proxy.key}
  - {name: again, certificate: pki/proxy.pem, key: pki/proxy.key}
";
    let policy = check(text).policy.unwrap();
    let leaf = Lab::full().read("pki/proxy.der").unwrap().octets;
    let mut id = [0; 32];
    id.copy_from_slice(digest(&SHA256, &leaf).as_ref());
    let trustpoint = &policy.image.trustpoints[0];
    assert_eq!(trustpoint.key, Some(KeyId(id)));
    assert_eq!(trustpoint.chain.len(), 2);
    assert_eq!(trustpoint.chain[0], *leaf);
    assert_eq!(policy.secrets.len(), 1, "the same key is sent once");
    let image = policy.image.encode().unwrap();
    let key = &policy.secrets[0].der;
    assert!(!image.windows(key.len()).any(|window| window == key));
    assert!(!format!("{policy:?}").contains("der"));
}

#[test]
fn certificates_out_of_date_are_errors_that_still_leave_a_policy() {
    for name in ["expired", "early"] {
        let text = format!(
            "trustpoints: [{{name: t, certificate: pki/{name}.pem, key: pki/{name}.key}}]\n"
        );
        let report = check(&text);
        assert!(report.has_errors(), "{name}");
        assert!(report.policy.is_some(), "{name}");
    }
    let text = "trustpoints: [{name: t, certificate: pki/soon.pem, key: pki/soon.key}]\n";
    let report = check(text);
    assert!(!report.has_errors());
    let soon = |f: &crate::Finding| f.message.contains("expires in 29 days");
    assert!(report.findings.iter().any(soon));
}

#[test]
fn bundles_and_der_files_are_read_whole() {
    let text = "trustpoints: [{name: t, ca: [pki/both-ca.pem, pki/phones-ca.der]}]\n";
    assert_eq!(
        check(text).policy.unwrap().image.trustpoints[0]
            .anchors
            .len(),
        3
    );
}

#[test]
fn only_regular_files_of_a_sane_size_are_read() {
    let folder = Folder::of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("ucproxy.yaml"));
    assert!(folder.read("Cargo.toml").is_ok());
    assert_eq!(folder.read("nowhere"), Err(FileError::NotFound));
    assert_eq!(folder.read("src"), Err(FileError::NotRegular));
    assert_eq!(folder.read("/dev/zero"), Err(FileError::NotRegular));
}

#[test]
fn a_clock_at_either_end_of_time_is_survived() {
    let text = b"trustpoints: [{name: t, certificate: pki/proxy.pem, key: pki/proxy.key}]\n";
    for now in [0, NOW, u64::MAX] {
        let report = crate::Report::of(text, &Lab::full(), now);
        assert_eq!(report.has_errors(), now != NOW);
    }
}

#[test]
fn certificates_of_an_image_are_listed_with_what_uses_them() {
    let text = "\
trustpoints:
  - {name: t, certificate: pki/proxy-chain.pem, key: pki/proxy.key}
";
    let image = check(text).policy.unwrap().image;
    let held = crate::certificates(&image);
    let roles: Vec<_> = held.iter().map(|held| held.role).collect();
    assert_eq!(roles, [CertificateRole::Identity, CertificateRole::Chain]);
    assert_eq!(held[0].issuer, held[1].subject);
    assert!(held[0].not_before < held[0].not_after && held[0].used_by.is_empty());
    assert!(!held[0].serial.is_empty());
}
