//! Phones and a call manager, written by hand: TCP without timers over ports that lose nothing.

use std::net::SocketAddrV4;

use tls::{State, TlsLeg};

use crate::wire::{ACK, PSH_ACK, SYN, packet};

/// Octets in one segment.
const SEGMENT: usize = 1_400;

/// A segment from the worker.
pub(crate) struct Segment<'a> {
    pub(crate) src_port: u16,
    pub(crate) dst_port: u16,
    flags: u8,
    seq: u32,
    payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// The segment in an IPv4 packet.
    pub(crate) fn parse(packet: &'a [u8]) -> Option<Self> {
        let total = u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]);
        let (&[0x45, ..], &[a, b, c, d, s0, s1, s2, s3, .., offset, flags]) = (
            packet.first_chunk::<20>()?,
            packet.get(20..)?.first_chunk::<14>()?,
        ) else {
            return None;
        };
        Some(Self {
            src_port: u16::from_be_bytes([a, b]),
            dst_port: u16::from_be_bytes([c, d]),
            flags,
            seq: u32::from_be_bytes([s0, s1, s2, s3]),
            payload: packet.get(20 + usize::from(offset >> 4) * 4..usize::from(total))?,
        })
    }

    /// Whether it begins a connection.
    pub(crate) const fn is_syn(&self) -> bool {
        self.flags & (SYN | ACK) == SYN
    }
}

/// One end of a connection to the proxy.
pub(crate) struct Peer {
    local: SocketAddrV4,
    remote: SocketAddrV4,
    seq: u32,
    ack: u32,
    tls: Option<Box<TlsLeg>>,
    open: bool,
}

impl Peer {
    /// A phone's end, and its first packet.
    pub(crate) fn connect(
        local: SocketAddrV4,
        remote: SocketAddrV4,
        tls: Option<Box<TlsLeg>>,
    ) -> (Self, Vec<u8>) {
        let mut peer = Self {
            local,
            remote,
            seq: 1_000,
            ack: 0,
            tls,
            open: false,
        };
        let syn = peer.emit(SYN, &[]);
        peer.seq += 1;
        (peer, syn)
    }

    /// The call manager's end of a connection that `syn` begins, and its answer.
    pub(crate) fn accept(
        local: SocketAddrV4,
        remote: SocketAddrV4,
        syn: &Segment<'_>,
    ) -> (Self, Vec<u8>) {
        let ack = syn.seq.wrapping_add(1);
        let mut peer = Self {
            local,
            remote,
            seq: 5_000,
            ack,
            tls: None,
            open: true,
        };
        let answer = peer.emit(SYN | ACK, &[]);
        peer.seq += 1;
        (peer, answer)
    }

    /// Whether the application may speak.
    pub(crate) fn is_open(&self) -> bool {
        self.open
            && self
                .tls
                .as_ref()
                .is_none_or(|tls| tls.state() == State::Open)
    }

    /// Takes a segment. What it says to the application goes into `said`, what TCP or TLS wants
    /// to say at once into `out`; an acknowledgement is left to [`Peer::say`].
    pub(crate) fn on_segment(
        &mut self,
        segment: &Segment<'_>,
        said: &mut Vec<u8>,
        out: &mut Vec<Vec<u8>>,
    ) {
        if segment.flags & (SYN | ACK) == SYN | ACK {
            self.ack = segment.seq.wrapping_add(1);
            self.open = true;
            if self.tls.is_none() {
                out.push(self.emit(ACK, &[]));
            }
        } else if !segment.payload.is_empty() {
            assert_eq!(segment.seq, self.ack, "{}: a gap", self.local);
            let len = u32::try_from(segment.payload.len()).expect("short");
            self.ack = self.ack.wrapping_add(len);
        }
        let Some(tls) = &mut self.tls else {
            return said.extend_from_slice(segment.payload);
        };
        assert_eq!(tls.feed(segment.payload), segment.payload.len());
        tls.step();
        tls.take_plaintext(|octets| {
            said.extend_from_slice(octets);
            octets.len()
        });
        assert!(
            !matches!(tls.state(), State::Failed(_)),
            "{:?}",
            tls.state()
        );
        self.flush(out);
    }

    /// Says something, with the acknowledgement of all before.
    pub(crate) fn say(&mut self, octets: &[u8], out: &mut Vec<Vec<u8>>) {
        match &mut self.tls {
            Some(tls) if !octets.is_empty() => {
                assert_eq!(tls.write(octets), octets.len());
                self.flush(out);
            }
            _ => out.push(self.send(octets)),
        }
    }

    /// Sends what TLS has made.
    fn flush(&mut self, out: &mut Vec<Vec<u8>>) {
        let mut made = Vec::new();
        if let Some(tls) = &mut self.tls {
            tls.take_output(|octets| {
                made.extend_from_slice(octets);
                octets.len()
            });
        }
        out.extend(made.chunks(SEGMENT).map(|octets| self.send(octets)));
    }

    fn send(&mut self, octets: &[u8]) -> Vec<u8> {
        let sent = self.emit(if octets.is_empty() { ACK } else { PSH_ACK }, octets);
        self.seq = self
            .seq
            .wrapping_add(u32::try_from(octets.len()).expect("short"));
        sent
    }

    fn emit(&self, flags: u8, payload: &[u8]) -> Vec<u8> {
        packet(
            (self.local, self.remote),
            flags,
            self.seq,
            self.ack,
            payload,
        )
    }
}
