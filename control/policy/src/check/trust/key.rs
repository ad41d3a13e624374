//! The private key of a trustpoint.

use abi::policy::KeyId;
use abi::secrets::Secret;
use ring::digest::{SHA256, digest};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

use crate::document::{Findings, NodeId};
use crate::files::{FileContent, Files};
use crate::finding::Problem;
use crate::pki::{self, DecryptError, PrivateKey};
use crate::raw::RawTrustpoint;
use crate::section::At;
use crate::value::{KeySource, SecretSource};

/// The key of `item`, if it belongs to the certificate `leaf` (DER).
pub(super) fn secret(
    findings: &mut Findings<'_>,
    files: &dyn Files,
    item: &At<RawTrustpoint>,
    leaf: Option<&Vec<u8>>,
) -> Option<Secret> {
    let source = source(findings, item)?;
    let der = der(findings, files, item, source)?;
    let leaf = leaf?;
    let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
    if let Err(error) = pki::matches(&parsed, &der) {
        let message = format!("{}: this private key {error}", source.0.shown());
        findings.error(source.node, Problem::Key, message);
        return None;
    }
    Some(Secret {
        id: key_id(leaf),
        der: der.to_vec(),
    })
}

/// Where the key is; a certificate and its key come together.
fn source<'r>(
    findings: &mut Findings<'_>,
    item: &'r At<RawTrustpoint>,
) -> Option<&'r At<KeySource>> {
    let gives = |key| findings.doc.gives(item.node, key);
    let (node, missing, what) = match (&item.certificate, &item.key, &item.passphrase) {
        (Some(_), Some(source), _) => return Some(source),
        (None, None, None) => return None,
        (Some(at), None, _) => (at.node, "key", "where the certificate's private key is"),
        (None, Some(at), _) => (at.node, "certificate", "the file of the key's certificate"),
        (None, None, Some(_)) if gives("certificate") => return None,
        (None, None, Some(at)) => (at.node, "key", "where the key of the passphrase is"),
    };
    // One that is there and wrong was noted where it stands.
    if gives(missing) {
        return None;
    }
    let message = format!("missing, expected {what}");
    let place = findings.doc.place(node);
    findings.error_at_key(item.node, missing, place, Problem::MissingKey, message);
    None
}

/// The key in clear, DER.
fn der(
    findings: &mut Findings<'_>,
    files: &dyn Files,
    item: &At<RawTrustpoint>,
    source: &At<KeySource>,
) -> Option<Zeroizing<Vec<u8>>> {
    let content = read(findings, files, source.node, &source.0)?;
    let shown = source.0.shown();
    match (pki::private_key(&content.octets), &item.passphrase) {
        (Ok(PrivateKey::Clear(key)), None) => Some(key),
        (Ok(PrivateKey::Clear(key)), Some(passphrase)) => {
            let message = "the private key is not encrypted";
            findings
                .warning(passphrase.node, Problem::Unused, message)
                .fix("leave 'passphrase' out");
            Some(key)
        }
        (Ok(PrivateKey::Encrypted(key)), Some(passphrase)) => {
            let content = read(findings, files, passphrase.node, &passphrase.0)?;
            let decrypted = pki::decrypt(&key, line(&content.octets));
            let refused = |error: DecryptError| {
                let node = match error {
                    DecryptError::WrongPassphrase => passphrase.node,
                    DecryptError::Unsupported | DecryptError::TooCostly => source.node,
                };
                let message = format!("{shown}: this private key {error}");
                findings.error(node, Problem::Key, message);
            };
            decrypted.map_err(refused).ok()
        }
        (Ok(PrivateKey::Encrypted(_)), None) if findings.doc.gives(item.node, "passphrase") => None,
        (Ok(PrivateKey::Encrypted(_)), None) => {
            let message = format!("{shown}: this private key is encrypted, expected 'passphrase'");
            findings
                .error(source.node, Problem::Key, message)
                .fix("say with 'passphrase' where its passphrase is");
            None
        }
        (Err(error), _) => {
            let message = format!("{shown}: expected a private key, it {error}");
            findings.error(source.node, Problem::Key, message);
            None
        }
    }
}

/// What is at `source`, where `node` says so.
fn read(
    findings: &mut Findings<'_>,
    files: &dyn Files,
    node: NodeId,
    source: &SecretSource,
) -> Option<FileContent> {
    let content = match source.read(files) {
        Ok(content) => content,
        Err(error) => {
            findings.unread(node, &source.shown(), error);
            return None;
        }
    };
    if content.world_readable {
        let fix = match source {
            SecretSource::File(path) => Some(format!("chmod 600 {path}")),
            SecretSource::Variable(_) | SecretSource::Credential(_) => None,
        };
        let message = "anybody on this machine may read this secret";
        findings.warning(node, Problem::Key, message).fix_if(fix);
    }
    Some(content)
}

/// A passphrase without the end of its line, which editors add.
fn line(octets: &[u8]) -> &[u8] {
    let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
    octets.strip_suffix(b"\r").unwrap_or(octets)
}

/// What names the key of `certificate` (DER).
fn key_id(certificate: &[u8]) -> KeyId {
    let mut id = [0; 32];
    for (to, from) in id.iter_mut().zip(digest(&SHA256, certificate).as_ref()) {
        *to = *from;
    }
    KeyId(id)
}
