//! Certificates of the proxy and of the phones, from one authority.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, RsaKeySize,
};
use tls::{
    ClientProfile, ClientSpec, LegLimits, TlsContext, TlsProvider, TrustpointSpec, Versions,
    WallClock,
};

/// Name in the proxy's certificate.
const PROXY: &str = "proxy.example.com";

/// Kinds of keys that certificates have, on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// RSA of 2048 bits, as phones of the field have them.
    Rsa2048,
    /// ECDSA on P-256, with which sessions are set up several times as fast.
    P256,
}

impl Keys {
    fn make(self) -> KeyPair {
        let made = match self {
            Self::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        };
        made.expect("keys can be made")
    }
}

/// An authority.
#[derive(Debug)]
pub struct Authority {
    keys: Keys,
    der: Vec<u8>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, which gives out certificates with `keys`.
    #[must_use]
    pub(crate) fn new(keys: Keys) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = keys.make();
        let certificate = params.self_signed(&key).expect("authority");
        Self {
            keys,
            der: certificate.der().to_vec(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("name");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = self.keys.make();
        let certificate = params.signed_by(&key, &self.issuer).expect("certificate");
        (certificate, key)
    }

    /// Writes what the proxy's configuration names: `ca.pem`, `proxy.pem` and `proxy.key`.
    pub(crate) fn write_proxy(&self, dir: &Path) {
        let (certificate, key) = self.issue(PROXY);
        for (name, text) in [
            ("ca.pem", self.pem.clone()),
            ("proxy.pem", certificate.pem()),
            ("proxy.key", key.serialize_pem()),
        ] {
            fs::write(dir.join(name), text).expect("a certificate can be written");
        }
    }

    /// How phones connect.
    pub(crate) fn phones(&self, versions: Versions) -> ClientProfile {
        let (certificate, key) = self.issue("phone.example.com");
        let tls = TlsContext::new(
            TlsProvider::AwsLcRs,
            WallClock::System,
            LegLimits::default(),
        );
        let trustpoint = tls
            .trustpoint(&TrustpointSpec {
                chain: &[certificate.der().to_vec()],
                key: Some(&key.serialize_der()),
                anchors: std::slice::from_ref(&self.der),
                ..TrustpointSpec::default()
            })
            .expect("trustpoint");
        tls.client(&ClientSpec {
            identity: Some(&trustpoint),
            trust: &[&trustpoint],
            verify_name: Some(PROXY),
            pass_sni: false,
            versions,
            resumption: false,
        })
        .expect("profile")
    }
}
