//! TCP segments in IP packets, as they come and as they go.

use core::net::SocketAddr;

use abi::Reason;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    IpAddress, IpEndpoint, IpProtocol, IpRepr, IpVersion, Ipv4Packet, Ipv4Repr, Ipv6Packet,
    Ipv6Repr, TcpPacket, TcpRepr,
};

use crate::Transmit;

/// Hop limit of answers that no leg sends.
const HOP_LIMIT: u8 = 64;

/// A segment whose headers lie within its packet.
///
/// Checksums are not looked at: whoever received the packet has verified them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    source: IpAddress,
    destination: IpAddress,
    bytes: &'a [u8],
    pub(crate) seq: u32,
    /// Acknowledgement number, if the segment has one.
    pub(crate) ack: Option<u32>,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    /// Window as the header has it, not scaled.
    pub(crate) window: u16,
    pub(crate) payload_len: u32,
    ports: (u16, u16),
}

impl<'a> Segment<'a> {
    /// The segment in an IP packet, from the IP header on.
    ///
    /// Octets after the packet's own length are ignored. IPv6 extension headers are refused:
    /// no TCP of ours needs one.
    pub(crate) fn parse(packet: &'a [u8]) -> Result<Self, Reason> {
        if packet.is_empty() {
            return Err(Reason::IpTruncated);
        }
        match IpVersion::of_packet(packet) {
            Ok(IpVersion::Ipv4) => {
                let ip = Ipv4Packet::new_checked(packet).map_err(|_| Reason::IpTruncated)?;
                let repr = Ipv4Repr::parse(&ip, &ChecksumCapabilities::ignored())
                    .map_err(|_| Reason::IpMalformed)?;
                Self::of_payload(&IpRepr::Ipv4(repr), ip.payload())
            }
            Ok(IpVersion::Ipv6) => {
                let ip = Ipv6Packet::new_checked(packet).map_err(|_| Reason::IpTruncated)?;
                let repr = Ipv6Repr::parse(&ip).map_err(|_| Reason::IpMalformed)?;
                Self::of_payload(&IpRepr::Ipv6(repr), ip.payload())
            }
            Err(_) => Err(Reason::IpMalformed),
        }
    }

    fn of_payload(ip: &IpRepr, bytes: &'a [u8]) -> Result<Self, Reason> {
        if ip.next_header() != IpProtocol::Tcp {
            return Err(Reason::IpUnknownProtocol);
        }
        let tcp = TcpPacket::new_checked(bytes).map_err(|_| Reason::TcpMalformed)?;
        let payload_len = u32::try_from(tcp.payload().len()).map_err(|_| Reason::TcpMalformed)?;
        Ok(Self {
            source: ip.src_addr(),
            destination: ip.dst_addr(),
            bytes,
            seq: tcp.seq_number().0.cast_unsigned(),
            ack: tcp.ack().then(|| tcp.ack_number().0.cast_unsigned()),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            window: tcp.window_len(),
            payload_len,
            ports: (tcp.src_port(), tcp.dst_port()),
        })
    }

    /// The segment with its options, if its flags and options are sound.
    pub(crate) fn repr(&self) -> Result<TcpRepr<'a>, Reason> {
        let tcp = TcpPacket::new_checked(self.bytes).map_err(|_| Reason::TcpMalformed)?;
        TcpRepr::parse(
            &tcp,
            &self.source,
            &self.destination,
            &ChecksumCapabilities::ignored(),
        )
        .map_err(|_| Reason::TcpMalformed)
    }

    /// Who sent it.
    pub(crate) fn remote(&self) -> SocketAddr {
        IpEndpoint::new(self.source, self.ports.0).into()
    }

    /// Whom it is for.
    pub(crate) fn local(&self) -> SocketAddr {
        IpEndpoint::new(self.destination, self.ports.1).into()
    }

    /// Whether both addresses are ones that a connection can have.
    pub(crate) fn is_unicast(&self) -> bool {
        self.source.is_unicast() && self.destination.is_unicast()
    }

    /// Sequence numbers that the segment takes up.
    pub(crate) fn len(&self) -> u32 {
        self.payload_len + u32::from(self.syn) + u32::from(self.fin)
    }

    /// The sequence number after the segment.
    pub(crate) fn end(&self) -> u32 {
        self.seq.wrapping_add(self.len())
    }

    /// An IP header for `tcp` sent back to where this segment came from.
    pub(crate) fn reply(&self, tcp: &TcpRepr<'_>) -> IpRepr {
        IpRepr::new(
            self.destination,
            self.source,
            IpProtocol::Tcp,
            tcp.buffer_len(),
            HOP_LIMIT,
        )
    }
}

/// Writes a packet into `buffer`, which has room for it; its checksums are zero.
pub(crate) fn write(ip: &IpRepr, tcp: &TcpRepr<'_>, buffer: &mut [u8]) {
    let checksums = ChecksumCapabilities::ignored();
    ip.emit(&mut *buffer, &checksums);
    if let Some(payload) = buffer.get_mut(ip.header_len()..) {
        let mut packet = TcpPacket::new_unchecked(payload);
        tcp.emit(&mut packet, &ip.src_addr(), &ip.dst_addr(), &checksums);
    }
}

/// Sends a packet; `false` if there was no buffer for it.
pub(crate) fn send(ip: &IpRepr, tcp: &TcpRepr<'_>, tx: &mut dyn Transmit) -> bool {
    tx.transmit(ip.buffer_len(), &mut |buffer| write(ip, tcp, buffer))
}
