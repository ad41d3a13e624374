use wire::{
    icmpv4::{Icmpv4Repr, unreachable},
    icmpv6::Icmpv6Repr,
    ipv4::Ipv4Repr,
    ipv6::Ipv6Repr,
    proto,
};

use super::*;
use crate::{IcmpError, IcmpReport};

fn icmp4(src: &str, dst: &str, message: Icmpv4Repr<'_>) -> Vec<u8> {
    let mut packet = vec![0; 20 + message.len()];
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (ip(src), ip(dst)) else {
        panic!("IPv4")
    };
    Ipv4Repr {
        src,
        dst,
        protocol: proto::ICMP,
        payload_len: u16::try_from(message.len()).unwrap(),
        hop_limit: 17,
        traffic_class: 0,
        ident: 9,
        dont_fragment: false,
    }
    .emit(&mut packet)
    .unwrap();
    message.emit(&mut packet[20..]).unwrap();
    packet
}

fn icmp6(src: &str, dst: &str, message: Icmpv6Repr<'_>) -> Vec<u8> {
    let mut packet = vec![0; 40 + message.len()];
    let (IpAddr::V6(src), IpAddr::V6(dst)) = (ip(src), ip(dst)) else {
        panic!("IPv6")
    };
    let payload_len = u16::try_from(message.len()).unwrap();
    let next_header = proto::ICMPV6;
    Ipv6Repr {
        src,
        dst,
        next_header,
        payload_len,
        hop_limit: 17,
        traffic_class: 0,
    }
    .emit(&mut packet)
    .unwrap();
    message.emit(&mut packet[40..], src, dst).unwrap();
    packet
}

fn deliver(
    stack: &mut Stack<SimFrame>,
    packet: &[u8],
    at: u64,
    out: &mut Out,
) -> Option<IcmpReport> {
    let bytes = framed(our_mac(0), peer_mac(7), None, packet);
    stack.on_icmp(
        SimFrame::from_bytes(&bytes),
        &parsed(&bytes),
        OUTSIDE,
        ms(at),
        out,
    )
}

fn echo4(dst: &str) -> Vec<u8> {
    icmp4(
        "203.0.113.5",
        dst,
        Icmpv4Repr::EchoRequest {
            ident: 1,
            seq: 2,
            data: b"ping",
        },
    )
}

#[test]
fn echo_is_answered_back_to_where_it_came_from() {
    for dst in ["192.0.2.1", "192.0.2.50"] {
        let (mut stack, mut out) = (stack(), Out::default());
        assert_eq!(deliver(&mut stack, &echo4(dst), 0, &mut out), None);
        let (_, bytes) = out.only_frame();
        let packet = parsed(&bytes);
        assert_eq!(
            (packet.src, packet.dst, packet.hop_limit),
            (ip(dst), ip("203.0.113.5"), 64)
        );
        assert_eq!(
            (packet.link.dst, packet.link.src),
            (peer_mac(7), our_mac(0))
        );
        let reply = Icmpv4Repr::parse(&bytes[packet.transport_range()]).unwrap();
        assert_eq!(
            reply,
            Icmpv4Repr::EchoReply {
                ident: 1,
                seq: 2,
                data: b"ping"
            }
        );
        assert_eq!(out.counted, [Counter::EchoReplies]);
    }
}

#[test]
fn echo_over_ipv6_is_answered() {
    let (mut stack, mut out) = (stack(), Out::default());
    let request = Icmpv6Repr::EchoRequest {
        ident: 1,
        seq: 2,
        data: b"ping",
    };
    deliver(
        &mut stack,
        &icmp6("2001:db8::7", "2001:db8::1", request),
        0,
        &mut out,
    );
    let (_, bytes) = out.only_frame();
    let packet = parsed(&bytes);
    assert_eq!((packet.src, packet.hop_limit), (ip("2001:db8::1"), 64));
    let (IpAddr::V6(src), IpAddr::V6(dst)) = (packet.src, packet.dst) else {
        panic!("IPv6")
    };
    let reply = Icmpv6Repr::parse(&bytes[packet.transport_range()], src, dst).unwrap();
    assert_eq!(
        reply,
        Icmpv6Repr::EchoReply {
            ident: 1,
            seq: 2,
            data: b"ping"
        }
    );
}

