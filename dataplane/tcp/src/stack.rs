//! smoltcp, cut down to one connection.

use core::net::SocketAddr;
use core::time::Duration;

use abi::Now;
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpEndpoint, IpProtocol, IpRepr, TcpRepr};

use crate::device::LegDevice;
use crate::isn::seed_for;
use crate::segment;
use crate::track::Track;
use crate::{Congestion, Params, Transmit};

/// Segments that one call of [`Stack::egress`] sends at most.
const SEGMENTS_PER_CALL: usize = 64;

/// An interface that takes any address for its own, with one socket.
///
/// smoltcp asks every socket of an interface about every packet; with one there is nobody else
/// to ask.
pub(crate) struct Stack {
    iface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    /// Addresses of the receive and the transmit ring.
    rings: [usize; 2],
    /// Sequence numbers, kept up by what passes the interface's device.
    pub(crate) track: Track,
    mtu: u16,
    isn: u32,
    /// Window and its scale as announced in our SYN.
    first_window: u16,
    window_shift: u8,
    /// When the keepalive is due that the socket waits for, if it waits for nothing else.
    idle_until: Option<Now>,
}

impl Stack {
    pub(crate) fn new(isn: u32, is_ipv6: bool, params: &Params, now: Now) -> Self {
        let (rx, tx) = (vec![0; params.rx_buffer()], vec![0; params.tx_buffer()]);
        let rings = [rx.as_ptr().addr(), tx.as_ptr().addr()];
        let mut socket = tcp::Socket::new(tcp::SocketBuffer::new(rx), tcp::SocketBuffer::new(tx));
        socket.set_nagle_enabled(false);
        socket.set_keep_alive(params.keepalive.map(Into::into));
        socket.set_hop_limit(Some(params.hop_limit.max(1)));
        socket.set_congestion_control(match params.congestion {
            Congestion::Off => tcp::CongestionControl::None,
            Congestion::Reno => tcp::CongestionControl::Reno,
            Congestion::Cubic => tcp::CongestionControl::Cubic,
        });
        // A vector of one, since one that grows would take room for four.
        let mut sockets = SocketSet::new(vec![SocketStorage::EMPTY]);
        let handle = sockets.add(socket);
        let mtu = params.mtu(is_ipv6);
        let mut track = Track::new(isn);
        let iface = interface(mtu, isn, &mut track, now);
        let (first_window, window_shift) = (params.first_window(), params.window_shift());
        Self {
            iface,
            sockets,
            handle,
            rings,
            track,
            mtu,
            isn,
            first_window,
            window_shift,
            idle_until: None,
        }
    }

    pub(crate) const fn rings(&self) -> [usize; 2] {
        self.rings
    }

