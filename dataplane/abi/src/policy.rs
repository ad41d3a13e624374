//! The policy as it crosses shared memory: compiled, checked, and free of secrets.
//!
//! `control/policy` builds a [`PolicyImage`] from YAML; the data plane's management thread turns
//! it into the tables that workers use. Indices (`u16`) name entries of the lists in the same
//! image; [`PolicyImage::decode`] refuses an image in which one points nowhere. Keys are named by
//! [`KeyId`] and travel beside the image (see [`crate::secrets`]).

use core::hash::Hasher;
use core::net::IpAddr;
use std::hash::DefaultHasher;

use postcard_schema::Schema;
use serde::{Deserialize, Serialize};

/// SHA-256 of the certificate (DER) that a private key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Schema)]
pub struct KeyId(pub [u8; 32]);

/// Everything that workers obey. See the module's head.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct PolicyImage {
    /// What is read once, when the data plane starts.
    pub boot: Boot,
    /// Layer 3 interfaces.
    pub interfaces: Vec<Interface>,
    /// Static routes; connected prefixes are implied.
    pub routes: Vec<Route>,
    /// What may be routed from one interface to another; anything else is dropped.
    pub forward: Vec<ForwardRule>,
    /// Certificates.
    pub trustpoints: Vec<Trustpoint>,
    /// Call managers and their like.
    pub servers: Vec<UcServer>,
    /// Addresses and ports that media ends at.
    pub media: Vec<MediaTermination>,
    /// Proxy applications.
    pub apps: Vec<Application>,
    /// TCP settings.
    pub tcp: TcpSettings,
    /// TLS settings that hold for every application.
    pub tls: TlsSettings,
    /// Media settings.
    pub rtp: RtpSettings,
}

/// Keys that take a restart of the data plane to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Boot {
    /// Ports to open.
    pub devices: Vec<Device>,
    /// Poll-mode workers, 1 or more.
    pub workers: u16,
    /// Handshake threads; 0 runs handshakes on the workers.
    pub handshake_threads: u16,
    /// CPUs that workers are pinned to, in order; empty: those that the process may use, in turn.
    pub cpus: Vec<u16>,
    /// Where packet memory comes from.
    pub memory: Memory,
    /// What an idle worker does.
    pub idle: Idle,
    /// Proxied sessions that one worker has room for.
    pub sessions_max: u32,
    /// Media streams that one worker has room for.
    pub streams_max: u32,
    /// Packet buffers in all.
    pub mbufs: u32,
}

/// Where packet memory comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Memory {
    /// Use hugepages.
    pub hugepages: bool,
    /// MiB to take at start; 0 lets the EAL grow as needed.
    pub mib: u32,
}

/// What a worker does when a turn found nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Idle {
    /// Poll on.
    #[default]
    Busy,
    /// Pause, then sleep for up to this long.
    Backoff {
        /// Longest sleep, in microseconds.
        sleep_us_max: u32,
    },
}

/// A port of the data plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Device {
    /// The operator's name for it.
    pub name: String,
    /// How the EAL finds it.
    pub kind: DeviceKind,
    /// Largest IP packet, in octets.
    pub mtu: u16,
    /// Receive and transmit descriptors a queue.
    pub descriptors: u16,
}

/// How the EAL finds a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum DeviceKind {
    /// A virtual device, in the EAL's words, such as `net_af_packet0,iface=veth0,qpairs=2`.
    Vdev(String),
    /// A PCI address, such as `0000:3b:00.0`.
    Pci(String),
}

/// A layer 3 interface: a device, or a VLAN of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Interface {
    /// The operator's name for it.
    pub name: String,
    /// Index of its device.
    pub device: u16,
    /// 802.1Q VLAN identifier, 1 to 4094; `None` is untagged.
    pub vlan: Option<u16>,
    /// Its own addresses with their prefix lengths.
    pub addresses: Vec<Prefix>,
    /// Addresses that it answers for besides its own: static NAT and media termination.
    pub owned: Vec<IpAddr>,
    /// Put fragments together instead of dropping them.
    pub reassemble: bool,
}

/// An address and how many of its leading bits name the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Schema)]
pub struct Prefix {
    /// The address.
    pub address: IpAddr,
    /// Bits, up to 32 or 128.
    pub len: u8,
}

/// A static route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Route {
    /// Destinations.
    pub prefix: Prefix,
    /// Next router; `None` when the destinations are on the link.
    pub via: Option<IpAddr>,
    /// Index of the interface.
    pub interface: u16,
}

/// Lets packets that are not proxied through from one interface to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct ForwardRule {
    /// Index of the interface that packets come in by.
    pub from: u16,
    /// Index of the interface that they leave by.
    pub to: u16,
    /// Source network; `None` is any.
    pub source: Option<Prefix>,
    /// Destination network; `None` is any.
    pub destination: Option<Prefix>,
    /// IP protocol number; `None` is any.
    pub protocol: Option<u8>,
    /// Destination ports, from and to, both included; `None` is any.
    pub ports: Option<(u16, u16)>,
}

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

/// TCP settings. Times in milliseconds, sizes in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct TcpSettings {
    /// Receive buffer of a leg.
    pub rx_buffer: u32,
    /// Transmit buffer of a leg.
    pub tx_buffer: u32,
    /// A connection that takes longer is given up.
    pub connect_ms: u32,
    /// Quiet time before a keepalive.
    pub keepalive_ms: u32,
    /// A peer that acknowledges nothing for this long is gone.
    pub dead_ms: u32,
    /// A session in which nothing is said for this long is ended.
    pub idle_ms: u32,
    /// A peer that keeps its window shut for this long is cut off.
    pub stall_ms: u32,
    /// First and last local port for connections to servers.
    pub ports: (u16, u16),
}

