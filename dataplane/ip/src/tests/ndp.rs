use core::net::Ipv6Addr;

use wire::{
    icmpv6::Icmpv6Repr,
    ipv6::Ipv6Repr,
    ndp::{self, NdpRepr},
    proto,
};

use super::*;

fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn ndp_frame(
    n: u8,
    to: MacAddr,
    src: &str,
    dst: Ipv6Addr,
    hop_limit: u8,
    repr: NdpRepr,
) -> Vec<u8> {
    let message = Icmpv6Repr::Ndp(repr);
    let mut packet = vec![0; 40 + message.len()];
    let header = Ipv6Repr {
        src: v6(src),
        dst,
        next_header: proto::ICMPV6,
        payload_len: u16::try_from(message.len()).unwrap(),
        hop_limit,
        traffic_class: 0,
    };
    header.emit(&mut packet).unwrap();
    message.emit(&mut packet[40..], v6(src), dst).unwrap();
    framed(to, peer_mac(n), None, &packet)
}

fn solicitation(n: u8, src: &str, target: &str) -> Vec<u8> {
    let group = ndp::solicited_node(v6(target));
    let repr = NdpRepr::NeighborSolicit {
        target: v6(target),
        source_mac: Some(peer_mac(n)),
    };
    ndp_frame(n, ndp::multicast_mac(group), src, group, 255, repr)
}

fn advert(n: u8, target: &str, solicited: bool) -> Vec<u8> {
    let repr = NdpRepr::NeighborAdvert {
        router: false,
        solicited,
        overrides: true,
        target: v6(target),
        target_mac: Some(peer_mac(n)),
    };
    ndp_frame(n, our_mac(0), target, v6("2001:db8::1"), 255, repr)
}

fn deliver(stack: &mut Stack<SimFrame>, bytes: &[u8], at: u64, out: &mut Out) {
    let packet = parsed(bytes);
    let id = stack.accept(0, &packet).unwrap();
    assert_eq!(
        stack.on_icmp(SimFrame::from_bytes(bytes), &packet, id, ms(at), out),
        None
    );
}

fn read_ndp(bytes: &[u8]) -> (Packet, NdpRepr) {
    let packet = parsed(bytes);
    assert_eq!(packet.hop_limit, 255);
    let (IpAddr::V6(src), IpAddr::V6(dst)) = (packet.src, packet.dst) else {
        panic!("IPv6")
    };
    match Icmpv6Repr::parse(&bytes[packet.transport_range()], src, dst).unwrap() {
        Icmpv6Repr::Ndp(repr) => (packet, repr),
        other => panic!("{other:?}"),
    }
}

fn own_packet() -> SimFrame {
    SimFrame::from_bytes(&datagram("[2001:db8::1]:1", "[2001:db8::7]:9", 64, 10))
}

#[test]
fn solicitation_of_each_of_our_addresses_is_answered() {
    let link_local = ndp::link_local(our_mac(0)).to_string();
    for target in ["2001:db8::1", "2001:db8::50", &link_local] {
        let (mut stack, mut out) = (stack(), Out::default());
        deliver(
            &mut stack,
            &solicitation(7, "2001:db8::7", target),
            0,
            &mut out,
        );
        let (packet, answer) = read_ndp(&out.only_frame().1);
        assert_eq!(
            (packet.link.dst, packet.dst),
            (peer_mac(7), ip("2001:db8::7"))
        );
        assert_eq!(packet.src, ip(target));
        let wanted = NdpRepr::NeighborAdvert {
            router: true,
            solicited: true,
            overrides: true,
            target: v6(target),
            target_mac: Some(our_mac(0)),
        };
        assert_eq!(answer, wanted);
        // The asker is known now.
        stack.transmit(own_packet(), ip("2001:db8::7"), ms(1), &mut out);
        assert_eq!(parsed(&out.only_frame().1).link.dst, peer_mac(7));
    }
}

#[test]
fn solicitation_of_others_is_left_alone() {
    let (mut stack, mut out) = (stack(), Out::default());
    deliver(
        &mut stack,
        &solicitation(7, "2001:db8::7", "2001:db8::9"),
        0,
        &mut out,
    );
    out.expect_silence();
}

#[test]
fn forwarded_message_is_a_forgery() {
    let (mut stack, mut out) = (stack(), Out::default());
    let repr = NdpRepr::NeighborSolicit {
        target: v6("2001:db8::1"),
        source_mac: Some(peer_mac(7)),
    };
    let bytes = ndp_frame(7, our_mac(0), "2001:db8::7", v6("2001:db8::1"), 254, repr);
    deliver(&mut stack, &bytes, 0, &mut out);
    out.expect_refusal(Reason::IcmpMalformed);
}

