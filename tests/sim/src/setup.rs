//! How a laboratory is set up, and the policy that says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use abi::Limits;
use abi::policy::{
    self, Application, Boot, ClientAuth, ClientTls, Device, DeviceKind, ForwardRule, Interface,
    KeyId, Listener, MediaTermination, PolicyImage, Prefix, RtpSettings, ServerTls, TcpSettings,
    TlsSettings, Trustpoint, UcServer,
};

use wire::TxChecksums;

use crate::Steering;

/// TCP port of SIP over TLS.
pub(crate) const SIPS: u16 = 5_061;
/// TCP port of SIP in clear.
pub(crate) const SIP: u16 = 5_060;

/// How phones reach the call manager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressing {
    /// They aim at its own address, and the proxy is the router in between.
    #[default]
    Transparent,
    /// They aim at an address of the proxy that is mapped to it.
    StaticNat,
}

/// Where the proxy's connections to the call manager come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The phone's own address.
    #[default]
    Client,
    /// One of the proxy's.
    Proxy,
}

/// What the call manager speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cluster {
    /// SIP over TCP and RTP.
    #[default]
    Nonsecure,
    /// SIP over TLS and SRTP.
    Encrypted,
}

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    #[default]
    V4,
    /// IPv6.
    V6,
}

/// Who has which address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The proxy outside, the phones' router.
    OutsideRouter,
    /// Media termination towards phones.
    OutsideMedia,
    /// Another media termination towards phones.
    SpareMedia,
    /// The call manager's mapped address.
    Mapped,
    /// The phone.
    Phone,
    /// Somebody else outside.
    Stranger,
    /// The proxy inside, the call manager's router.
    InsideRouter,
    /// Media termination towards the call manager.
    InsideMedia,
    /// Source of connections to the call manager.
    InsideSource,
    /// The call manager.
    Manager,
    /// The phone inside.
    Desk,
}

impl Place {
    /// On which side of the proxy it is, and its number there.
    const fn position(self) -> (bool, u8) {
        match self {
            Self::OutsideRouter => (false, 1),
            Self::OutsideMedia => (false, 2),
            Self::SpareMedia => (false, 3),
            Self::Mapped => (false, 10),
            Self::Phone => (false, 20),
            Self::Stranger => (false, 66),
            Self::InsideRouter => (true, 1),
            Self::InsideMedia => (true, 2),
            Self::InsideSource => (true, 3),
            Self::Manager => (true, 10),
            Self::Desk => (true, 20),
        }
    }

    /// The address.
    #[must_use]
    pub const fn address(self, family: Family) -> IpAddr {
        let (is_inside, host) = self.position();
        match (family, is_inside) {
            (Family::V4, false) => IpAddr::V4(Ipv4Addr::new(198, 51, 100, host)),
            (Family::V4, true) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)),
            (Family::V6, false) => v6(1, host),
            (Family::V6, true) => v6(2, host),
        }
    }

    /// The address with the length of its network.
    #[must_use]
    pub const fn prefix(self, family: Family) -> Prefix {
        Prefix {
            address: self.address(family),
            len: match family {
                Family::V4 => 24,
                Family::V6 => 64,
            },
        }
    }
}

const fn v6(network: u16, host: u8) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(
        0x2001,
        0xdb8,
        network,
        0,
        0,
        0,
        0,
        host as u16,
    ))
}

/// How the laboratory is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Workers.
    pub workers: usize,
    /// Queues of each port; `None` is one a worker.
    pub queues: Option<usize>,
    /// Which of them frames arrive at.
    pub steering: Steering,
    /// The checksums that the proxy's ports fill in on the way out.
    pub tx_checksums: TxChecksums,
    /// How phones reach the call manager.
    pub addressing: Addressing,
    /// Where connections to the call manager come from.
    pub source: Source,
    /// What the call manager speaks.
    pub cluster: Cluster,
    /// IPv4 or IPv6.
    pub family: Family,
    /// The same inside, where it differs.
    pub inside_family: Option<Family>,
    /// VLAN of the outside.
    pub vlan: Option<u16>,
    /// Whether phones speak TLS, and show a certificate.
    pub client_auth: Option<ClientAuth>,
    /// Whether the proxy puts fragments together.
    pub reassemble: bool,
    /// What may pass besides calls.
    pub forward: Vec<ForwardRule>,
    /// TCP settings of the proxy.
    pub tcp: TcpSettings,
    /// TLS settings of the proxy.
    pub tls: TlsSettings,
    /// Media settings of the proxy.
    pub rtp: RtpSettings,
    /// Licence and other limits.
    pub limits: Limits,
    /// Sessions that a worker has room for.
    pub sessions: u32,
    /// Media streams that a worker has room for.
    pub streams: u32,
    /// Media terminations in the order of the policy's list; the application has the first of
    /// either side.
    pub media: Vec<Place>,
    /// First and last media port on either side.
    pub media_ports: (u16, u16),
    /// Further TCP ports on which phones may reach the call manager.
    pub more_listeners: Vec<u16>,
    /// Seed of all chance.
    pub seed: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            workers: 1,
            queues: None,
            steering: Steering::default(),
            tx_checksums: TxChecksums::NONE,
            addressing: Addressing::default(),
            source: Source::default(),
            cluster: Cluster::default(),
            family: Family::default(),
            inside_family: None,
            vlan: None,
            client_auth: Some(ClientAuth::Required),
            reassemble: false,
            forward: Vec::new(),
            tcp: TcpSettings::default(),
            tls: TlsSettings::default(),
            rtp: RtpSettings::default(),
            limits: Limits::UNLIMITED,
            sessions: 64,
            streams: 16,
            media: vec![Place::OutsideMedia, Place::InsideMedia],
            media_ports: (30_000, 30_255),
            more_listeners: Vec::new(),
            seed: 1,
        }
    }
}

