//! Which address on one side stands for which on the other.

use core::net::{IpAddr, SocketAddr};

use pipeline::{Leg, PerLeg};

use crate::config::ServerAddress;

/// What a leg is carried by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Tls,
}

impl Transport {
    /// As Via names it.
    pub(crate) const fn via(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// As a URI's `transport` parameter names it.
    pub(crate) const fn param(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// One leg as SIP sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Face {
    /// Our address: all that the peer sees of us.
    pub(crate) local: SocketAddr,
    /// The peer's address as its packets show it.
    pub(crate) peer: SocketAddr,
    /// What carries the leg.
    pub(crate) transport: Transport,
}

/// Whom an address in a message stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    /// The server that the session was opened to.
    Server,
    /// Another UC server.
    OtherServer,
    /// The phone.
    Phone,
}

/// The address map of a session.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    faces: PerLeg<Face>,
    servers: Vec<ServerAddress>,
    /// The address that the phone gives itself. Behind a home router it is another than its
    /// packets show.
    phone: Option<IpAddr>,
    /// The phone itself calls the server by its real address, so that it shall go on seeing it.
    phone_knows_real: bool,
}

impl Addresses {
    pub(crate) fn new(faces: PerLeg<Face>, servers: Vec<ServerAddress>) -> Self {
        Self {
            faces,
            servers,
            phone: None,
            phone_knows_real: false,
        }
    }

    pub(crate) fn face(&self, leg: Leg) -> Face {
        self.faces[leg]
    }

    /// Notes the address that the phone gives itself; the first one holds.
    pub(crate) fn learn_phone(&mut self, ip: IpAddr) {
        self.phone.get_or_insert(ip);
    }

    /// Notes a server's address that the phone has written into From or To.
    pub(crate) fn learn_server_name(&mut self, ip: IpAddr) {
        let (client, server) = (self.faces.client, self.faces.server);
        self.phone_knows_real |= ip == server.peer.ip() && ip != client.local.ip();
    }

    /// What `ip`, in a message from `from`, is to be on the other side, and whom it stands for.
    /// The address may be the same on both sides.
    pub(crate) fn translate(&self, from: Leg, ip: IpAddr) -> Option<(Party, IpAddr)> {
        let (client, server) = (self.faces.client, self.faces.server);
        let phone = self.phone.unwrap_or_else(|| client.peer.ip());
        match from {
            Leg::Client if ip == client.local.ip() || ip == server.peer.ip() => {
                Some((Party::Server, server.peer.ip()))
            }
            Leg::Client => {
                let other = self.servers.iter().find(|s| s.mapped == ip);
                let other = other.map(|s| (Party::OtherServer, s.real));
                let is_phone = ip == phone || ip == client.peer.ip();
                other.or_else(|| is_phone.then(|| (Party::Phone, server.local.ip())))
            }
            Leg::Server if ip == server.peer.ip() => Some((Party::Server, client.local.ip())),
            Leg::Server => {
                let other = self.servers.iter().find(|s| s.real == ip);
                let other = other.map(|s| (Party::OtherServer, s.mapped));
                other.or_else(|| (ip == server.local.ip()).then_some((Party::Phone, phone)))
            }
        }
    }

    /// Whether `ip`, in a message from `from`, is an address behind the server that is none of ours
    /// to name.
    pub(crate) fn is_hidden(&self, from: Leg, ip: IpAddr) -> bool {
        from == Leg::Server && !ip.is_unspecified() && self.translate(from, ip).is_none()
    }

    /// The same as [`Self::translate`] for a host that only names somebody, as in From; `None` when
    /// it stays. A host behind the server goes by the server's name.
    pub(crate) fn translate_name(&self, from: Leg, ip: IpAddr) -> Option<IpAddr> {
        if self.is_hidden(from, ip) {
            return Some(self.faces.client.local.ip());
        }
        let (party, to) = self.translate(from, ip)?;
        let stays = from == Leg::Server && party == Party::Server && self.phone_knows_real;
        (to != ip && !stays).then_some(to)
    }

    /// What a port beside a translated address is to be on the other side.
    pub(crate) fn translate_port(&self, from: Leg, party: Party, port: u16) -> u16 {
        let (here, there) = (self.faces[from], self.faces[from.other()]);
        let pair = match (party, from) {
            (Party::OtherServer | Party::Server, Leg::Client) => {
                (here.local.port(), there.peer.port())
            }
            (Party::OtherServer | Party::Server, Leg::Server) => {
                (here.peer.port(), there.local.port())
            }
            (Party::Phone, Leg::Client) => return there.local.port(),
            (Party::Phone, Leg::Server) => (here.local.port(), there.peer.port()),
        };
        if port == pair.0 { pair.1 } else { port }
    }
}
