//! What the proxy reads from a certificate beyond what rustls verifies.

use rustls::pki_types::UnixTime;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Longest common name kept, in characters (X.520 ub-common-name).
const COMMON_NAME_MAX: usize = 64;

/// Facts about one certificate.
#[derive(Debug)]
pub(crate) struct Facts {
    /// First common name of the subject, if it has one.
    pub(crate) common_name: Option<Box<str>>,
    /// Subject and issuer are the same.
    pub(crate) self_issued: bool,
    /// SubjectPublicKeyInfo, DER.
    pub(crate) public_key: Box<[u8]>,
    /// May authenticate a client: no extended key usage, or one that says so.
    pub(crate) client_use: bool,
    /// May authenticate a server: no extended key usage, or one that says so.
    pub(crate) server_use: bool,
    /// First and last second of validity, Unix time.
    valid: (i64, i64),
}

impl Facts {
    /// Reads `der`, which must be one certificate and nothing more.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let usage = certificate.extended_key_usage().ok()?.map(|e| e.value);
        let validity = certificate.validity();
        Some(Self {
            common_name: common_name(&certificate),
            self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            public_key: certificate.public_key().raw.into(),
            client_use: usage.is_none_or(|u| u.any || u.client_auth),
            server_use: usage.is_none_or(|u| u.any || u.server_auth),
            valid: (
                validity.not_before.timestamp(),
                validity.not_after.timestamp(),
            ),
        })
    }

    /// How `now` lies to the time of validity: before it, within it, after it.
    pub(crate) fn compare(&self, now: UnixTime) -> Validity {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let (first, last) = self.valid;
        if now < first {
            Validity::NotYet
        } else if now > last {
            Validity::Expired
        } else {
            Validity::Valid
        }
    }
}

/// Whether a certificate is in its time of validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    NotYet,
    Valid,
    Expired,
}

/// The subject's common name, fit to be shown: bounded, with no control characters in it.
fn common_name(certificate: &X509Certificate<'_>) -> Option<Box<str>> {
    let name = certificate.subject().iter_common_name().next()?;
    let text: String = name
        .as_str()
        .ok()?
        .chars()
        .take(COMMON_NAME_MAX)
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect();
    Some(text.into_boxed_str())
}