#[test]
fn station_about_to_take_our_address_is_told_by_multicast() {
    let (mut stack, mut out) = (stack(), Out::default());
    let group = ndp::solicited_node(v6("2001:db8::1"));
    let probe = |source_mac| {
        let repr = NdpRepr::NeighborSolicit {
            target: v6("2001:db8::1"),
            source_mac,
        };
        ndp_frame(7, ndp::multicast_mac(group), "::", group, 255, repr)
    };
    deliver(&mut stack, &probe(None), 0, &mut out);
    let (packet, answer) = read_ndp(&out.only_frame().1);
    assert_eq!(packet.dst, ip("ff02::1"));
    assert!(matches!(
        answer,
        NdpRepr::NeighborAdvert {
            solicited: false,
            ..
        }
    ));
    deliver(&mut stack, &probe(Some(peer_mac(7))), 0, &mut out);
    out.expect_refusal(Reason::IcmpMalformed);
}

#[test]
fn packet_waits_for_the_advertisement() {
    let (mut stack, mut out) = (stack(), Out::default());
    stack.transmit(own_packet(), ip("2001:db8::7"), ms(0), &mut out);
    let (packet, question) = read_ndp(&out.only_frame().1);
    let group = ndp::solicited_node(v6("2001:db8::7"));
    assert_eq!(
        (packet.dst, packet.link.dst),
        (group.into(), ndp::multicast_mac(group))
    );
    assert_eq!(packet.src, ip("2001:db8::1"));
    let wanted = NdpRepr::NeighborSolicit {
        target: v6("2001:db8::7"),
        source_mac: Some(our_mac(0)),
    };
    assert_eq!(question, wanted);
    deliver(&mut stack, &advert(7, "2001:db8::7", true), 1, &mut out);
    assert_eq!(parsed(&out.only_frame().1).link.dst, peer_mac(7));
}

#[test]
fn router_is_asked_for_by_its_link_local_address() {
    let (mut stack, mut out) = (stack(), Out::default());
    let packet = datagram("[2001:db8::1]:1", "[2001:db8:ffff::1]:9", 64, 10);
    stack.transmit(
        SimFrame::from_bytes(&packet),
        ip("2001:db8:ffff::1"),
        ms(0),
        &mut out,
    );
    let (packet, question) = read_ndp(&out.only_frame().1);
    assert!(
        matches!(question, NdpRepr::NeighborSolicit { target, .. } if target == v6("fe80::fe"))
    );
    assert_eq!(packet.src, IpAddr::V6(ndp::link_local(our_mac(0))));
}

#[test]
fn unasked_advertisement_does_not_overwrite() {
    let (mut stack, mut out) = (stack(), Out::default());
    stack.transmit(own_packet(), ip("2001:db8::7"), ms(0), &mut out);
    deliver(&mut stack, &advert(7, "2001:db8::7", true), 1, &mut out);
    let hop = stack.next_hop(ip("2001:db8::7"), ms(2)).unwrap();
    for (at, solicited) in [(4000, false), (8000, true)] {
        out = Out::default();
        deliver(
            &mut stack,
            &advert(66, "2001:db8::7", solicited),
            at,
            &mut out,
        );
        assert_eq!(stack.link_header(hop).unwrap().station(), peer_mac(7));
        let (packet, _) = read_ndp(&out.only_frame().1);
        assert!(packet.dst.is_multicast(), "everyone is asked");
        deliver(
            &mut stack,
            &advert(7, "2001:db8::7", true),
            at + 1,
            &mut out,
        );
    }
}

#[test]
fn thief_of_our_address_is_counted() {
    let (mut stack, mut out) = (stack(), Out::default());
    deliver(&mut stack, &advert(66, "2001:db8::1", true), 0, &mut out);
    out.expect_refusal(Reason::IpBadSource);
}

#[test]
fn router_messages_are_ignored() {
    let (mut stack, mut out) = (stack(), Out::default());
    let repr = NdpRepr::RouterAdvert {
        lifetime_s: 1800,
        source_mac: Some(peer_mac(66)),
    };
    let bytes = ndp_frame(66, our_mac(0), "fe80::66", v6("2001:db8::1"), 255, repr);
    deliver(&mut stack, &bytes, 0, &mut out);
    out.expect_silence();
}