impl Default for TcpSettings {
    fn default() -> Self {
        Self {
            rx_buffer: 4_096,
            tx_buffer: 6_144,
            connect_ms: 10_000,
            keepalive_ms: 60_000,
            dead_ms: 120_000,
            idle_ms: 3_600_000,
            stall_ms: 60_000,
            ports: (20_000, 60_999),
        }
    }
}

/// Which library does the cryptography of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum TlsProvider {
    /// AWS-LC.
    #[default]
    AwsLcRs,
    /// ring.
    Ring,
}

/// TLS settings that hold for every application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct TlsSettings {
    /// Cryptography library.
    pub provider: TlsProvider,
    /// A handshake that takes longer is given up, in milliseconds.
    pub handshake_ms: u32,
    /// Handshakes in progress that one source (IPv4 address, IPv6 /64) may have with one worker.
    pub handshakes_per_source: u32,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            provider: TlsProvider::default(),
            handshake_ms: 20_000,
            handshakes_per_source: 512,
        }
    }
}

/// Media settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct RtpSettings {
    /// SRTP replay window, in packets, 64 to 1024.
    pub replay_window: u16,
    /// SSRCs that one direction of a stream may have at once.
    pub sources_max: u8,
}

impl Default for RtpSettings {
    fn default() -> Self {
        Self {
            replay_window: 128,
            sources_max: 8,
        }
    }
}

/// Why an image cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The octets are no image of this layout version.
    #[error("policy image does not decode")]
    Malformed,
    /// An index points past the end of its list.
    #[error("policy image: {0} names an entry that is not there")]
    DanglingIndex(&'static str),
}

impl PolicyImage {
    /// The image as octets for [`crate::publish::PolicySlots::publish`].
    ///
    /// # Errors
    /// [`ImageError::Malformed`] when a length does not fit; cannot happen to an image that fits
    /// in memory.
    pub fn encode(&self) -> Result<Vec<u8>, ImageError> {
        postcard::to_allocvec(self).map_err(|_| ImageError::Malformed)
    }

    /// Reads an image and checks every index in it.
    ///
    /// # Errors
    /// See [`ImageError`].
    pub fn decode(octets: &[u8]) -> Result<Self, ImageError> {
        let (image, rest) =
            postcard::take_from_bytes::<Self>(octets).map_err(|_| ImageError::Malformed)?;
        if !rest.is_empty() {
            return Err(ImageError::Malformed);
        }
        image.check_indices()?;
        Ok(image)
    }

    /// A hash of what takes a restart of the data plane to change: the boot section and, where
    /// several workers divide the local TCP ports among them, those ports.
    #[must_use]
    pub fn restart_hash(&self) -> u64 {
        let ports = (self.boot.workers > 1).then_some(self.tcp.ports);
        let octets = postcard::to_allocvec(&(&self.boot, ports)).unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        hasher.write(&octets);
        hasher.finish()
    }

    fn check_indices(&self) -> Result<(), ImageError> {
        let check = |index: u16, len: usize, what| {
            if usize::from(index) < len {
                Ok(())
            } else {
                Err(ImageError::DanglingIndex(what))
            }
        };
        let interfaces = self.interfaces.len();
        for interface in &self.interfaces {
            check(
                interface.device,
                self.boot.devices.len(),
                "interface device",
            )?;
        }
        for route in &self.routes {
            check(route.interface, interfaces, "route interface")?;
        }
        for rule in &self.forward {
            check(rule.from, interfaces, "forward rule interface")?;
            check(rule.to, interfaces, "forward rule interface")?;
        }
        for media in &self.media {
            check(media.interface, interfaces, "media interface")?;
        }
        for app in &self.apps {
            for listener in &app.listeners {
                check(listener.interface, interfaces, "listener interface")?;
                check(listener.server, self.servers.len(), "listener server")?;
            }
            for &media in app.client_media.iter().chain(&app.server_media) {
                check(media, self.media.len(), "application media")?;
            }
            for trustpoint in app.trustpoints() {
                check(trustpoint, self.trustpoints.len(), "application trustpoint")?;
            }
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_round_trips_and_refuses_rest() {
        let image = PolicyImage::default();
        let mut octets = image.encode().unwrap();
        assert_eq!(PolicyImage::decode(&octets), Ok(image));
        octets.push(0);
        assert_eq!(PolicyImage::decode(&octets), Err(ImageError::Malformed));
    }

    #[test]
    fn dangling_index_is_refused() {
        let image = PolicyImage {
            media: vec![MediaTermination {
                name: "m".into(),
                interface: 3,
                address: IpAddr::from([192, 0, 2, 1]),
                udp_port_min: 2,
                udp_port_max: 5,
            }],
            ..PolicyImage::default()
        };
        let octets = image.encode().unwrap();
        assert_eq!(
            PolicyImage::decode(&octets),
            Err(ImageError::DanglingIndex("media interface"))
        );
    }

    #[test]
    fn truncated_image_is_refused_at_every_length() {
        let octets = PolicyImage::default().encode().unwrap();
        for len in 0..octets.len() {
            assert!(PolicyImage::decode(&octets[..len]).is_err(), "{len}");
        }
    }
}
