//! Authorities and certificates, made for each run.

use std::collections::HashMap;
use std::net::IpAddr;

use abi::policy::KeyId;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use worker::Keys;
use zeroize::Zeroizing;

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// The private key, DER.
    pub key: Vec<u8>,
    /// The certificate's serial number.
    pub serial: Vec<u8>,
}

/// Who may use a certificate for what, and when.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    /// Common name.
    pub name: &'a str,
    /// DNS name of a server.
    pub dns: Option<&'a str>,
    /// Addresses of a server.
    pub addresses: &'a [IpAddr],
    /// First and last year, the first of January of each.
    pub years: (i32, i32),
}

impl<'a> Leaf<'a> {
    /// As a phone shows it: good for long, with a name alone.
    #[must_use]
    pub const fn phone(name: &'a str) -> Self {
        Self {
            name,
            dns: None,
            addresses: &[],
            years: (2020, 2100),
        }
    }
}

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    /// Its own certificate, DER.
    pub certificate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    /// Issues a certificate.
    #[must_use]
    pub fn issue(&self, leaf: &Leaf<'_>) -> Identity {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, leaf.name);
        let dns = leaf
            .dns
            .map(|dns| SanType::DnsName(dns.try_into().unwrap()));
        let addresses = leaf.addresses.iter().copied().map(SanType::IpAddress);
        params.subject_alt_names = dns.into_iter().chain(addresses).collect();
        if !params.subject_alt_names.is_empty() {
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ];
        }
        params.not_before = date_time_ymd(leaf.years.0, 1, 1);
        params.not_after = date_time_ymd(leaf.years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        // Any number will do that no other certificate has: one made of the key.
        let serial = key.public_key_raw()[1..17].to_vec();
        params.serial_number = Some(SerialNumber::from(serial.clone()));
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate: certificate.der().to_vec(),
            key: key.serialize_der(),
            serial,
        }
    }

    /// A list that revokes a certificate of its own.
    #[must_use]
    pub fn revoke(&self, identity: &Identity) -> Vec<u8> {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(identity.serial.clone()),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}

/// Private keys, as the management thread holds them.
#[derive(Debug, Default)]
pub struct KeyRing(HashMap<KeyId, Vec<u8>>);

impl KeyRing {
    /// Keeps the key of `identity` and names it.
    pub fn keep(&mut self, identity: &Identity) -> KeyId {
        // Any name will do, as long as it is the key's own.
        let mut name = [0; 32];
        name[..8].copy_from_slice(&(self.0.len() as u64).to_be_bytes());
        self.0.insert(KeyId(name), identity.key.clone());
        KeyId(name)
    }
}

impl Keys for KeyRing {
    fn key(&self, id: &KeyId) -> Option<Zeroizing<Vec<u8>>> {
        self.0.get(id).cloned().map(Zeroizing::new)
    }
}