#[test]
fn echo_to_a_group_or_from_ourselves_is_not_answered() {
    let (mut stack, mut out) = (stack(), Out::default());
    deliver(&mut stack, &echo4("192.0.2.255"), 0, &mut out);
    deliver(&mut stack, &echo4("224.0.0.1"), 0, &mut out);
    out.expect_silence();
    let request = Icmpv4Repr::EchoRequest {
        ident: 1,
        seq: 2,
        data: b"",
    };
    deliver(
        &mut stack,
        &icmp4("192.0.2.50", "192.0.2.1", request),
        0,
        &mut out,
    );
    out.expect_refusal(Reason::IpBadSource);
}

#[test]
fn echo_replies_are_rate_limited() {
    let (mut stack, mut out) = (stack(), Out::default());
    for _ in 0..150 {
        deliver(&mut stack, &echo4("192.0.2.1"), 0, &mut out);
    }
    assert_eq!(out.sent.len(), 100);
    assert_eq!(out.refused, [Reason::IcmpRateLimited; 50]);
}

#[test]
fn errors_about_flows_are_reported() {
    let (mut stack, mut out) = (stack(), Out::default());
    let ours = datagram("192.0.2.1:5000", "203.0.113.9:6000", 64, 100);
    let report = |message| {
        deliver(
            &mut stack,
            &icmp4("203.0.113.1", "192.0.2.1", message),
            0,
            &mut out,
        )
    };
    let cases = [
        (unreachable::PORT, 0, IcmpError::PortUnreachable),
        (unreachable::HOST, 0, IcmpError::HostUnreachable),
        (unreachable::NET, 0, IcmpError::NoRoute),
        (unreachable::PROHIBITED, 0, IcmpError::Prohibited),
        (
            unreachable::FRAGMENTATION_NEEDED,
            1400,
            IcmpError::TooBig { mtu: 1400 },
        ),
        (
            unreachable::FRAGMENTATION_NEEDED,
            68,
            IcmpError::TooBig { mtu: 576 },
        ),
    ];
    let outcomes: Vec<_> = cases
        .map(|(code, mtu, _)| Icmpv4Repr::Unreachable {
            code,
            mtu,
            quote: &ours[..28],
        })
        .into_iter()
        .map(report)
        .collect();
    for ((.., error), outcome) in cases.into_iter().zip(outcomes) {
        let found = outcome.unwrap();
        assert_eq!((found.error, found.from), (error, ip("203.0.113.1")));
        assert_eq!(
            found.about.src,
            "192.0.2.1:5000".parse::<SocketAddr>().unwrap()
        );
        assert_eq!(
            found.about.dst,
            "203.0.113.9:6000".parse::<SocketAddr>().unwrap()
        );
    }
    out.expect_silence();
}

#[test]
fn packet_too_big_over_ipv6_is_reported_within_reason() {
    let (mut stack, mut out) = (stack(), Out::default());
    let ours = datagram("[2001:db8::1]:5000", "[2001:db8:9::9]:6000", 64, 100);
    for (mtu, wanted) in [(1400, 1400), (100, 1280), (u32::MAX, u16::MAX)] {
        let message = Icmpv6Repr::PacketTooBig { mtu, quote: &ours };
        let packet = icmp6("2001:db8::fe", "2001:db8::1", message);
        let found = deliver(&mut stack, &packet, 0, &mut out).unwrap();
        assert_eq!(found.error, IcmpError::TooBig { mtu: wanted });
    }
}

#[test]
fn messages_without_use_are_ignored() {
    let (mut stack, mut out) = (stack(), Out::default());
    for message in [
        Icmpv4Repr::EchoReply {
            ident: 1,
            seq: 1,
            data: b"",
        },
        Icmpv4Repr::Other { kind: 5, code: 1 },
        Icmpv4Repr::Unreachable {
            code: 3,
            mtu: 0,
            quote: b"short",
        },
    ] {
        assert_eq!(
            deliver(
                &mut stack,
                &icmp4("203.0.113.1", "192.0.2.1", message),
                0,
                &mut out
            ),
            None
        );
    }
    out.expect_silence();
}

