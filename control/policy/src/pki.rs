//! Certificates, revocation lists and keys as they come in files: PEM or DER.

mod der;
mod encrypted;
mod key;

pub(crate) use encrypted::{DecryptError, decrypt};
pub(crate) use key::matches;

use x509_parser::pem::Pem;
use zeroize::{Zeroize, Zeroizing};

/// What kind of item a file is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Certificate,
    Crl,
}

impl Item {
    /// PEM labels of the kind.
    const fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Certificate => &["CERTIFICATE", "X509 CERTIFICATE"],
            Self::Crl => &["X509 CRL"],
        }
    }

    /// What it is called in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Crl => "revocation list",
        }
    }
}

/// A private key as it was found, DER.
pub(crate) enum PrivateKey {
    /// PKCS #8, PKCS #1 or SEC 1.
    Clear(Zeroizing<Vec<u8>>),
    /// Encrypted PKCS #8.
    Encrypted(Vec<u8>),
}

/// PEM labels of private keys that are not encrypted.
const CLEAR_KEYS: [&str; 3] = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
/// That of one that is (RFC 7468 section 11).
const ENCRYPTED_KEY: &str = "ENCRYPTED PRIVATE KEY";

/// Why the items of a file cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ItemsError {
    #[error("holds PEM that does not read")]
    Malformed,
    #[error("holds no such item")]
    None,
}

/// The items of one kind in a file, DER, in order. Items of other kinds are passed over.
pub(crate) fn items(octets: &[u8], kind: Item) -> Result<Vec<Vec<u8>>, ItemsError> {
    if !is_pem(octets) {
        return Ok(vec![single(octets)?.to_vec()]);
    }
    let mut items = Vec::new();
    for pem in Pem::iter_from_buffer(octets) {
        let mut pem = pem.map_err(|_| ItemsError::Malformed)?;
        if kind.labels().contains(&pem.label.as_str()) {
            items.push(pem.contents);
        } else {
            pem.contents.zeroize();
        }
    }
    if items.is_empty() {
        return Err(ItemsError::None);
    }
    Ok(items)
}

/// The first private key in a file. Items of other kinds are passed over.
pub(crate) fn private_key(octets: &[u8]) -> Result<PrivateKey, ItemsError> {
    if !is_pem(octets) {
        let der = single(octets)?;
        return Ok(if encrypted::is_encrypted(der) {
            PrivateKey::Encrypted(der.to_vec())
        } else {
            PrivateKey::Clear(Zeroizing::new(der.to_vec()))
        });
    }
    for pem in Pem::iter_from_buffer(octets) {
        let pem = pem.map_err(|_| ItemsError::Malformed)?;
        if CLEAR_KEYS.contains(&pem.label.as_str()) {
            return Ok(PrivateKey::Clear(Zeroizing::new(pem.contents)));
        }
        if pem.label == ENCRYPTED_KEY {
            return Ok(PrivateKey::Encrypted(pem.contents));
        }
    }
    Err(ItemsError::None)
}

fn is_pem(octets: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ";
    octets.windows(BEGIN.len()).any(|w| w == BEGIN)
}

/// A file with one item, DER.
fn single(octets: &[u8]) -> Result<&[u8], ItemsError> {
    match octets.first() {
        Some(&der::SEQUENCE) => Ok(octets),
        _ => Err(ItemsError::None),
    }
}
