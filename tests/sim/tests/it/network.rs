//! Below TCP: VLANs, fragments, ICMP, forwarding, neighbours and bad frames.

use std::net::SocketAddr;
use std::time::Duration;

use abi::policy::ForwardRule;
use abi::{Counter, Reason, Suite};
use ip::IcmpError;
use sim::{
    DESK, Family, Heard, Lab, MANAGER, PHONE, Place, STRANGER, Setup, datagram, echo_request,
    fragments, segment,
};
use srtp::Traffic;
use wire::tcp::Flags;

use crate::common::each_way;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

#[test]
fn own_addresses_answer_echo() {
    for family in [Family::V4, Family::V6] {
        each_way(
            &Setup {
                family,
                ..Setup::default()
            },
            |mut lab| {
                let places = [Place::OutsideRouter, Place::OutsideMedia, Place::Mapped];
                let from = lab.setup.address(Place::Stranger);
                for place in places {
                    let to = lab.setup.address(place);
                    lab.host(STRANGER)
                        .send_packet(&echo_request(from, to, b"hello"));
                    lab.settle();
                    lab.moved(&[(Counter::EchoReplies, 1)], &[]);
                    let reply = lab.host(STRANGER).take_icmp().pop().unwrap();
                    assert_eq!(reply[0], if family == Family::V4 { 0 } else { 129 });
                    assert!(reply.ends_with(b"hello"));
                }
            },
        );
    }
}

#[test]
fn calls_work_on_a_vlan() {
    for family in [Family::V4, Family::V6] {
        each_way(
            &Setup {
                vlan: Some(100),
                family,
                ..Setup::default()
            },
            |mut lab| {
                let mut call = lab.call_inside(SUITE);
                lab.talk(&mut call, 2);
                lab.hang_up(&mut call);
                assert_eq!(lab.proxy().counters().refusals(), 0);
            },
        );
    }
}

#[test]
fn frames_of_another_vlan_are_refused() {
    let mut lab = Lab::new(Setup {
        vlan: Some(100),
        ..Setup::default()
    });
    let mut frame = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x77, 0x81, 0, 0, 101].to_vec();
    let from = lab.setup.address(Place::Stranger);
    let to = lab.setup.address(Place::OutsideRouter);
    frame.extend([0x08, 0]);
    frame.extend(echo_request(from, to, b""));
    lab.host(STRANGER).send_frame(&frame);
    lab.settle();
    lab.moved(&[], &[(Reason::VlanUnknown, 1)]);
    // And so are those without a tag.
    frame.drain(12..16);
    lab.host(STRANGER).send_frame(&frame);
    lab.settle();
    lab.moved(&[], &[(Reason::VlanUnknown, 1)]);
}

#[test]
fn calls_work_over_ipv6() {
    each_way(
        &Setup {
            family: Family::V6,
            ..Setup::default()
        },
        |mut lab| {
            let mut call = lab.call_outside(SUITE);
            lab.talk(&mut call, 2);
            lab.hang_up(&mut call);
            assert_eq!(lab.proxy().counters().refusals(), 0);
        },
    );
}

#[test]
fn fragments_are_dropped_unless_they_are_to_be_put_together() {
    for reassemble in [false, true] {
        each_way(
            &Setup {
                reassemble,
                ..Setup::default()
            },
            |mut lab| {
                let mut call = lab.call_inside(SUITE);
                lab.talk(&mut call, 1);
                lab.look();
                let clear = call.phone_media.rtp(&[9; 1_000]);
                let sealed = call.phone_media.seal(Traffic::Rtp, &clear, &lab.world);
                let from = SocketAddr::new(lab.setup.address(Place::Phone), sim::PHONE_RTP);
                let packet = datagram(from, call.phone_media.remote_rtp, &sealed);
                for fragment in fragments(&packet, 400, 77) {
                    lab.host(PHONE).send_packet(&fragment);
                }
                lab.settle();
                let heard = call.desk_media.heard(&mut lab.world);
                if reassemble {
                    assert_eq!(heard, [Heard::Rtp(clear)]);
                    assert_eq!(lab.proxy().counters().refusals(), 0);
                } else {
                    assert_eq!(heard, []);
                    lab.moved(&[], &[(Reason::IpFragment, 3)]);
                }
            },
        );
    }
}

