//! Proxy applications, and the servers, media addresses and certificates that they name.

use core::net::IpAddr;

use postcard_schema::Schema;
use serde::{Deserialize, Serialize};

/// SHA-256 of the certificate (DER) that a private key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Schema)]
pub struct KeyId(pub [u8; 32]);

/// A named CA, identity, or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Trustpoint {
    /// The operator's name for it.
    pub name: String,
    /// Trust anchors, DER.
    pub anchors: Vec<Vec<u8>>,
    /// Peer certificates trusted by exact match, DER.
    pub pinned: Vec<Vec<u8>>,
    /// Revocation lists, DER.
    pub crls: Vec<Vec<u8>>,
    /// Own certificate chain, leaf first, DER; empty when the trustpoint is no identity.
    pub chain: Vec<Vec<u8>>,
    /// Private key of the chain's leaf.
    pub key: Option<KeyId>,
}

/// A call manager or another server that clients are proxied to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct UcServer {
    /// The operator's name for it.
    pub name: String,
    /// Its real address.
    pub address: IpAddr,
    /// TCP port for clear signalling.
    pub tcp_port: u16,
    /// TCP port for TLS.
    pub tls_port: u16,
}

/// An address and a port range that media ends at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct MediaTermination {
    /// The operator's name for it.
    pub name: String,
    /// Index of the interface.
    pub interface: u16,
    /// The address; one of the interface's `owned` or its own.
    pub address: IpAddr,
    /// First UDP port, even.
    pub udp_port_min: u16,
    /// Last UDP port, odd.
    pub udp_port_max: u16,
}

/// One configured proxy application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Application {
    /// The operator's name for it.
    pub name: String,
    /// Name of the application in the registry.
    pub kind: String,
    /// Where clients reach it.
    pub listeners: Vec<Listener>,
    /// TLS with the client; `None` is clear TCP.
    pub client_tls: Option<ServerTls>,
    /// TLS with the server; `None` is clear TCP.
    pub server_tls: Option<ClientTls>,
    /// Source address towards the server.
    pub source: Source,
    /// Media termination towards the client, at most one an address family.
    pub client_media: Vec<u16>,
    /// Media termination towards the server, at most one an address family.
    pub server_media: Vec<u16>,
    /// The application's own configuration, which only its crate writes and reads.
    pub config: Vec<u8>,
}

/// An address and port that clients aim at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Listener {
    /// Index of the interface that clients come in by.
    pub interface: u16,
    /// The server's own address (transparent), or one of ours that is mapped to it.
    pub address: IpAddr,
    /// TCP port.
    pub tcp_port: u16,
    /// Index of the server.
    pub server: u16,
}

/// The proxy as TLS server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct ServerTls {
    /// Index of the trustpoint whose identity is shown.
    pub identity: u16,
    /// Whether clients show a certificate.
    pub client_auth: ClientAuth,
    /// Indices of the trustpoints that client certificates are verified against.
    pub trust: Vec<u16>,
    /// Let clients resume sessions.
    pub resumption: bool,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum ClientAuth {
    /// They must, and it is verified.
    #[default]
    Required,
    /// They may; if they do it is verified.
    Optional,
    /// They are not asked.
    None,
}

/// The proxy as TLS client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct ClientTls {
    /// Index of the trustpoint whose identity is shown, if any.
    pub identity: Option<u16>,
    /// Indices of the trustpoints that the server's certificate is verified against.
    pub trust: Vec<u16>,
    /// Name (DNS or IP address) that the certificate is verified for; `None`: the server's
    /// address.
    pub verify_name: Option<String>,
    /// Pass the client's SNI on instead of `verify_name`.
    pub pass_sni: bool,
    /// Resume sessions with the server.
    pub resumption: bool,
}

/// Source address of the connection to the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Source {
    /// The client's own address.
    #[default]
    Client,
    /// One of the proxy's, the first of the server's address family.
    Proxy(Vec<IpAddr>),
}

impl Application {
    /// Indices of every trustpoint that the application uses.
    pub fn trustpoints(&self) -> impl Iterator<Item = u16> {
        let server = self
            .client_tls
            .iter()
            .flat_map(|tls| core::iter::once(tls.identity).chain(tls.trust.iter().copied()));
        let client = self
            .server_tls
            .iter()
            .flat_map(|tls| tls.identity.into_iter().chain(tls.trust.iter().copied()));
        server.chain(client)
    }
}
