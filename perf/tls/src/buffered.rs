//! rustls's buffered connections, which `tls` could have been built on.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig,
    ServerConnection, SideData,
};
use tls::TlsProvider;

use crate::pki::Pki;

/// Configuration of both sides.
pub(crate) struct Buffered {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

#[expect(dead_code, reason = "held for the memory that it takes")]
pub(crate) enum BufferedLeg {
    Server(Box<ServerConnection>),
    Client(Box<ClientConnection>),
}

impl Buffered {
    pub(crate) fn new(pki: &Pki, provider: TlsProvider, version: &str) -> Self {
        let provider = Arc::new(match provider {
            TlsProvider::AwsLcRs => rustls::crypto::aws_lc_rs::default_provider(),
            TlsProvider::Ring => rustls::crypto::ring::default_provider(),
        });
        let versions = match version {
            "1.2" => &[&rustls::version::TLS12],
            _ => &[&rustls::version::TLS13],
        };
        let chain = vec![CertificateDer::from(pki.certificate.clone())];
        let key = || PrivateKeyDer::try_from(pki.key.clone()).expect("key");
        let mut roots = RootCertStore::empty();
        roots.add(pki.anchor.clone().into()).expect("anchor");
        let roots = Arc::new(roots);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("verifier"))
            .with_single_cert(chain.clone(), key())
            .expect("identity");
        server.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key())
            .expect("identity");
        client.resumption = rustls::client::Resumption::disabled();
        Self {
            server: Arc::new(server),
            client: Arc::new(client),
        }
    }

    /// One side of a connection that has shaken hands and exchanged a message.
    pub(crate) fn open(&self, what: &str) -> BufferedLeg {
        let name = "ucm.example.com".try_into().expect("name");
        let mut client = ClientConnection::new(Arc::clone(&self.client), name).expect("client");
        let mut server = ServerConnection::new(Arc::clone(&self.server)).expect("server");
        while client.is_handshaking() || server.is_handshaking() {
            carry(&mut client, &mut server);
            carry(&mut server, &mut client);
        }
        exchange(&mut client, &mut server);
        exchange(&mut server, &mut client);
        if what == "buffered-server" {
            BufferedLeg::Server(Box::new(server))
        } else {
            BufferedLeg::Client(Box::new(client))
        }
    }
}

fn carry<A: SideData, B: SideData>(from: &mut ConnectionCommon<A>, to: &mut ConnectionCommon<B>) {
    let mut octets = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut octets).expect("memory");
    }
    let mut rest = octets.as_slice();
    while !rest.is_empty() {
        to.read_tls(&mut rest).expect("memory");
        to.process_new_packets().expect("good records");
    }
}

/// Sends one message and takes it at the other end.
fn exchange<A: SideData, B: SideData>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
) {
    from.writer().write_all(b"REGISTER").expect("memory");
    carry(from, to);
    let mut message = [0; 8];
    to.reader().read_exact(&mut message).expect("a message");
}
