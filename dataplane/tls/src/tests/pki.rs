//! Authorities and certificates made for the occasion.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PublicKeyData, RevokedCertParams, RsaKeySize, SanType, SerialNumber, date_time_ymd,
};

use crate::TrustpointSpec;

/// A chain and its key.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) key: Vec<u8>,
}

impl Identity {
    pub(crate) fn spec(&self) -> TrustpointSpec<'_> {
        TrustpointSpec {
            chain: &self.chain,
            key: Some(&self.key),
            ..TrustpointSpec::default()
        }
    }
}

/// What a certificate says.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) name: String,
    pub(crate) alternative_names: Vec<SanType>,
    pub(crate) purposes: Vec<ExtendedKeyUsagePurpose>,
    pub(crate) years: (i32, i32),
    pub(crate) serial: u64,
    pub(crate) authority: bool,
    pub(crate) rsa: bool,
}

impl Leaf {
    /// As a call manager shows it.
    pub(crate) fn server(dns: &str) -> Self {
        Self {
            alternative_names: vec![SanType::DnsName(dns.try_into().unwrap())],
            purposes: vec![ExtendedKeyUsagePurpose::ServerAuth],
            ..Self::phone(dns)
        }
    }

    /// As a phone shows it: a common name, no alternative name, no extended key usage.
    pub(crate) fn phone(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            alternative_names: Vec::new(),
            purposes: Vec::new(),
            years: (2020, 2040),
            serial: 7,
            authority: false,
            rsa: false,
        }
    }

    pub(crate) fn rsa(self) -> Self {
        Self { rsa: true, ..self }
    }

    pub(crate) fn years(self, first: i32, last: i32) -> Self {
        Self {
            years: (first, last),
            ..self
        }
    }

    pub(crate) fn purpose(self, purpose: ExtendedKeyUsagePurpose) -> Self {
        Self {
            purposes: vec![purpose],
            ..self
        }
    }

    /// Marked as an authority, as self-signed certificates of `openssl req -x509` are.
    pub(crate) fn authority(self) -> Self {
        Self {
            authority: true,
            ..self
        }
    }

    pub(crate) fn self_signed(&self) -> Identity {
        let key = self.key();
        let certificate = self.params().self_signed(&key).unwrap();
        Identity {
            chain: vec![certificate.der().to_vec()],
            key: key.serialize_der(),
        }
    }

    fn key(&self) -> KeyPair {
        if self.rsa {
            KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
        } else {
            KeyPair::generate().unwrap()
        }
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, self.name.as_str());
        params.subject_alt_names = self.alternative_names.clone();
        params.extended_key_usages = self.purposes.clone();
        params.not_before = date_time_ymd(self.years.0, 1, 1);
        params.not_after = date_time_ymd(self.years.1, 1, 1);
        params.serial_number = Some(SerialNumber::from(self.serial));
        if self.authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }
}

/// An authority.
pub(crate) struct Ca {
    anchors: Vec<Vec<u8>>,
    /// Certificates between the anchor and this authority, nearest first.
    between: Vec<Vec<u8>>,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let (params, key) = Self::params(name);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            anchors: vec![certificate.der().to_vec()],
            between: Vec::new(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn below(&self, name: &str) -> Self {
        let (params, key) = Self::params(name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let mut between = vec![certificate.der().to_vec()];
        between.extend_from_slice(&self.between);
        Self {
            anchors: self.anchors.clone(),
            between,
            issuer: Issuer::new(params, key),
        }
    }

    fn params(name: &str) -> (CertificateParams, KeyPair) {
        let mut params = Leaf::phone(name).authority().params();
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params, KeyPair::generate().unwrap())
    }

    pub(crate) fn spec(&self) -> TrustpointSpec<'_> {
        TrustpointSpec {
            anchors: &self.anchors,
            ..TrustpointSpec::default()
        }
    }

    pub(crate) fn issue(&self, leaf: &Leaf) -> Identity {
        let key = leaf.key();
        Identity {
            chain: self.certify(leaf, &key),
            key: key.serialize_der(),
        }
    }

    fn certify(&self, leaf: &Leaf, key: &impl PublicKeyData) -> Vec<Vec<u8>> {
        let certificate = leaf.params().signed_by(key, &self.issuer).unwrap();
        let mut chain = vec![certificate.der().to_vec()];
        chain.extend_from_slice(&self.between);
        chain
    }

    /// A list that revokes one serial number.
    pub(crate) fn revoke(&self, serial: u64) -> Vec<u8> {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2030, 1, 1),
            next_update: date_time_ymd(2040, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(serial),
                revocation_time: date_time_ymd(2030, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}