#[test]
fn fragments_that_do_not_all_come_are_forgotten() {
    let mut lab = Lab::new(Setup {
        reassemble: true,
        ..Setup::default()
    });
    let from = SocketAddr::new(lab.setup.address(Place::Stranger), 9);
    let to = SocketAddr::new(lab.setup.address(Place::OutsideMedia), 30_000);
    let packet = datagram(from, to, &[1; 1_000]);
    let all = fragments(&packet, 400, 5);
    lab.host(STRANGER).send_packet(&all[0]);
    lab.run_for(Duration::from_secs(120));
    lab.moved(&[], &[(Reason::IpReassemblyTimeout, 1)]);
}

/// A rule that lets DNS through to the inside.
fn dns() -> ForwardRule {
    ForwardRule {
        from: 0,
        to: 1,
        source: None,
        destination: None,
        protocol: Some(17),
        ports: Some((53, 53)),
    }
}

#[test]
fn only_what_the_policy_names_is_forwarded() {
    each_way(
        &Setup {
            forward: vec![dns()],
            ..Setup::default()
        },
        |mut lab| {
            let to = lab.setup.address(Place::Desk);
            lab.host(STRANGER)
                .send_datagram(5_353, (to, 53).into(), b"query");
            lab.settle();
            lab.moved(&[(Counter::Forwarded, 1)], &[]);
            let arrived = lab.host(DESK).take_datagrams(53);
            assert_eq!(arrived.len(), 1);
            assert_eq!(arrived[0].payload, b"query");
            assert_eq!(arrived[0].from.ip(), lab.setup.address(Place::Stranger));
            // Another port, and the way back: neither is named.
            lab.host(STRANGER)
                .send_datagram(5_353, (to, 54).into(), b"query");
            let back = lab.setup.address(Place::Stranger);
            lab.host(DESK)
                .send_datagram(53, (back, 5_353).into(), b"answer");
            lab.settle();
            lab.moved(&[], &[(Reason::ForwardDenied, 2)]);
            assert!(lab.host(DESK).take_datagrams(54).is_empty());
            assert!(lab.host(STRANGER).take_datagrams(5_353).is_empty());
            let reports = lab.host(STRANGER).take_reports();
            assert_eq!(reports[0].error, IcmpError::Prohibited);
        },
    );
}

#[test]
fn packet_out_of_hops_is_reported() {
    let mut lab = Lab::new(Setup {
        forward: vec![dns()],
        ..Setup::default()
    });
    let from = SocketAddr::new(lab.setup.address(Place::Stranger), 5_353);
    let to = SocketAddr::new(lab.setup.address(Place::Desk), 53);
    let mut packet = datagram(from, to, b"query");
    let ttl = u16::from_be_bytes([packet[8], packet[9]]);
    packet[8] = 1;
    // The checksum by difference (RFC 1624).
    let field = u16::from_be_bytes([packet[10], packet[11]]);
    let sum = u32::from(!field) + u32::from(!ttl) + u32::from(u16::from_be_bytes([1, packet[9]]));
    let sum = !((sum & 0xffff) + (sum >> 16)) & 0xffff;
    packet[10..12].copy_from_slice(&u16::try_from(sum).unwrap().to_be_bytes());
    lab.host(STRANGER).send_packet(&packet);
    lab.settle();
    lab.moved(&[], &[(Reason::IpTtlExpired, 1)]);
    assert_eq!(
        lab.host(STRANGER).take_reports()[0].error,
        IcmpError::TimeExceeded
    );
}

