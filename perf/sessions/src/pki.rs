//! Certificates of the proxy and of the phones, from one authority.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256, RsaKeySize,
};
use tls::{
    ClientProfile, ClientSpec, LegLimits, TlsContext, TlsProvider, TrustpointSpec, Versions,
    WallClock,
};

/// Name in the proxy's certificate.
const PROXY: &str = "proxy.example.com";

/// RSA keys of 2048 bits on both sides, as phones of the field have them.
fn key() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("keys can be made")
}

/// An authority.
pub(crate) struct Authority {
    der: Vec<u8>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = key();
        let certificate = params.self_signed(&key).expect("authority");
        Self {
            der: certificate.der().to_vec(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("name");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = key();
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
