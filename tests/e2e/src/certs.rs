//! A certificate authority for one run, and the good and bad certificates that it issues.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber, date_time_ymd,
};

use crate::error::{Failure, Result};

/// Files of a certificate with its key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate, PEM.
    pub cert: PathBuf,
    /// The private key (PKCS #8), PEM.
    pub key: PathBuf,
    /// Both in one file, as baresip wants them.
    pub both: PathBuf,
    /// Serial number of the certificate.
    pub serial: Vec<u8>,
}

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Common name; also the files' name.
    pub name: &'a str,
    /// Subject alternative names: addresses or DNS names.
    pub alt_names: &'a [&'a str],
    /// For TLS servers.
    pub server: bool,
    /// For TLS clients.
    pub client: bool,
    /// Whether it is valid today.
    pub validity: Validity,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Now.
    Current,
    /// Some time ago.
    Expired,
    /// In years to come.
    NotYet,
}

impl<'a> Request<'a> {
    /// A certificate for a phone.
    #[must_use]
    pub const fn phone(name: &'a str) -> Self {
        Self {
            name,
            alt_names: &[],
            server: false,
            client: true,
            validity: Validity::Current,
        }
    }

    /// A certificate for a server, which also connects to others.
    #[must_use]
    pub const fn server(name: &'a str, alt_names: &'a [&'a str]) -> Self {
        Self {
            name,
            alt_names,
            server: true,
            client: true,
            validity: Validity::Current,
        }
    }
}

/// A certificate authority whose files lie in one folder.
pub struct Authority {
    dir: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
    ca: PathBuf,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("ca", &self.ca)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a root.
    ///
    /// # Errors
    /// When a key cannot be made or a file cannot be written.
    pub fn create(dir: &Path, name: &str) -> Result<Self> {
        fs::create_dir_all(dir).map_err(|e| Failure::io("make", dir, e))?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "ucproxy e2e");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(failed)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
        let ca = dir.join(format!("{name}.pem"));
        write(&ca, &issuer.pem())?;
        Ok(Self {
            dir: dir.to_owned(),
            issuer,
            ca,
        })
    }

    /// The root's certificate, PEM.
    #[must_use]
    pub fn ca(&self) -> &Path {
        &self.ca
    }

    /// Issues a certificate.
    ///
    /// # Errors
    /// When a key cannot be made or a file cannot be written.
    pub fn issue(&self, request: &Request<'_>) -> Result<Identity> {
        let key = KeyPair::generate().map_err(failed)?;
        let cert = params(request, &key)?
            .signed_by(&key, &self.issuer)
            .map_err(failed)?;
        self.store(request.name, &cert.pem(), &key)
    }

    /// Makes a certificate that nobody issued but itself.
    ///
    /// # Errors
    /// When a key cannot be made or a file cannot be written.
    pub fn self_signed(&self, request: &Request<'_>) -> Result<Identity> {
        let key = KeyPair::generate().map_err(failed)?;
        let cert = params(request, &key)?.self_signed(&key).map_err(failed)?;
        self.store(request.name, &cert.pem(), &key)
    }

    /// Revokes a certificate: writes a list that names it alone, PEM.
    ///
    /// # Errors
    /// When the list cannot be signed or written.
    pub fn revoke(&self, identity: &Identity) -> Result<PathBuf> {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(identity.serial.clone()),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2049, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).map_err(failed)?;
        let path = self.dir.join("crl.pem");
        write(&path, &list.pem().map_err(failed)?)?;
        Ok(path)
    }

    fn store(&self, name: &str, cert_pem: &str, key: &KeyPair) -> Result<Identity> {
        let path = |suffix: &str| self.dir.join(format!("{name}{suffix}.pem"));
        let identity = Identity {
            cert: path(""),
            key: path("-key"),
            both: path("-both"),
            serial: serial(key),
        };
        let key_pem = key.serialize_pem();
        write(&identity.cert, cert_pem)?;
        write(&identity.key, &key_pem)?;
        write(&identity.both, &format!("{cert_pem}{key_pem}"))?;
        Ok(identity)
    }
}

/// A number that no other certificate has: one made of its key.
fn serial(key: &KeyPair) -> Vec<u8> {
    key.public_key_raw()
        .iter()
        .skip(1)
        .take(16)
        .copied()
        .collect()
}

fn params(request: &Request<'_>, key: &KeyPair) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from(serial(key)));
    params
        .distinguished_name
        .push(DnType::OrganizationName, "ucproxy e2e");
    params
        .distinguished_name
        .push(DnType::CommonName, request.name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if request.server {
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    if request.client {
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    for name in request.alt_names {
        let san = match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*name).try_into().map_err(failed)?),
        };
        params.subject_alt_names.push(san);
    }
    (params.not_before, params.not_after) = match request.validity {
        Validity::Current => (date_time_ymd(2020, 1, 1), date_time_ymd(2049, 1, 1)),
        Validity::Expired => (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1)),
        Validity::NotYet => (date_time_ymd(2048, 1, 1), date_time_ymd(2049, 1, 1)),
    };
    Ok(params)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|e| Failure::io("write", path, e))
}

fn failed(error: rcgen::Error) -> Failure {
    Failure::Unexpected(format!("certificate: {error}"))
}
