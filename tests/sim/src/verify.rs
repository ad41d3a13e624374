//! Whether a frame's checksums are right, by the RFCs alone: not one line is shared with what made
//! them.

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// Checks the checksums of a frame without extension headers: of IPv4 (RFC 791), TCP (RFC 9293
/// §3.1), UDP (RFC 768, RFC 8200 §8.1) and ICMP (RFC 792, RFC 4443 §2.3). A fragment's transport
/// is not looked at.
///
/// # Panics
/// When one is wrong, or missing where it must be.
pub(crate) fn assert_sums_up(frame: &[u8]) {
    let (kind, packet) = match word(frame, 12) {
        0x8100 => (word(frame, 16), &frame[18..]),
        kind => (kind, &frame[14..]),
    };
    match kind {
        0x0800 => assert_v4_sums_up(packet),
        0x86dd => assert_v6_sums_up(packet),
        _ => {}
    }
}

fn assert_v4_sums_up(packet: &[u8]) {
    let header = &packet[..usize::from(packet[0] & 0x0f) * 4];
    assert_eq!(sum(&[header]), 0xffff, "IPv4 header of {packet:02x?}");
    if word(packet, 6) & 0x3fff != 0 {
        return;
    }
    let payload = &packet[header.len()..word(packet, 2).into()];
    let pseudo = pseudo(&packet[12..20], packet[9], payload.len());
    match packet[9] {
        UDP if word(payload, 6) == 0 => {}
        TCP | UDP => assert_eq!(sum(&[&pseudo, payload]), 0xffff, "in {packet:02x?}"),
        ICMP => assert_eq!(sum(&[payload]), 0xffff, "ICMP in {packet:02x?}"),
        _ => {}
    }
}

fn assert_v6_sums_up(packet: &[u8]) {
    let payload = &packet[40..][..word(packet, 4).into()];
    let pseudo = pseudo(&packet[8..40], packet[6], payload.len());
    if packet[6] == UDP {
        assert_ne!(word(payload, 6), 0, "UDP over IPv6 without a checksum");
    }
    if [TCP, UDP, ICMPV6].contains(&packet[6]) {
        assert_eq!(sum(&[&pseudo, payload]), 0xffff, "in {packet:02x?}");
    }
}

/// The pseudo header, which differs between the families in nothing that a sum would show.
fn pseudo(addresses: &[u8], protocol: u8, len: usize) -> Vec<u8> {
    let len = u32::try_from(len).unwrap().to_be_bytes();
    [addresses, &len, &[0, 0, 0, protocol]].concat()
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The one's complement sum of pieces, of which only the last may be odd.
fn sum(pieces: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for pair in pieces.iter().flat_map(|piece| piece.chunks(2)) {
        sum += u32::from(u16::from_be_bytes([
            pair[0],
            pair.get(1).copied().unwrap_or(0),
        ]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{datagram, echo_request, segment};
    use wire::tcp::Flags;

    fn framed(packet: &[u8]) -> Vec<u8> {
        let kind: [u8; 2] = if packet[0] >> 4 == 4 {
            [0x08, 0x00]
        } else {
            [0x86, 0xdd]
        };
        [&[2; 12][..], &kind, packet].concat()
    }

    #[test]
    fn any_octet_that_changes_is_noticed() {
        for (src, dst) in [
            ("192.0.2.7:5000", "198.51.100.9:5060"),
            ("[2001:db8::7]:5000", "[2001:db8::9]:5060"),
        ] {
            let (src, dst): (std::net::SocketAddr, std::net::SocketAddr) =
                (src.parse().unwrap(), dst.parse().unwrap());
            for packet in [
                datagram(src, dst, b"odd"),
                segment(src, dst, Flags::ACK, 1, 2, b"even"),
                echo_request(src.ip(), dst.ip(), b"hello"),
            ] {
                assert_sums_up(&framed(&packet));
                // From the source address on: what stands before says where to look.
                let first = if src.is_ipv4() { 12 } else { 8 };
                for at in first..packet.len() {
                    let mut wrong = packet.clone();
                    wrong[at] ^= 0x40;
                    let frame = framed(&wrong);
                    let checked = std::panic::catch_unwind(|| assert_sums_up(&frame));
                    assert!(checked.is_err(), "octet {at} of {packet:02x?}");
                }
            }
        }
    }
}
