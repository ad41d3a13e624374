//! Files that tests name: certificates made on the spot, and a few that cannot be.

use std::collections::HashMap;
use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, SerialNumber,
};

use crate::files::{FileContent, FileError, Files};
use crate::report::Report;

/// The time of every test, seconds since 1970.
pub(super) const NOW: u64 = 2_000_000_000;

/// The public key of RFC 8032 section 7.1, test 1.
const ISSUER: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
";

const DAY: i64 = 86_400;

/// Files by path.
pub(super) struct Lab(Option<&'static HashMap<String, FileContent>>);

impl Lab {
    /// No files at all.
    pub(super) const EMPTY: Self = Self(None);

    /// The files that [`files`] makes.
    pub(super) fn full() -> Self {
        static FILES: OnceLock<HashMap<String, FileContent>> = OnceLock::new();
        Self(Some(FILES.get_or_init(files)))
    }
}

impl Files for Lab {
    fn read(&self, path: &str) -> Result<FileContent, FileError> {
        match path {
            "pki/secret.key" => Err(FileError::Denied),
            "pki" => Err(FileError::NotRegular),
            _ => self
                .0
                .and_then(|files| files.get(path).cloned())
                .ok_or(FileError::NotFound),
        }
    }

    /// Variables and credentials are files of another folder each.
    fn variable(&self, name: &str) -> Result<FileContent, FileError> {
        let found = self.read(&format!("env/{name}"));
        found.map_err(|_| FileError::NoVariable)
    }

    fn credential(&self, name: &str) -> Result<FileContent, FileError> {
        let found = self.read(&format!("credentials/{name}"));
        found.map_err(|_| FileError::NoCredential)
    }
}

/// Checks a configuration against the full lab.
pub(super) fn check(text: &str) -> Report {
    Report::of(text.as_bytes(), &Lab::full(), NOW)
}

/// A certificate's parameters, valid from and to so many days from now.
fn params(name: &str, from: i64, to: i64) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let at = |days: i64| {
        rcgen::date_time_ymd(1970, 1, 1)
            + std::time::Duration::from_secs(NOW.checked_add_signed(days * DAY).unwrap())
    };
    params.not_before = at(from);
    params.not_after = at(to);
    params
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = params(name, -1, 3_650);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn files() -> HashMap<String, FileContent> {
    let mut files = HashMap::new();
    let mut put = |path: &str, octets: Vec<u8>| {
        let world_readable = path.contains("open");
        let content = FileContent {
            octets: octets.into(),
            world_readable,
        };
        let path = match path {
            path if path.contains('/') => path.to_owned(),
            path => format!("pki/{path}"),
        };
        files.insert(path, content);
    };
    let phones = authority("Phones CA");
    put("phones-ca.pem", phones.pem().into_bytes());
    put("phones-ca.der", phones.der().to_vec());
    let cluster = authority("Cluster CA");
    put("cluster-ca.pem", cluster.pem().into_bytes());
    put("both-ca.pem", (phones.pem() + &cluster.pem()).into_bytes());
    put("phones.crl", crl(&phones, 30).into_bytes());
    put("phones-old.crl", crl(&phones, -1).into_bytes());

    let leaves = [
        ("proxy", -1, 365),
        ("other", -1, 365),
        ("lab-cucm", -1, 365),
        ("expired", -30, -1),
        ("early", 2, 30),
        ("soon", -1, 29),
    ];
    for (name, from, to) in leaves {
        let key = KeyPair::generate().unwrap();
        let leaf = params(&format!("{name}.example.com"), from, to)
            .signed_by(&key, &cluster)
            .unwrap();
        put(&format!("{name}.pem"), leaf.pem().into_bytes());
        put(&format!("{name}.der"), leaf.der().to_vec());
        put(&format!("{name}.key"), key.serialize_pem().into_bytes());
        put(
            &format!("{name}-open.key"),
            key.serialize_pem().into_bytes(),
        );
        put(&format!("{name}.key.der"), key.serialize_der());
        let chain = leaf.pem() + &cluster.pem();
        put(&format!("{name}-chain.pem"), chain.into_bytes());
        let jumbled = leaf.pem() + &phones.pem();
        put(&format!("{name}-jumbled.pem"), jumbled.into_bytes());
    }
    put("issuer.pub", ISSUER.as_bytes().to_vec());
    put(
        "garbage.pem",
        b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n".into(),
    );
    put("bad.der", vec![0x30, 0x82, 0xff, 0xff, 1, 2, 3]);
    put("empty.pem", Vec::new());
    put("text.pem", b"hello".into());
    for (name, octets) in FIXED {
        put(name, octets.to_vec());
    }
    files
}

fn crl(issuer: &CertifiedIssuer<'_, KeyPair>, days: i64) -> String {
    let now = params("x", 0, days);
    let params = CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2020, 1, 1),
        next_update: now.not_after,
        crl_number: SerialNumber::from(1u64),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().pem().unwrap()
}

/// Files that were made with the openssl command, the passphrase of the encrypted ones, and both
/// where variables and credentials are.
const FIXED: [(&str, &[u8]); 18] = [
    ("rsa.pem", include_bytes!("../../tests/data/rsa.pem")),
    ("rsa.key", include_bytes!("../../tests/data/rsa.key")),
    (
        "rsa-pkcs1.key",
        include_bytes!("../../tests/data/rsa-pkcs1.key"),
    ),
    (
        "encrypted.key",
        include_bytes!("../../tests/data/encrypted.key"),
    ),
    (
        "encrypted-scrypt.key",
        include_bytes!("../../tests/data/encrypted-scrypt.key"),
    ),
    (
        "encrypted-des3.key",
        include_bytes!("../../tests/data/encrypted-des3.key"),
    ),
    ("p384.pem", include_bytes!("../../tests/data/p384.pem")),
    (
        "p384-sec1.key",
        include_bytes!("../../tests/data/p384-sec1.key"),
    ),
    ("p521.pem", include_bytes!("../../tests/data/p521.pem")),
    ("p521.key", include_bytes!("../../tests/data/p521.key")),
    (
        "ed25519.pem",
        include_bytes!("../../tests/data/ed25519.pem"),
    ),
    (
        "ed25519.key",
        include_bytes!("../../tests/data/ed25519.key"),
    ),
    ("phrase", b"swordfish\n"),
    ("wrong-phrase", b"Swordfish"),
    ("env/PHRASE", b"swordfish"),
    ("credentials/phrase", b"swordfish\r\n"),
    (
        "env/ED25519_KEY",
        include_bytes!("../../tests/data/ed25519.key"),
    ),
    (
        "credentials/ed25519",
        include_bytes!("../../tests/data/ed25519.key"),
    ),
];
