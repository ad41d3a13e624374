//! Headers made once for all datagrams of one way.

use core::net::SocketAddr;

use super::{HEADER_LEN, UdpChecksum, UdpRepr, nonzero};
use crate::{
    TxChecksums, TxOffload,
    checksum::{Sum, pseudo_header},
    field::put,
    ipv4, ipv6,
    offload::complete,
    proto,
};

/// What the length field of an empty datagram's UDP header says.
const UDP_EMPTY: u16 = 8;
/// What the length field of an empty datagram's IPv4 header says.
const V4_EMPTY: u16 = 28;
/// Octets of the headers over IPv4.
const HEADERS_V4: usize = V4_EMPTY as usize;
/// Octets of the headers over IPv6, the longest.
const HEADERS_MAX: usize = ipv6::HEADER_LEN + HEADER_LEN;

/// The IP and UDP headers of all datagrams from one address to another, made once. What differs
/// between datagrams is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpHeaders {
    /// Those of an empty datagram without checksums.
    octets: [u8; HEADERS_MAX],
    /// The sum of an empty datagram's IPv4 header.
    ip_sum: u16,
    /// The sum of an empty datagram's pseudo header and UDP header.
    udp_sum: u16,
}

impl UdpHeaders {
    /// The headers of datagrams from `src` to `dst`, each of which gets a checksum; `None` if the
    /// families differ.
    #[must_use]
    pub fn new(src: SocketAddr, dst: SocketAddr, hop_limit: u8) -> Option<Self> {
        let len = UdpRepr::headers_len(dst);
        let mut octets = [0; HEADERS_MAX];
        UdpRepr {
            src,
            dst,
            hop_limit,
            traffic_class: 0,
            checksum: UdpChecksum::Compute,
        }
        .emit(octets.get_mut(..len)?)?;
        if dst.is_ipv4() {
            put(&mut octets, ipv4::CHECKSUM, [0; 2])?;
        }
        put(&mut octets, len - 2, [0; 2])?;
        let udp = octets.get(len - HEADER_LEN..len)?;
        let udp_sum =
            pseudo_header(src.ip(), dst.ip(), proto::UDP, UDP_EMPTY.into()).add_bytes(udp);
        Some(Self {
            octets,
            ip_sum: Sum::new().add_bytes(octets.get(..ipv4::HEADER_LEN)?).fold(),
            udp_sum: udp_sum.fold(),
        })
    }

    /// Octets of both headers.
    #[inline]
    #[must_use]
    pub const fn headers_len(&self) -> usize {
        let [first, ..] = self.octets;
        if first >> 4 == 4 {
            HEADERS_V4
        } else {
            HEADERS_MAX
        }
    }

    /// Writes both headers to the front of `packet`, which is exactly as long as they and the
    /// payload that is already in place behind them. `None` if the packet is shorter than the
    /// headers or longer than IP can say.
    #[inline]
    pub fn emit(&self, packet: &mut [u8], traffic_class: u8) -> Option<()> {
        if self.headers_len() == HEADERS_MAX {
            self.emit_v6(packet, traffic_class)
        } else {
            self.emit_v4(packet, traffic_class)
        }
    }

    /// As [`emit`](Self::emit), but leaves the checksums to the port that it is `able` to fill in,
    /// and returns what it has to be asked for.
    pub fn emit_for(
        &self,
        packet: &mut [u8],
        traffic_class: u8,
        able: TxChecksums,
    ) -> Option<TxOffload> {
        let len = self.headers_len();
        packet
            .get_mut(..len)?
            .copy_from_slice(self.octets.get(..len)?);
        let l4 = len - HEADER_LEN;
        let udp_len = u16::try_from(packet.len() - l4).ok()?;
        put(packet, l4 + 4, udp_len.to_be_bytes())?;
        if len == HEADERS_V4 {
            let total_len = u16::try_from(packet.len()).ok()?;
            put(packet, 1, [traffic_class])?;
            put(packet, 2, total_len.to_be_bytes())?;
        } else {
            put(packet, 0, [0x60 | traffic_class >> 4, traffic_class << 4])?;
            put(packet, 4, udp_len.to_be_bytes())?;
        }
        complete(packet, l4, proto::UDP, able)
    }