    pub(crate) fn socket(&self) -> &tcp::Socket<'static> {
        self.sockets.get(self.handle)
    }

    pub(crate) fn socket_mut(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    pub(crate) fn state(&self) -> tcp::State {
        self.socket().state()
    }

    /// Begins to connect; `false` if the addresses do not allow it.
    pub(crate) fn connect(&mut self, local: SocketAddr, remote: SocketAddr) -> bool {
        let unicast = local.is_ipv4() == remote.is_ipv4()
            && [local, remote]
                .iter()
                .all(|end| IpEndpoint::from(*end).addr.is_unicast());
        let Self {
            iface,
            sockets,
            handle,
            ..
        } = self;
        let socket = sockets.get_mut::<tcp::Socket<'_>>(*handle);
        unicast && socket.connect(iface.context(), remote, local).is_ok()
    }

    /// Takes note of the peer's SYN, which smoltcp is about to see or has seen.
    pub(crate) const fn open(&mut self, peer_isn: u32, scaled: bool) {
        let shift = if scaled { self.window_shift } else { 0 };
        self.track.open(peer_isn, self.first_window, shift);
    }

    /// Shows the socket a packet from the peer.
    pub(crate) fn ingress(&mut self, packet: &[u8], now: Now, tx: &mut dyn Transmit) {
        let Self {
            iface,
            sockets,
            track,
            mtu,
            ..
        } = self;
        let mut device = LegDevice {
            received: Some(packet),
            tx,
            track,
            mtu: *mtu,
        };
        iface.poll_ingress_single(instant(now), &mut device, sockets);
    }

    /// Shows the socket a segment that did not come over the wire.
    pub(crate) fn ingress_made_up(
        &mut self,
        (local, remote): (SocketAddr, SocketAddr),
        tcp: TcpRepr<'_>,
        now: Now,
        tx: &mut dyn Transmit,
    ) {
        let (from, to) = (IpEndpoint::from(remote), IpEndpoint::from(local));
        let tcp = TcpRepr {
            src_port: from.port,
            dst_port: to.port,
            ..tcp
        };
        let ip = IpRepr::new(
            from.addr,
            to.addr,
            IpProtocol::Tcp,
            tcp.buffer_len(),
            u8::MAX,
        );
        // Without a payload a segment has 40 + 60 octets at most.
        let mut packet = [0; 100];
        if let Some(packet) = packet.get_mut(..ip.buffer_len()) {
            segment::write(&ip, &tcp, packet);
            self.ingress(packet, now, tx);
        }
    }

    /// Sends what the socket has to send now.
    pub(crate) fn egress(&mut self, now: Now, tx: &mut dyn Transmit) {
        let Self {
            iface,
            sockets,
            track,
            mtu,
            ..
        } = self;
        let mut device = LegDevice {
            received: None,
            tx,
            track,
            mtu: *mtu,
        };
        for _ in 0..SEGMENTS_PER_CALL {
            if iface.poll_egress(instant(now), &mut device, sockets) == PollResult::None {
                break;
            }
        }
    }

    /// When the socket will have something to send; in the past if it has now.
    pub(crate) fn deadline(&mut self, now: Now) -> Option<Now> {
        let at = self.iface.poll_at(instant(now), &self.sockets)?;
        let micros = u64::try_from(at.total_micros()).unwrap_or(0);
        Some(Now::ZERO + Duration::from_micros(micros))
    }

    /// Whether the socket waits for nothing but the next keepalive, if for that. To be asked after
    /// whatever may change it.
    ///
    /// smoltcp does not show which of its timers runs. The one for keepalives starts anew with
    /// what is sent or received, and no other is due exactly so much later.
    pub(crate) fn is_idle(&mut self, now: Now) -> bool {
        let at = self.deadline(now);
        let keepalive = self.socket().keep_alive().map(Duration::from);
        let begins = keepalive.map(|keepalive| Now::ZERO + micros(now) + keepalive);
        let is_idle = at.is_none() || at == begins || at == self.idle_until;
        self.idle_until = at.filter(|_| is_idle);
        is_idle
    }

    /// Sends packets no larger than `mtu` from now on; never raises the size.
    pub(crate) fn lower_mtu(&mut self, mtu: u16, now: Now) {
        if mtu < self.mtu {
            self.mtu = mtu;
            // An interface keeps nothing of a connection; the socket does.
            self.iface = interface(mtu, self.isn, &mut self.track, now);
        }
    }
}

fn interface(mtu: u16, isn: u32, track: &mut Track, now: Now) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed_for(isn);
    let mut device = LegDevice {
        received: None,
        tx: &mut Nowhere,
        track,
        mtu,
    };
    let mut iface = Interface::new(config, &mut device, instant(now));
    iface.set_any_ip(true);
    iface
}

/// Time as smoltcp counts it.
const fn micros(now: Now) -> Duration {
    Duration::from_micros(now.micros())
}

fn instant(now: Now) -> Instant {
    Instant::from_micros(i64::try_from(now.micros()).unwrap_or(i64::MAX))
}

/// Takes no packet: an interface looks at its device's capabilities only when it is built.
struct Nowhere;

impl Transmit for Nowhere {
    fn transmit(&mut self, _: usize, _: &mut dyn FnMut(&mut [u8])) -> bool {
        false
    }
}