/// What a policy needs of certificates.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Of the authority that everybody trusts, DER.
    pub anchor: Vec<u8>,
    /// Its revocation lists, DER.
    pub crls: Vec<Vec<u8>>,
    /// The proxy's certificate, DER.
    pub certificate: Vec<u8>,
    /// Name of its key.
    pub key: KeyId,
}

impl Setup {
    /// The address of `place`.
    #[must_use]
    pub const fn address(&self, place: Place) -> IpAddr {
        place.address(self.family_at(place))
    }

    /// The address of `place` with the length of its network.
    #[must_use]
    pub const fn prefix(&self, place: Place) -> Prefix {
        place.prefix(self.family_at(place))
    }

    const fn family_at(&self, place: Place) -> Family {
        match (place.position(), self.inside_family) {
            ((true, _), Some(family)) => family,
            _ => self.family,
        }
    }

    /// Where phones aim at.
    #[must_use]
    pub const fn target(&self) -> SocketAddr {
        let place = match self.addressing {
            Addressing::Transparent => Place::Manager,
            Addressing::StaticNat => Place::Mapped,
        };
        SocketAddr::new(self.address(place), self.phone_port())
    }

    /// The TCP port that phones aim at.
    #[must_use]
    pub const fn phone_port(&self) -> u16 {
        if self.client_auth.is_some() {
            SIPS
        } else {
            SIP
        }
    }

    /// The TCP port that the call manager listens on.
    #[must_use]
    pub const fn manager_port(&self) -> u16 {
        match self.cluster {
            Cluster::Nonsecure => SIP,
            Cluster::Encrypted => SIPS,
        }
    }

    /// The policy of this set-up.
    ///
    /// # Panics
    /// With more workers than 65,535.
    #[must_use]
    pub fn image(&self, credentials: &Credentials) -> PolicyImage {
        PolicyImage {
            boot: self.boot(),
            interfaces: self.interfaces(),
            routes: Vec::new(),
            forward: self.forward.clone(),
            trustpoints: vec![Trustpoint {
                name: "lab".into(),
                anchors: vec![credentials.anchor.clone()],
                pinned: Vec::new(),
                crls: credentials.crls.clone(),
                chain: vec![credentials.certificate.clone()],
                key: Some(credentials.key),
            }],
            servers: vec![UcServer {
                name: "manager".into(),
                address: self.address(Place::Manager),
                tcp_port: SIP,
                tls_port: SIPS,
            }],
            media: self.media.iter().map(|&at| self.termination(at)).collect(),
            apps: vec![self.application()],
            tcp: self.tcp,
            tls: self.tls,
            rtp: self.rtp,
        }
    }

    fn boot(&self) -> Boot {
        let device = |name: &str| Device {
            name: name.into(),
            kind: DeviceKind::Vdev(name.into()),
            mtu: 1_500,
            descriptors: 256,
        };
        Boot {
            devices: vec![device("outside"), device("inside")],
            workers: u16::try_from(self.workers).unwrap(),
            sessions_max: self.sessions,
            streams_max: self.streams,
            ..Boot::default()
        }
    }

    fn interfaces(&self) -> Vec<Interface> {
        let interface = |name: &str, device, vlan, own: Place, owned: &[Place]| Interface {
            name: name.into(),
            device,
            vlan,
            addresses: vec![self.prefix(own)],
            owned: owned.iter().map(|&place| self.address(place)).collect(),
            reassemble: self.reassemble,
        };
        let outside = [Place::OutsideMedia, Place::SpareMedia, Place::Mapped];
        let inside = [Place::InsideMedia, Place::InsideSource];
        vec![
            interface("outside", 0, self.vlan, Place::OutsideRouter, &outside),
            interface("inside", 1, None, Place::InsideRouter, &inside),
        ]
    }

    fn termination(&self, place: Place) -> MediaTermination {
        MediaTermination {
            name: format!("{place:?}"),
            interface: u16::from(place.position().0),
            address: self.address(place),
            udp_port_min: self.media_ports.0,
            udp_port_max: self.media_ports.1,
        }
    }

    /// Index of the first media termination on a side.
    fn first_media(&self, is_inside: bool) -> Vec<u16> {
        let mut all = (0..).zip(&self.media);
        let first = all.find(|(_, place)| place.position().0 == is_inside);
        first.map(|(index, _)| index).into_iter().collect()
    }

    fn application(&self) -> Application {
        let target = self.target();
        let ports = [target.port()]
            .into_iter()
            .chain(self.more_listeners.iter().copied());
        let listener = |tcp_port| Listener {
            interface: 0,
            address: target.ip(),
            tcp_port,
            server: 0,
        };
        Application {
            name: "phones".into(),
            kind: phone_proxy::APP.name.into(),
            listeners: ports.map(listener).collect(),
            client_tls: self.client_auth.map(|client_auth| ServerTls {
                identity: 0,
                client_auth,
                trust: vec![0],
                resumption: false,
            }),
            server_tls: (self.cluster == Cluster::Encrypted).then(|| ClientTls {
                identity: Some(0),
                trust: vec![0],
                verify_name: None,
                pass_sni: false,
                resumption: false,
            }),
            source: match self.source {
                Source::Client => policy::Source::Client,
                Source::Proxy => policy::Source::Proxy(vec![self.address(Place::InsideSource)]),
            },
            client_media: self.first_media(false),
            server_media: self.first_media(true),
            config: phone_proxy::Config::default().encode(),
        }
    }
}
