//! Changes to a packet in place, with its checksums mended by difference.

use core::net::{IpAddr, SocketAddr};

use abi::Reason;

use crate::{
    Packet,
    checksum::update,
    field::{be16, put},
    ipv4, ipv6, proto,
    udp::nonzero,
};

/// Both addresses, source first, as the header and the pseudo header have them.
struct Addresses {
    octets: [u8; 32],
    len: usize,
}

impl Addresses {
    fn of(src: IpAddr, dst: IpAddr) -> Option<Self> {
        let mut octets = [0; 32];
        let len = match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                put(&mut octets, 0, src.octets())?;
                put(&mut octets, 4, dst.octets())?;
                8
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                put(&mut octets, 0, src.octets())?;
                put(&mut octets, 16, dst.octets())?;
                32
            }
            _ => return None,
        };
        Some(Self { octets, len })
    }

    fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

/// Gives a whole TCP or UDP packet other addresses and ports, of the family that it has.
///
/// `packet` says where things lie in `frame`, and what the addresses are; it is brought up to
/// date. A UDP checksum that is absent stays absent. `None`, and nothing changes, for fragments,
/// other protocols and another family.
#[must_use]
pub fn set_addrs(
    frame: &mut [u8],
    packet: &mut Packet,
    src: SocketAddr,
    dst: SocketAddr,
) -> Option<()> {
    let checksum_at = usize::from(packet.l4)
        + match packet.protocol {
            proto::UDP => 6,
            proto::TCP => 16,
            _ => return None,
        };
    if packet.fragment || src.is_ipv4() != packet.src.is_ipv4() {
        return None;
    }
    let old = Addresses::of(packet.src, packet.dst)?;
    let new = Addresses::of(src.ip(), dst.ip())?;
    let old_ports = port_octets(packet.src_port, packet.dst_port);
    let new_ports = port_octets(src.port(), dst.port());
    let checksum = be16(frame, checksum_at)?;
    set_ip_addresses(frame, packet, &old, &new)?;
    put(frame, packet.l4.into(), new_ports)?;
    if packet.protocol == proto::TCP || checksum != 0 {
        let addressed = update(checksum, old.as_bytes(), new.as_bytes());
        let ported = update(addressed, &old_ports, &new_ports);
        let field = if packet.protocol == proto::UDP {
            nonzero(ported)
        } else {
            ported
        };
        put(frame, checksum_at, field.to_be_bytes())?;
    }
    (packet.src, packet.dst) = (src.ip(), dst.ip());
    (packet.src_port, packet.dst_port) = (src.port(), dst.port());
    Some(())
}

/// Takes one hop off the packet.
///
/// # Errors
/// [`Reason::IpTtlExpired`] when none would be left; nothing changes then.
pub fn decrement_hop_limit(frame: &mut [u8], packet: &mut Packet) -> Result<(), Reason> {
    let header = frame
        .get_mut(packet.ip_range())
        .ok_or(Reason::IpTruncated)?;
    match packet.src {
        IpAddr::V4(_) => ipv4::decrement_hop_limit(header)?,
        IpAddr::V6(_) => ipv6::decrement_hop_limit(header)?,
    }
    packet.hop_limit = packet.hop_limit.saturating_sub(1);
    Ok(())
}

fn set_ip_addresses(
    frame: &mut [u8],
    packet: &Packet,
    old: &Addresses,
    new: &Addresses,
) -> Option<()> {
    let l3 = usize::from(packet.l3);
    let at = l3 + if new.len == 8 { 12 } else { 8 };
    frame
        .get_mut(at..at + new.len)?
        .copy_from_slice(new.as_bytes());
    if new.len == 8 {
        let checksum = be16(frame, l3 + 10)?;
        let mended = update(checksum, old.as_bytes(), new.as_bytes());
        put(frame, l3 + 10, mended.to_be_bytes())?;
    }
    Some(())
}

fn port_octets(src: u16, dst: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (src.to_be_bytes(), dst.to_be_bytes());
    [a, b, c, d]
}