/// What the stack sends about `packet`, which came in outside from peer 7.
fn told(packet: &[u8], dst: MacAddr, error: IcmpError) -> Option<Vec<u8>> {
    let (mut stack, mut out) = (stack(), Out::default());
    let bytes = framed(dst, peer_mac(7), None, packet);
    let frame = SimFrame::from_bytes(&bytes);
    stack.send_error(&frame, &parsed(&bytes), OUTSIDE, error, ms(0), &mut out);
    assert!(out.refused.is_empty());
    out.sent.pop().map(|(_, bytes)| bytes)
}

#[test]
fn error_quotes_the_packet_and_goes_back() {
    let packet = datagram("203.0.113.5:1", "192.0.2.50:9", 64, 1000);
    let bytes = told(&packet, our_mac(0), IcmpError::PortUnreachable).unwrap();
    let found = parsed(&bytes);
    assert_eq!(
        (found.src, found.dst),
        (ip("192.0.2.50"), ip("203.0.113.5"))
    );
    assert_eq!((found.link.dst, found.ip_range().len()), (peer_mac(7), 576));
    match Icmpv4Repr::parse(&bytes[found.transport_range()]).unwrap() {
        Icmpv4Repr::Unreachable {
            code: unreachable::PORT,
            quote,
            ..
        } => {
            assert_eq!(quote, &packet[..548]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn ipv6_error_stays_within_the_least_mtu() {
    let packet = datagram("[2001:db8:9::5]:1", "[2001:db8:ffff::9]:9", 64, 1400);
    let bytes = told(&packet, our_mac(0), IcmpError::TooBig { mtu: 1280 }).unwrap();
    let found = parsed(&bytes);
    assert_eq!(
        (found.src, found.ip_range().len()),
        (ip("2001:db8::1"), 1280)
    );
    let (IpAddr::V6(src), IpAddr::V6(dst)) = (found.src, found.dst) else {
        panic!("IPv6")
    };
    let message = Icmpv6Repr::parse(&bytes[found.transport_range()], src, dst).unwrap();
    assert!(matches!(
        message,
        Icmpv6Repr::PacketTooBig { mtu: 1280, .. }
    ));
}

#[test]
fn no_error_about_errors_groups_fragments_or_ourselves() {
    let plain = datagram("203.0.113.5:1", "192.0.2.50:9", 64, 8);
    let error = IcmpError::PortUnreachable;
    assert!(told(&plain, our_mac(0), error).is_some());
    assert!(told(&plain, MacAddr::BROADCAST, error).is_none());
    let unreachable = Icmpv4Repr::Unreachable {
        code: 1,
        mtu: 0,
        quote: &plain,
    };
    assert!(
        told(
            &icmp4("203.0.113.5", "192.0.2.1", unreachable),
            our_mac(0),
            error
        )
        .is_none()
    );
    assert!(told(&echo4("192.0.2.1"), our_mac(0), error).is_some());
    for (src, dst) in [
        ("203.0.113.5:1", "224.0.0.5:9"),
        ("203.0.113.5:1", "192.0.2.255:9"),
        ("192.0.2.255:1", "192.0.2.1:9"),
        ("192.0.2.1:1", "192.0.2.50:9"),
    ] {
        assert!(
            told(&datagram(src, dst, 64, 8), our_mac(0), error).is_none(),
            "{src} {dst}"
        );
    }
    let mut fragment = plain.clone();
    fragment[7] = 1;
    fragment[10..12].fill(0);
    let sum = wire::checksum::Sum::new()
        .add_bytes(&fragment[..20])
        .finish();
    fragment[10..12].copy_from_slice(&sum.to_be_bytes());
    assert!(told(&fragment, our_mac(0), error).is_none());
}

#[test]
fn errors_are_rate_limited() {
    let (mut stack, mut out) = (stack(), Out::default());
    let bytes = framed(
        our_mac(0),
        peer_mac(7),
        None,
        &datagram("203.0.113.5:1", "192.0.2.50:9", 64, 8),
    );
    let frame = SimFrame::from_bytes(&bytes);
    for at in [0, 0, 1000] {
        for _ in 0..30 {
            stack.send_error(
                &frame,
                &parsed(&bytes),
                OUTSIDE,
                IcmpError::PortUnreachable,
                ms(at),
                &mut out,
            );
        }
    }
    assert_eq!(out.sent.len(), 40);
    assert_eq!(out.refused, [Reason::IcmpRateLimited; 50]);
}
