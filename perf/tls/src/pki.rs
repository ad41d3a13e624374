//! A phone and a call manager with certificates of one kind of key.

use std::net::{IpAddr, Ipv4Addr};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, RsaKeySize,
};
use tls::{
    ClientAuth, ClientProfile, ClientSpec, LegLimits, ServerProfile, ServerSpec, State, Target,
    TlsContext, TlsLeg, TlsProvider, TrustpointSpec, Versions, WallClock,
};

const NAME: &str = "ucm.example.com";
pub(crate) const TARGET: Target<'static> = Target {
    address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)),
    client_sni: None,
};

/// Kind of the keys.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keys {
    Rsa2048,
    EcdsaP256,
}

impl Keys {
    fn generate(self) -> KeyPair {
        match self {
            Self::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::EcdsaP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        }
        .expect("keys can be generated")
    }
}

/// Certificates of both sides from one authority.
pub(crate) struct Pki {
    pub(crate) anchor: Vec<u8>,
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl Pki {
    pub(crate) fn new(keys: Keys) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = keys.generate();
        let anchor = params.self_signed(&key).expect("authority");
        let issuer = Issuer::new(params, key);

        let mut params = CertificateParams::new(vec![NAME.to_owned()]).expect("name");
        params.distinguished_name.push(DnType::CommonName, NAME);
        let key = keys.generate();
        let certificate = params.signed_by(&key, &issuer).expect("certificate");
        Self {
            anchor: anchor.der().to_vec(),
            certificate: certificate.der().to_vec(),
            key: key.serialize_der(),
        }
    }
}

/// The profiles of both sides, each demanding the other's certificate.
pub(crate) struct Profiles {
    pub(crate) server: ServerProfile,
    pub(crate) client: ClientProfile,
}

impl Profiles {
    pub(crate) fn new(pki: &Pki, provider: TlsProvider, versions: Versions) -> Self {
        Self::resuming(pki, provider, versions, false)
    }

    pub(crate) fn resuming(
        pki: &Pki,
        provider: TlsProvider,
        versions: Versions,
        resumption: bool,
    ) -> Self {
        let tls = TlsContext::new(provider, WallClock::System, LegLimits::default());
        let trustpoint = tls
            .trustpoint(&TrustpointSpec {
                index: 0,
                chain: std::slice::from_ref(&pki.certificate),
                key: Some(&pki.key),
                anchors: std::slice::from_ref(&pki.anchor),
                pinned: &[],
                crls: &[],
            })
            .expect("trustpoint");
        let server = tls.server(&ServerSpec {
            identity: &trustpoint,
            client_auth: ClientAuth::Required,
            trust: &[&trustpoint],
            versions,
            resumption,
        });
        let client = tls.client(&ClientSpec {
            identity: Some(&trustpoint),
            trust: &[&trustpoint],
            verify_name: Some(NAME),
            pass_sni: false,
            versions,
            resumption,
        });
        Self {
            server: server.expect("server profile"),
            client: client.expect("client profile"),
        }
    }

    /// Two legs that have yet to shake hands.
    pub(crate) fn pair(&self) -> (Box<TlsLeg>, Box<TlsLeg>) {
        let client = TlsLeg::client(&self.client, &TARGET);
        let server = TlsLeg::server(&self.server);
        (Box::new(client), Box::new(server))
    }

    /// Two legs that have shaken hands and exchanged a message.
    pub(crate) fn open_pair(&self) -> (Box<TlsLeg>, Box<TlsLeg>) {
        let (mut client, mut server) = self.pair();
        while client.state() != State::Open || server.state() != State::Open {
            client.step();
            carry(&mut client, &mut server);
            server.step();
            carry(&mut server, &mut client);
        }
        carry(&mut client, &mut server);
        carry(&mut server, &mut client);
        exchange(&mut client, &mut server, b"REGISTER");
        exchange(&mut server, &mut client, b"200 OK");
        (client, server)
    }
}

/// Carries what `from` has to send.
pub(crate) fn carry(from: &mut TlsLeg, to: &mut TlsLeg) {
    from.take_output(|octets| to.feed(octets));
}

/// Sends one message and takes it at the other end.
pub(crate) fn exchange(from: &mut TlsLeg, to: &mut TlsLeg, message: &[u8]) {
    from.write(message);
    carry(from, to);
    to.take_plaintext(<[u8]>::len);
}
