use wire::{checksum::Sum, ethernet, ipv4::Ipv4Repr, ipv6::Ipv6Repr, proto, sim::SimFrame};

use super::*;
use crate::tests::{INSIDE, OUTSIDE, Out, datagram, framed, ms, our_mac, parsed, peer_mac, stack};

const SRC: &str = "203.0.113.5:5060";
const DST: &str = "192.0.2.50:5060";

/// A datagram whose octets tell their place.
fn whole(src: &str, dst: &str, len: usize) -> Vec<u8> {
    let mut packet = datagram(src, dst, 64, len);
    let headers = packet.len() - len;
    for (i, octet) in packet[headers..].iter_mut().enumerate() {
        *octet = u8::try_from(i % 251).unwrap();
    }
    let repr = wire::udp::UdpRepr {
        src: src.parse().unwrap(),
        dst: dst.parse().unwrap(),
        hop_limit: 64,
        traffic_class: 0,
        checksum: wire::udp::UdpChecksum::Compute,
    };
    repr.emit(&mut packet).unwrap();
    packet
}

/// The piece of an IPv4 packet from `start` to `end` of its payload.
fn piece_v4(packet: &[u8], ident: u16, start: usize, end: usize) -> Vec<u8> {
    let payload = &packet[20..];
    let data = &payload[start..end];
    let view = wire::ipv4::Ipv4View::parse(packet).unwrap();
    let payload_len = u16::try_from(data.len()).unwrap();
    let repr = Ipv4Repr {
        ident,
        payload_len,
        dont_fragment: false,
        ..Ipv4Repr::of(&view)
    };
    let mut piece = vec![0; 20];
    repr.emit(&mut piece).unwrap();
    let more = if end < payload.len() { 0x2000 } else { 0 };
    let field = more | u16::try_from(start / 8).unwrap();
    piece[6..8].copy_from_slice(&field.to_be_bytes());
    piece[10..12].fill(0);
    let sum = Sum::new().add_bytes(&piece).finish();
    piece[10..12].copy_from_slice(&sum.to_be_bytes());
    piece.extend_from_slice(data);
    framed(our_mac(0), peer_mac(7), None, &piece)
}

/// The same for IPv6, with a destination options header ahead of the fragment header.
fn piece_v6(packet: &[u8], ident: u32, start: usize, end: usize) -> Vec<u8> {
    let payload = &packet[40..];
    let more = u16::from(end < payload.len());
    let field = u16::try_from(start).unwrap() | more;
    let mut rest = vec![44, 0, 1, 4, 0, 0, 0, 0];
    rest.extend_from_slice(&[proto::UDP, 0]);
    rest.extend_from_slice(&field.to_be_bytes());
    rest.extend_from_slice(&ident.to_be_bytes());
    rest.extend_from_slice(&payload[start..end]);
    let view = wire::ipv6::Ipv6View::parse(packet).unwrap();
    let payload_len = u16::try_from(rest.len()).unwrap();
    let repr = Ipv6Repr {
        next_header: 60,
        payload_len,
        ..Ipv6Repr::of(&view)
    };
    let mut piece = vec![0; 40];
    repr.emit(&mut piece).unwrap();
    piece.extend_from_slice(&rest);
    framed(our_mac(0), peer_mac(7), None, &piece)
}

fn give(stack: &mut Stack<SimFrame>, bytes: &[u8], at: u64, out: &mut Out) -> Option<SimFrame> {
    let packet = parsed(bytes);
    assert!(packet.fragment);
    stack.on_fragment(&SimFrame::from_bytes(bytes), &packet, OUTSIDE, ms(at), out)
}

