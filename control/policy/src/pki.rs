//! Certificates, revocation lists and keys as they come in files: PEM or DER.

mod der;
mod key;

pub(crate) use key::matches;

use x509_parser::pem::Pem;
use zeroize::Zeroize;

/// What kind of item a file is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Certificate,
    Crl,
    Key,
}

impl Item {
    /// PEM labels of the kind.
    const fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Certificate => &["CERTIFICATE", "X509 CERTIFICATE"],
            Self::Crl => &["X509 CRL"],
            Self::Key => &["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"],
        }
    }

    /// What it is called in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Crl => "revocation list",
            Self::Key => "private key",
        }
    }
}

/// Why the items of a file cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ItemsError {
    #[error("holds PEM that does not read")]
    Malformed,
    #[error("holds no such item")]
    None,
    #[error("holds a key encrypted with a password")]
    Encrypted,
}

/// The items of one kind in a file, DER, in order. Items of other kinds are passed over.
pub(crate) fn items(octets: &[u8], kind: Item) -> Result<Vec<Vec<u8>>, ItemsError> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    if !octets.windows(BEGIN.len()).any(|w| w == BEGIN) {
        return match octets.first() {
            Some(&der::SEQUENCE) => Ok(vec![octets.to_vec()]),
            _ => Err(ItemsError::None),
        };
    }
    let mut items = Vec::new();
    let mut encrypted = false;
    for pem in Pem::iter_from_buffer(octets) {
        let mut pem = pem.map_err(|_| ItemsError::Malformed)?;
        encrypted |= pem.label == "ENCRYPTED PRIVATE KEY";
        if kind.labels().contains(&pem.label.as_str()) {
            items.push(pem.contents);
        } else {
            pem.contents.zeroize();
        }
    }
    if items.is_empty() {
        let hidden = encrypted && kind == Item::Key;
        return Err(if hidden {
            ItemsError::Encrypted
        } else {
            ItemsError::None
        });
    }
    Ok(items)
}
