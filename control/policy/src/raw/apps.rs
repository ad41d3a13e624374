//! `applications`.

use crate::document::{Content, Findings, NodeId};
use crate::finding::Problem;
use crate::section::{At, Kind, List, Several, Value, section, wrong_type};
use crate::value::{Address, AppKind, Flag, Name, PeerName, TcpPort, choice};

section! {
    /// One proxy: whom it listens for, and how each side of a session is treated.
    RawApplication {
        /// What `show` calls it.
        name: Name, required;
        /// Which application, such as `phone-proxy`.
        kind: AppKind, required;
        /// Where clients reach it.
        listeners: Several<RawListener>, required;
        /// The side of the clients.
        client: RawClient, nested;
        /// The side of the servers.
        server: RawServer, nested;
        /// The application's own options.
        options: Options, optional;
    }
}

impl RawApplication {
    /// Where clients reach it, as far as that reads.
    pub(crate) fn listeners(&self) -> &[At<RawListener>] {
        self.listeners.as_ref().map_or(&[], |listeners| listeners)
    }
}

section! {
    /// An address and port that clients aim at.
    RawListener {
        /// Name of the interface that clients come in by.
        interface: Name, required;
        /// The server's own address (the proxy is the router in between and picks sessions up),
        /// or an address of the proxy that stands for the server (static NAT).
        address: Address, required;
        /// TCP port. Left out, the application's usual one.
        port: TcpPort, optional;
        /// Name of the server.
        server: Name, required;
    }
}

choice! {
    /// Security of clients' signalling.
    ClientSecurity {
        Encrypted "encrypted",
        Nonsecure "nonsecure",
    }
}

choice! {
    /// Security of the signalling with servers.
    ServerSecurity {
        Nonsecure "nonsecure",
        Encrypted "encrypted",
    }
}

section! {
    /// The side of the clients.
    RawClient {
        /// `encrypted` is TLS, `nonsecure` is clear TCP.
        security: ClientSecurity, default = "encrypted";
        /// TLS with clients. Needed when encrypted.
        tls: RawServerTls, optional;
        /// Names of the media terminations, at most one for each of IPv4 and IPv6.
        media: List<Name>, nested;
    }
}

choice! {
    /// Whether clients show a certificate.
    Auth {
        Required "required",
        Optional "optional",
        None "none",
    }
}

section! {
    /// TLS with clients, to whom the proxy is the server.
    RawServerTls {
        /// Name of the trustpoint whose certificate is shown.
        identity: Name, required;
        /// Whether clients show a certificate: they must (`required`), they may (`optional`), or
        /// they are not asked (`none`). One that is shown is verified.
        client_auth: Auth, default = "required";
        /// Names of the trustpoints that verify it.
        trust: List<Name>, nested;
        /// Let clients resume sessions.
        resumption: Flag, default = "false";
    }
}

section! {
    /// The side of the servers.
    RawServer {
        /// `encrypted` is TLS to the server's TLS port (an encrypted cluster), `nonsecure` is
        /// clear TCP to its TCP port (a nonsecure cluster).
        security: ServerSecurity, default = "nonsecure";
        /// TLS with servers. Needed when encrypted.
        tls: RawClientTls, optional;
        /// Source of the connection: `client` keeps the client's address; a list of our
        /// addresses, one for each family, replaces it. Left out, `client`.
        source: RawSource, optional;
        /// Names of the media terminations, at most one for each of IPv4 and IPv6.
        media: List<Name>, nested;
    }
}

section! {
    /// TLS with servers, to which the proxy is the client.
    RawClientTls {
        /// Name of the trustpoint whose certificate is shown, if servers ask for one.
        identity: Name, optional;
        /// Names of the trustpoints that verify the server's certificate.
        trust: List<Name>, nested;
        /// Name or address that the server's certificate must carry. Left out, the server's
        /// address.
        verify_name: PeerName, optional;
        /// Pass on the name that the client asked for (SNI) instead.
        pass_sni: Flag, default = "false";
        /// Resume sessions with servers.
        resumption: Flag, default = "false";
    }
}

/// Source address of the connection to the server.
#[derive(Debug)]
pub(crate) enum RawSource {
    /// The client's own.
    Client,
    /// These.
    Proxy(Several<Address>),
}

impl Value for RawSource {
    const KIND: Kind = Kind::Either(
        &Kind::Choice(&["client"]),
        &<Several<Address> as Value>::KIND,
    );

    fn read(node: NodeId, findings: &mut Findings<'_>) -> Option<Self> {
        match findings.doc.content(node) {
            Content::Scalar { text, .. } if &**text == "client" => Some(Self::Client),
            Content::Scalar { text, .. } if text.parse::<core::net::IpAddr>().is_err() => {
                wrong_type(findings, node, &Self::KIND)
            }
            _ => Several::read(node, findings).map(Self::Proxy),
        }
    }
}

/// The options of an application: a mapping that only the application can read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options;

impl Value for Options {
    const KIND: Kind = Kind::Options;

    fn read(node: NodeId, findings: &mut Findings<'_>) -> Option<Self> {
        match findings.doc.content(node) {
            Content::Map(_) => Some(Self),
            Content::Null => {
                findings
                    .error(
                        node,
                        Problem::WrongType,
                        "expected a mapping, found nothing",
                    )
                    .fix("leave it out, or give a mapping");
                None
            }
            _ => wrong_type(findings, node, &Self::KIND),
        }
    }
}