#[test]
fn pieces_make_the_packet_in_any_order() {
    let v4 = whole(SRC, DST, 1200);
    let v6 = whole("[2001:db8:9::5]:5060", "[2001:db8::50]:5060", 1200);
    let cuts = [(0, 400), (400, 800), (800, 1208)];
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        for is_v6 in [false, true] {
            let (mut stack, mut out) = (stack(), Out::default());
            let pieces = order.map(|i| match is_v6 {
                true => piece_v6(&v6, 77, cuts[i].0, cuts[i].1),
                false => piece_v4(&v4, 77, cuts[i].0, cuts[i].1),
            });
            assert!(give(&mut stack, &pieces[0], 0, &mut out).is_none());
            assert!(give(&mut stack, &pieces[1], 1, &mut out).is_none());
            let frame = give(&mut stack, &pieces[2], 2, &mut out).unwrap();
            let found = parsed(frame.data());
            let original = if is_v6 { &v6 } else { &v4 };
            let payload = &original[original.len() - 1200..];
            assert_eq!(&frame.data()[found.payload_range()], payload);
            assert_eq!((found.link.src, found.fragment), (peer_mac(7), false));
            assert_eq!(stack.next_deadline(), None, "nothing is left behind");
            out.expect_silence();
        }
    }
}

#[test]
fn interface_that_does_not_reassemble_refuses() {
    let (mut stack, mut out) = (stack(), Out::default());
    let bytes = piece_v4(&whole(SRC, DST, 100), 1, 0, 56);
    let frame = SimFrame::from_bytes(&bytes);
    assert!(
        stack
            .on_fragment(&frame, &parsed(&bytes), INSIDE, ms(0), &mut out)
            .is_none()
    );
    out.expect_refusal(Reason::IpFragment);
}

#[test]
fn overlap_spoils_the_packet() {
    let packet = whole(SRC, DST, 200);
    for (start, end) in [(48, 96), (0, 48), (40, 64), (0, 200)] {
        let (mut stack, mut out) = (stack(), Out::default());
        give(&mut stack, &piece_v4(&packet, 1, 0, 56), 0, &mut out);
        give(&mut stack, &piece_v4(&packet, 1, start, end), 0, &mut out);
        out.expect_refusal(Reason::IpReassemblyOverlap);
        assert_eq!(stack.next_deadline(), None);
    }
}

#[test]
fn piece_that_comes_twice_is_taken_once_and_a_changed_one_spoils() {
    let (mut stack, mut out) = (stack(), Out::default());
    let packet = whole(SRC, DST, 200);
    let first = piece_v4(&packet, 1, 0, 56);
    give(&mut stack, &first, 0, &mut out);
    give(&mut stack, &first, 0, &mut out);
    assert!(give(&mut stack, &piece_v4(&packet, 1, 56, 208), 0, &mut out).is_some());
    out.expect_silence();
    give(&mut stack, &first, 0, &mut out);
    let mut changed = first.clone();
    changed[70] ^= 1;
    give(&mut stack, &changed, 0, &mut out);
    out.expect_refusal(Reason::IpReassemblyOverlap);
}

#[test]
fn contradicting_ends_spoil_the_packet() {
    let packet = whole(SRC, DST, 200);
    let shorter = whole(SRC, DST, 104);
    let (mut stack, mut out) = (stack(), Out::default());
    // The end lies before what is there.
    give(&mut stack, &piece_v4(&packet, 1, 120, 160), 0, &mut out);
    give(&mut stack, &piece_v4(&shorter, 1, 56, 112), 0, &mut out);
    out.expect_refusal(Reason::IpReassemblyOverlap);
    // More lies behind the end.
    give(&mut stack, &piece_v4(&shorter, 2, 56, 112), 0, &mut out);
    give(&mut stack, &piece_v4(&packet, 2, 120, 160), 0, &mut out);
    out.expect_refusal(Reason::IpReassemblyOverlap);
}

#[test]
fn packet_that_does_not_come_together_is_given_up() {
    let (mut stack, mut out) = (stack(), Out::default());
    let packet = whole(SRC, DST, 200);
    give(&mut stack, &piece_v4(&packet, 1, 0, 56), 0, &mut out);
    give(&mut stack, &piece_v4(&packet, 1, 56, 112), 14_000, &mut out);
    assert_eq!(stack.next_deadline(), Some(ms(15_000)));
    stack.poll(ms(15_000), &mut out);
    out.expect_refusal(Reason::IpReassemblyTimeout);
    assert!(
        give(
            &mut stack,
            &piece_v4(&packet, 1, 112, 208),
            15_001,
            &mut out
        )
        .is_none()
    );
}

