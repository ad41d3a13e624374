//! Segments from clients, written by hand: checksums are left out, since a leg does not look.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use ::wire::TxChecksums;
use ::wire::offload::complete_tcp;
use tcp::Transmit;

pub(crate) const SYN: u8 = 0x02;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const PSH_ACK: u8 = 0x18;
/// Sequence number of every client's SYN.
pub(crate) const CLIENT_ISN: u32 = 1_000;

const HEADERS: usize = 40;

/// Address and port of the server side.
pub(crate) fn server() -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 5_061)
}

/// Address and port of client `n`.
pub(crate) fn client(n: u32) -> SocketAddrV4 {
    let [_, high, a, b] = n.to_be_bytes();
    SocketAddrV4::new(Ipv4Addr::new(198, 18, high, a), 10_000 + u16::from(b))
}

pub(crate) fn ends(n: u32) -> (SocketAddr, SocketAddr) {
    (server().into(), client(n).into())
}

/// A segment from client `n`.
pub(crate) fn segment(n: u32, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    packet((client(n), server()), flags, seq, ack, payload)
}

/// An IPv4 packet with a segment.
pub(crate) fn packet(
    (from, to): (SocketAddrV4, SocketAddrV4),
    flags: u8,
    seq: u32,
    ack: u32,
    payload: &[u8],
) -> Vec<u8> {
    let total = u16::try_from(HEADERS + payload.len()).unwrap_or(u16::MAX);
    let mut packet = vec![0x45, 0];
    packet.extend(total.to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, flow::TCP, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(seq.to_be_bytes());
    packet.extend(ack.to_be_bytes());
    packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}

/// Counts what is sent, and keeps the first octets of the last packet.
pub(crate) struct Sink {
    pub(crate) packets: usize,
    pub(crate) last: Vec<u8>,
}

impl Sink {
    pub(crate) fn new() -> Self {
        Self {
            packets: 0,
            last: vec![0; 2_048],
        }
    }

    /// Sequence number of the last packet.
    pub(crate) fn seq(&self) -> u32 {
        self.last
            .get(24..28)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u32::from_be_bytes)
    }
}

impl Transmit for Sink {
    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> bool {
        let Some(buffer) = self.last.get_mut(..len) else {
            return false;
        };
        fill(buffer);
        let completed = complete_tcp(buffer, TxChecksums::NONE);
        debug_assert!(completed.is_some());
        self.packets += 1;
        true
    }
}