    #[inline]
    fn emit_v4(&self, packet: &mut [u8], traffic_class: u8) -> Option<()> {
        let (headers, payload) = packet.split_first_chunk_mut::<HEADERS_V4>()?;
        let payload_len = u16::try_from(payload.len()).ok()?;
        let total_len = payload_len.checked_add(V4_EMPTY)?;
        let [t0, t1] = total_len.to_be_bytes();
        let class = u16::from(traffic_class);
        let sum = Sum::new().add_u16(self.ip_sum).add_u16(class);
        let sum = sum.add_u16(payload_len);
        let [c0, c1] = sum.finish().to_be_bytes();
        *headers = *self.octets.first_chunk()?;
        headers[1] = traffic_class;
        [headers[2], headers[3]] = [t0, t1];
        [headers[10], headers[11]] = [c0, c1];
        let [.., l0, l1, u0, u1] = headers;
        [*l0, *l1, *u0, *u1] = self.length_and_checksum(payload_len, payload);
        Some(())
    }

    #[inline]
    fn emit_v6(&self, packet: &mut [u8], traffic_class: u8) -> Option<()> {
        let (headers, payload) = packet.split_first_chunk_mut::<HEADERS_MAX>()?;
        let payload_len = u16::try_from(payload.len()).ok()?;
        let udp_len = payload_len.checked_add(UDP_EMPTY)?;
        *headers = self.octets;
        [headers[0], headers[1]] = [0x60 | traffic_class >> 4, traffic_class << 4];
        [headers[4], headers[5]] = udp_len.to_be_bytes();
        let [.., l0, l1, u0, u1] = headers;
        [*l0, *l1, *u0, *u1] = self.length_and_checksum(payload_len, payload);
        Some(())
    }

    /// The end of the UDP header of a datagram of no more octets than it can say.
    #[inline]
    fn length_and_checksum(&self, payload_len: u16, payload: &[u8]) -> [u8; 4] {
        let [l0, l1] = UDP_EMPTY.saturating_add(payload_len).to_be_bytes();
        // The length stands in the pseudo header and in the header.
        let sum = Sum::new().add_u16(self.udp_sum).add_u16(payload_len);
        let sum = sum.add_u16(payload_len);
        let [c0, c1] = nonzero(sum.add_bytes(payload).finish()).to_be_bytes();
        [l0, l1, c0, c1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::IpAddr;
    use proptest::prelude::*;

    proptest! {
        /// Headers made once are those made for each datagram.
        #[test]
        fn headers_made_once_equal_those_made_anew(
            v6: bool,
            hosts: (u64, u64),
            ports: (u16, u16),
            traffic_class: u8,
            payload in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let address = |host: u64, port| {
                let [a, b, c, d, ..] = host.to_be_bytes();
                let v6_address = u128::from(host) << 64 | u128::from(host);
                let ip = if v6 { IpAddr::from(v6_address.to_be_bytes()) } else { [a, b, c, d].into() };
                SocketAddr::new(ip, port)
            };
            let (src, dst) = (address(hosts.0, ports.0), address(hosts.1, ports.1));
            let mut expected = vec![0; UdpRepr::headers_len(dst)];
            expected.extend_from_slice(&payload);
            let mut packet = expected.clone();
            let checksum = UdpChecksum::Compute;
            let repr = UdpRepr { src, dst, hop_limit: 64, traffic_class, checksum };
            repr.emit(&mut expected).unwrap();
            let headers = UdpHeaders::new(src, dst, 64).unwrap();
            prop_assert_eq!(headers.headers_len() + payload.len(), packet.len());
            headers.emit(&mut packet, traffic_class).unwrap();
            prop_assert_eq!(packet, expected);
        }
    }

    #[test]
    fn headers_fit_what_ip_can_say() {
        let (v4, v6) = (
            "192.0.2.1:1".parse().unwrap(),
            "[2001:db8::1]:2".parse().unwrap(),
        );
        assert_eq!(UdpHeaders::new(v4, v6, 64), None);
        assert_eq!(UdpHeaders::new(v6, v4, 64), None);
        let headers = UdpHeaders::new(v4, v4, 64).unwrap();
        let emit = |headers: &UdpHeaders, len| headers.emit(&mut vec![0; len], 0);
        for (len, fits) in [
            (27, None),
            (28, Some(())),
            (65_535, Some(())),
            (65_536, None),
        ] {
            assert_eq!(emit(&headers, len), fits);
        }
        let headers = UdpHeaders::new(v6, v6, 64).unwrap();
        for (len, fits) in [
            (47, None),
            (48, Some(())),
            (65_575, Some(())),
            (65_576, None),
        ] {
            assert_eq!(emit(&headers, len), fits);
        }
    }
}
