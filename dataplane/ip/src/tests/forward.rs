use wire::RxChecksum;
use wire::icmpv4::{Icmpv4Repr, unreachable};

use super::*;

/// Forwards `packet`, which came in outside from peer 7.
fn forward(stack: &mut Stack<SimFrame>, packet: &[u8], out: &mut Out) {
    let bytes = framed(our_mac(0), peer_mac(7), None, packet);
    stack.forward(
        SimFrame::from_bytes(&bytes),
        parsed(&bytes),
        OUTSIDE,
        ms(0),
        out,
    );
}

/// A stack that knows peer 8, which is 10.0.0.8 and 2001:db8:1::8 inside.
fn stack_with_peer() -> Stack<SimFrame> {
    let (mut stack, mut out) = (stack(), Out::default());
    for address in ["10.0.0.8", "2001:db8:1::8"] {
        stack.next_hop(ip(address), ms(0)).unwrap();
        let news = crate::NeighborNews::Learned(peer_mac(8));
        let event = NeighborEvent {
            interface: INSIDE,
            address: ip(address),
            news,
        };
        stack.import(event, ms(0), &mut out);
    }
    out.expect_silence();
    stack
}

#[test]
fn packet_goes_out_one_hop_poorer_in_the_other_vlan() {
    for (src, dst) in [
        ("203.0.113.5:1", "10.0.0.8:9"),
        ("[2001:db8:9::5]:1", "[2001:db8:1::8]:9"),
    ] {
        let (mut stack, mut out) = (stack_with_peer(), Out::default());
        forward(&mut stack, &datagram(src, dst, 64, 5), &mut out);
        let (port, bytes) = out.only_frame();
        let packet = parsed(&bytes);
        assert_eq!((port, packet.link.vlan), (1, Some(30)));
        assert_eq!(
            (packet.link.dst, packet.link.src),
            (peer_mac(8), our_mac(1))
        );
        assert_eq!((packet.hop_limit, packet.dst_port), (63, 9));
        assert_eq!(bytes.len(), usize::from(packet.end), "padding is gone");
        assert_eq!(out.counted, [Counter::Forwarded]);
    }
}

/// A guest of the same host may leave its checksum to whoever takes the packet further.
#[test]
fn checksum_that_was_left_to_us_is_filled_in() {
    for (src, dst) in [
        ("203.0.113.5:1", "10.0.0.8:9"),
        ("[2001:db8:9::5]:1", "[2001:db8:1::8]:9"),
    ] {
        let bytes = framed(our_mac(0), peer_mac(7), None, &datagram(src, dst, 64, 5));
        let packet = parsed(&bytes);
        let mut unfilled = bytes.clone();
        unfilled[usize::from(packet.l4) + 6] ^= 0xff;
        for (word, is_right) in [(RxChecksum::Absent, true), (RxChecksum::Good, false)] {
            let (mut stack, mut out) = (stack_with_peer(), Out::default());
            let frame = SimFrame::from_bytes(&unfilled).with_checksums(RxChecksum::Good, word);
            assert!(wire::parse(&frame).is_ok());
            stack.forward(frame, packet, OUTSIDE, ms(0), &mut out);
            let (_, sent) = out.only_frame();
            assert_eq!(wire::parse(&SimFrame::from_bytes(&sent)).is_ok(), is_right);
        }
    }
}

/// What is refused, and the ICMP type and code that its sender is told.
fn refusal(packet: &[u8]) -> (Vec<Reason>, Option<(u8, u8)>) {
    let (mut stack, mut out) = (stack_with_peer(), Out::default());
    stack.configure(&interfaces(), &[], &ports()).unwrap();
    forward(&mut stack, packet, &mut out);
    let told = out.sent.pop().map(|(port, bytes)| {
        let found = parsed(&bytes);
        assert_eq!(
            (port, found.link.dst, found.src),
            (0, peer_mac(7), ip("192.0.2.1"))
        );
        (
            bytes[found.transport_range()][0],
            bytes[found.transport_range()][1],
        )
    });
    (out.refused, told)
}

#[test]
fn what_cannot_go_on_is_told_why() {
    let from = |dst, hops, len| datagram("203.0.113.5:1", dst, hops, len);
    let expired = refusal(&from("10.0.0.8:9", 1, 5));
    assert_eq!(expired, (vec![Reason::IpTtlExpired], Some((11, 0))));
    let no_route = refusal(&from("198.51.100.1:9", 64, 5));
    assert_eq!(
        no_route,
        (vec![Reason::NoRoute], Some((3, unreachable::NET)))
    );
    let jumbo = refusal(&from("10.0.0.8:9", 64, 1600));
    assert_eq!(
        jumbo,
        (
            vec![Reason::IpTooBig],
            Some((3, unreachable::FRAGMENTATION_NEEDED))
        )
    );
}

#[test]
fn too_big_names_the_mtu() {
    let (mut stack, mut out) = (stack_with_peer(), Out::default());
    forward(
        &mut stack,
        &datagram("203.0.113.5:1", "10.0.0.8:9", 64, 1600),
        &mut out,
    );
    let (_, bytes) = out.sent.pop().unwrap();
    let message = Icmpv4Repr::parse(&bytes[parsed(&bytes).transport_range()]).unwrap();
    assert!(matches!(message, Icmpv4Repr::Unreachable { mtu: 1500, .. }));
}

#[test]
fn what_no_router_passes_is_refused_in_silence() {
    let silent = |src: &str, dst: &str, reason| {
        assert_eq!(
            refusal(&datagram(src, dst, 64, 5)),
            (vec![reason], None),
            "{src} {dst}"
        );
    };
    silent("169.254.1.1:1", "10.0.0.8:9", Reason::ForwardDenied);
    silent("[fe80::7]:1", "[2001:db8:1::8]:9", Reason::ForwardDenied);
    silent("[2001:db8::7]:1", "[fe80::8]:9", Reason::ForwardDenied);
    silent("192.0.2.50:1", "10.0.0.8:9", Reason::IpBadSource);
    silent("203.0.113.5:1", "10.0.0.255:9", Reason::NoRoute);
    silent("203.0.113.5:1", "224.0.0.5:9", Reason::NoRoute);
}

#[test]
fn silent_host_is_reported_unreachable_after_the_questions() {
    let (mut stack, mut out) = (stack(), Out::default());
    forward(
        &mut stack,
        &datagram("203.0.113.5:1", "10.0.0.77:9", 64, 5),
        &mut out,
    );
    for at in [1000, 2000, 3000] {
        stack.poll(ms(at), &mut out);
    }
    assert_eq!(out.refused, [Reason::NeighborUnresolved]);
    out = Out::default();
    let bytes = framed(
        our_mac(0),
        peer_mac(7),
        None,
        &datagram("203.0.113.5:1", "10.0.0.77:9", 64, 5),
    );
    stack.forward(
        SimFrame::from_bytes(&bytes),
        parsed(&bytes),
        OUTSIDE,
        ms(3001),
        &mut out,
    );
    assert_eq!(out.refused, [Reason::NeighborUnresolved]);
    let (_, bytes) = out.sent.pop().unwrap();
    let message = Icmpv4Repr::parse(&bytes[parsed(&bytes).transport_range()]).unwrap();
    assert!(matches!(
        message,
        Icmpv4Repr::Unreachable {
            code: unreachable::HOST,
            ..
        }
    ));
}