#[test]
fn segments_of_nothing_are_answered_with_a_reset() {
    each_way(&Setup::default(), |mut lab| {
        let from = SocketAddr::new(lab.setup.address(Place::Stranger), 1_234);
        let router = lab.setup.address(Place::OutsideRouter);
        for (to, flags, reason) in [
            ((router, 80), Flags::SYN, Reason::TcpNoFlow),
            ((router, 30_000), Flags::ACK, Reason::TcpNoFlow),
            (
                (lab.setup.target().ip(), 5_061),
                Flags::ACK,
                Reason::TcpBadCookie,
            ),
            (
                (lab.setup.target().ip(), 5_061),
                Flags::RST,
                Reason::TcpNoFlow,
            ),
        ] {
            let outside = lab.outside;
            lab.world.segment(outside).record();
            let packet = segment(from, to.into(), flags, 1_000, 2_000, b"");
            lab.host(STRANGER).send_packet(&packet);
            lab.settle();
            lab.moved(&[], &[(reason, 1)]);
            let sent = lab.world.segment(outside).recorded();
            let is_tcp = |frame: &&Vec<u8>| frame.len() > 47 && frame[12..14] == [8, 0];
            let answers = sent.iter().filter(is_tcp).skip(1).count();
            assert_eq!(
                answers,
                usize::from(flags != Flags::RST),
                "{to:?} {flags:?}"
            );
        }
    });
}

#[test]
fn frames_that_are_none_are_refused_by_kind() {
    let mut lab = Lab::new(Setup::default());
    let header = |kind: [u8; 2]| [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x77], &kind[..]].concat();
    let with = |kind, rest: &[u8]| [header(kind), rest.to_vec()].concat();
    let elsewhere = [&[2, 0, 0, 0, 9, 9][..], &with([8, 0], &[0x45; 40])[6..]].concat();
    let from = lab.setup.address(Place::Stranger);
    let to = lab.setup.address(Place::OutsideRouter);
    let echo = echo_request(from, to, b"ping");
    for (frame, reason) in [
        (vec![2, 0, 0, 0, 0, 1], Reason::EthTruncated),
        (header([0x88, 0xcc]), Reason::EthUnknownType),
        (with([8, 0], &[0x45; 10]), Reason::IpTruncated),
        (with([8, 0], &[0; 40]), Reason::IpMalformed),
        (with([8, 0], &echo[..25]), Reason::IpTruncated),
        (with([8, 6], &[0; 28]), Reason::ArpMalformed),
        (elsewhere, Reason::IpTruncated),
    ] {
        lab.host(STRANGER).send_frame(&frame);
        lab.settle();
        assert_eq!(lab.refused(reason), 1, "{reason:?} {frame:02x?}");
        lab.look();
    }
}

#[test]
fn call_manager_that_is_not_there_is_not_found() {
    let mut lab = Lab::new(Setup::default());
    lab.host(MANAGER).unplugged = true;
    let phone = lab.dial();
    lab.run_for(Duration::from_secs(12));
    assert!(lab.refused(Reason::NeighborUnresolved) > 0);
    assert_eq!(lab.refused(Reason::TcpConnectFailed), 1);
    assert!(lab.host(PHONE).conn(phone).peer_has_finished());
    // It comes back, and so does the service.
    lab.host(MANAGER).unplugged = false;
    lab.host(PHONE).finish(phone);
    lab.run_for(Duration::from_secs(10));
    lab.open();
}

#[test]
fn report_of_a_smaller_mtu_is_obeyed_for_a_connection_that_exists() {
    each_way(&Setup::default(), |mut lab| {
        let (mut phone, manager) = lab.agents();
        let conn = lab.host(MANAGER).conn(manager.conn);
        let (ours, theirs) = (conn.peer(), conn.local());
        let quote = segment(ours, theirs, Flags::ACK, 1, 1, b"");
        let router = lab.setup.address(Place::Desk);
        let report = sim::too_big(router, ours.ip(), 800, &quote);
        lab.host(DESK).send_packet(&report);
        lab.settle();
        let inside = lab.inside;
        lab.world.segment(inside).record();
        let mut message = phone.request("MESSAGE", "sip:2002@192.0.2.10", "2002");
        message.body = "x".repeat(10_000);
        assert_eq!(lab.pass(&phone, &message, &manager).body, message.body);
        let sent = lab.world.segment(inside).recorded();
        let longest = sent.iter().map(Vec::len).max().unwrap();
        assert!(longest <= 814, "{longest}");
    });
}