#[test]
fn packets_in_progress_are_bounded_by_source_and_in_all() {
    let (mut stack, mut out) = (stack(), Out::default());
    let packet = whole(SRC, DST, 200);
    for ident in 0..20 {
        give(&mut stack, &piece_v4(&packet, ident, 0, 56), 0, &mut out);
    }
    assert_eq!(out.refused, [Reason::IpReassemblyFull; 12]);
    out = Out::default();
    for last in 0..80 {
        let other = whole(&format!("198.51.100.{last}:1"), DST, 200);
        give(&mut stack, &piece_v4(&other, 1, 0, 56), 0, &mut out);
    }
    assert_eq!(out.refused, [Reason::IpReassemblyFull; 24]);
}

#[test]
fn packet_larger_than_a_frame_is_refused() {
    let (mut stack, mut out) = (stack(), Out::default());
    let packet = whole(SRC, DST, 4000);
    give(&mut stack, &piece_v4(&packet, 1, 0, 1480), 0, &mut out);
    give(&mut stack, &piece_v4(&packet, 1, 1480, 2960), 0, &mut out);
    out.expect_refusal(Reason::IpReassemblyFull);
    (stack, out) = (crate::tests::stack(), Out::default());
    give(&mut stack, &piece_v4(&packet, 2, 2960, 4008), 0, &mut out);
    out.expect_refusal(Reason::IpReassemblyFull);
}

#[test]
fn shower_of_crumbs_is_refused() {
    let (mut stack, mut out) = (stack(), Out::default());
    let packet = whole(SRC, DST, 400);
    for i in 0..17 {
        give(
            &mut stack,
            &piece_v4(&packet, 1, i * 8, i * 8 + 8),
            0,
            &mut out,
        );
    }
    out.expect_refusal(Reason::IpReassemblyFull);
}

#[test]
fn lengths_that_no_sender_makes_are_refused() {
    let (mut stack, mut out) = (stack(), Out::default());
    let packet = whole(SRC, DST, 200);
    give(&mut stack, &piece_v4(&packet, 1, 0, 55), 0, &mut out);
    out.expect_refusal(Reason::IpMalformed);
    give(&mut stack, &piece_v4(&packet, 1, 8, 8), 0, &mut out);
    out.expect_refusal(Reason::IpMalformed);
    let mut beyond = piece_v4(&packet, 1, 0, 56);
    beyond[20..22].copy_from_slice(&0x3fff_u16.to_be_bytes());
    beyond[24..26].fill(0);
    let sum = Sum::new().add_bytes(&beyond[14..34]).finish();
    beyond[24..26].copy_from_slice(&sum.to_be_bytes());
    give(&mut stack, &beyond, 0, &mut out);
    out.expect_refusal(Reason::IpMalformed);
}

#[test]
fn packet_in_one_fragment_is_whole_at_once() {
    let (mut stack, mut out) = (stack(), Out::default());
    let v6 = whole("[2001:db8:9::5]:5060", "[2001:db8::50]:5060", 32);
    let frame = give(&mut stack, &piece_v6(&v6, 5, 0, 40), 0, &mut out).unwrap();
    assert_eq!(parsed(frame.data()).dst_port, 5060);
    assert_eq!(ethernet::ethertype(frame.data()), Some(ethernet::IPV6));
}

#[test]
fn empty_pool_is_counted() {
    let (mut stack, mut out) = (
        stack(),
        Out {
            pool_is_empty: true,
            ..Out::default()
        },
    );
    give(
        &mut stack,
        &piece_v4(&whole(SRC, DST, 200), 1, 0, 56),
        0,
        &mut out,
    );
    out.expect_refusal(Reason::NoBuffer);
}
