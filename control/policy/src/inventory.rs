//! The certificates of a policy in force, for people and Prometheus: what they say, and what uses
//! them. Keys are not in a policy.

use abi::policy::{Application, PolicyImage, Trustpoint};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// What a certificate is to its trustpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateRole {
    /// We show it.
    Identity,
    /// We show it after our own, to lead to its authority.
    Chain,
    /// It signs what is trusted.
    Anchor,
    /// It is trusted itself.
    Pinned,
}

impl CertificateRole {
    /// One word for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Chain => "chain",
            Self::Anchor => "anchor",
            Self::Pinned => "pinned",
        }
    }
}

/// A certificate of a trustpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCertificate {
    /// Name of its trustpoint.
    pub trustpoint: String,
    /// What it is to the trustpoint.
    pub role: CertificateRole,
    /// Distinguished name of its owner.
    pub subject: String,
    /// Distinguished name of who signed it.
    pub issuer: String,
    /// Serial number, octets in hexadecimal.
    pub serial: String,
    /// First second at which it holds, since 1970.
    pub not_before: i64,
    /// Last second at which it holds, since 1970.
    pub not_after: i64,
    /// Names of the applications that use the trustpoint.
    pub used_by: Vec<String>,
}

/// Every certificate of `image`, by trustpoint; those that do not read are left out.
#[must_use]
pub fn certificates(image: &PolicyImage) -> Vec<HeldCertificate> {
    let trustpoints = (0_u16..).zip(&image.trustpoints);
    trustpoints
        .flat_map(|(index, trustpoint)| {
            let users: Vec<_> = image.apps.iter().filter(|app| uses(app, index)).collect();
            let names: Vec<_> = users.iter().map(|app| app.name.clone()).collect();
            roles(trustpoint)
                .filter_map(move |(role, der)| read(trustpoint, role, der, names.clone()))
        })
        .collect()
}

fn roles(trustpoint: &Trustpoint) -> impl Iterator<Item = (CertificateRole, &Vec<u8>)> {
    let own = trustpoint
        .chain
        .iter()
        .enumerate()
        .map(|(at, der)| match at {
            0 => (CertificateRole::Identity, der),
            _ => (CertificateRole::Chain, der),
        });
    let anchors = trustpoint.anchors.iter();
    let pinned = trustpoint.pinned.iter();
    own.chain(anchors.map(|der| (CertificateRole::Anchor, der)))
        .chain(pinned.map(|der| (CertificateRole::Pinned, der)))
}

fn uses(app: &Application, trustpoint: u16) -> bool {
    let by_server = app
        .client_tls
        .as_ref()
        .is_some_and(|tls| tls.identity == trustpoint || tls.trust.contains(&trustpoint));
    let by_client = app
        .server_tls
        .as_ref()
        .is_some_and(|tls| tls.identity == Some(trustpoint) || tls.trust.contains(&trustpoint));
    by_server || by_client
}

fn read(
    trustpoint: &Trustpoint,
    role: CertificateRole,
    der: &[u8],
    used_by: Vec<String>,
) -> Option<HeldCertificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(HeldCertificate {
        trustpoint: trustpoint.name.clone(),
        role,
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        serial: certificate.raw_serial_as_string(),
        not_before: certificate.validity().not_before.timestamp(),
        not_after: certificate.validity().not_after.timestamp(),
        used_by,
    })
}
