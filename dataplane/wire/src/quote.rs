//! The packet that an ICMP error quotes.

use core::net::SocketAddr;

use crate::{
    field::{array, be16},
    ipv4, ipv6, proto,
    udp::ports,
};

/// What a quoted packet says about the flow that it was of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Protocol: TCP or UDP.
    pub protocol: u8,
    /// Who sent the packet that caused the error.
    pub src: SocketAddr,
    /// To whom.
    pub dst: SocketAddr,
    /// Sequence number of a TCP segment: an error about one that was never sent is a forgery
    /// (RFC 5927 §4.1). 0 for UDP.
    pub seq: u32,
}

impl Quote {
    /// Reads the start of a packet: its IP header and the first eight octets behind it, which is
    /// what errors quote at least. `None` when there is less, or neither TCP nor UDP.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::parse_v4(bytes),
            6 => Self::parse_v6(bytes),
            _ => None,
        }
    }

    fn parse_v4(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; ipv4::HEADER_LEN] = bytes.first_chunk()?;
        let header_len = usize::from(header[0] & 0x0f) * 4;
        let is_first = be16(header, 6)? & 0x1fff == 0;
        if header_len < ipv4::HEADER_LEN || !is_first {
            return None;
        }
        let [src, dst] = [array::<4>(header, 12)?, array::<4>(header, 16)?];
        Self::transport(
            header[9],
            (*src).into(),
            (*dst).into(),
            bytes.get(header_len..)?,
        )
    }

    /// Extension headers are not walked: our own packets have none, and errors about packets of
    /// others do not concern us.
    fn parse_v6(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; ipv6::HEADER_LEN] = bytes.first_chunk()?;
        let [src, dst] = [array::<16>(header, 8)?, array::<16>(header, 24)?];
        Self::transport(
            header[6],
            (*src).into(),
            (*dst).into(),
            bytes.get(ipv6::HEADER_LEN..)?,
        )
    }

    fn transport(
        protocol: u8,
        src: core::net::IpAddr,
        dst: core::net::IpAddr,
        header: &[u8],
    ) -> Option<Self> {
        let first: &[u8; 8] = header.first_chunk()?;
        let (src_port, dst_port) = ports(first)?;
        let [.., s0, s1, s2, s3] = *first;
        let seq = match protocol {
            proto::TCP => u32::from_be_bytes([s0, s1, s2, s3]),
            proto::UDP => 0,
            _ => return None,
        };
        let (src, dst) = (
            SocketAddr::new(src, src_port),
            SocketAddr::new(dst, dst_port),
        );
        Some(Self {
            protocol,
            src,
            dst,
            seq,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::udp::{UdpChecksum, UdpRepr};

    #[test]
    fn quoted_datagram_names_its_flow() {
        for (src, dst) in [
            ("192.0.2.1:5004", "198.51.100.2:6000"),
            ("[2001:db8::1]:5004", "[2001:db8::2]:6000"),
        ] {
            let (src, dst): (SocketAddr, SocketAddr) = (src.parse().unwrap(), dst.parse().unwrap());
            let mut packet = vec![0; UdpRepr::headers_len(dst) + 100];
            let checksum = UdpChecksum::Compute;
            let repr = UdpRepr {
                src,
                dst,
                hop_limit: 9,
                traffic_class: 0,
                checksum,
            };
            repr.emit(&mut packet).unwrap();
            packet.truncate(UdpRepr::headers_len(dst));
            let quote = Quote::parse(&packet).unwrap();
            assert_eq!(
                quote,
                Quote {
                    protocol: proto::UDP,
                    src,
                    dst,
                    seq: 0
                }
            );
            for len in 0..packet.len() {
                assert_eq!(Quote::parse(&packet[..len]), None);
            }
        }
    }

    #[test]
    fn later_fragment_names_no_flow() {
        let mut packet = [0u8; 28];
        packet[0] = 0x45;
        packet[9] = proto::TCP;
        packet[27] = 9;
        assert_eq!(Quote::parse(&packet).unwrap().seq, 9);
        packet[7] = 1;
        assert_eq!(Quote::parse(&packet), None);
    }
}
