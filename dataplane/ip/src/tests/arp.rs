use wire::arp::{ArpRepr, Operation};

use super::*;
use crate::NeighborNews;

fn arp_frame(vlan: Option<u16>, to: MacAddr, repr: ArpRepr) -> Vec<u8> {
    let mut packet = [0; 28];
    repr.emit(&mut packet).unwrap();
    framed_as(ethernet::ARP, to, repr.sender_mac, vlan, &packet)
}

fn v4(text: &str) -> core::net::Ipv4Addr {
    text.parse().unwrap()
}

/// A question by peer `n` at `sender` for `target`.
fn request(n: u8, sender: &str, target: &str) -> ArpRepr {
    ArpRepr {
        operation: Operation::Request,
        sender_mac: peer_mac(n),
        sender_ip: v4(sender),
        target_mac: MacAddr::default(),
        target_ip: v4(target),
    }
}

/// The answer of peer `n` at `sender` to our outside port.
fn reply(n: u8, sender: &str) -> ArpRepr {
    ArpRepr {
        operation: Operation::Reply,
        target_mac: our_mac(0),
        ..request(n, sender, "192.0.2.1")
    }
}

fn deliver(stack: &mut Stack<SimFrame>, port: u16, bytes: &[u8], at: u64, out: &mut Out) {
    stack.on_arp(
        port,
        SimFrame::from_bytes(bytes),
        &link_of(bytes),
        ms(at),
        out,
    );
}

fn read_arp(bytes: &[u8]) -> ArpRepr {
    let link = link_of(bytes);
    assert_eq!(ethernet::ethertype(bytes), Some(ethernet::ARP));
    ArpRepr::parse(&bytes[link.len.into()..]).unwrap()
}

/// A packet of our own, without link header.
fn own_packet(dst: &str) -> SimFrame {
    SimFrame::from_bytes(&datagram("192.0.2.1:1", dst, 64, 10))
}

#[test]
fn question_for_each_of_our_addresses_is_answered() {
    for target in ["192.0.2.1", "192.0.2.50"] {
        let (mut stack, mut out) = (stack(), Out::default());
        let question = request(7, "192.0.2.7", target);
        deliver(
            &mut stack,
            0,
            &arp_frame(None, MacAddr::BROADCAST, question),
            0,
            &mut out,
        );
        let (port, bytes) = out.only_frame();
        assert_eq!(
            (port, link_of(&bytes).dst, link_of(&bytes).src),
            (0, peer_mac(7), our_mac(0))
        );
        let answer = read_arp(&bytes);
        assert_eq!(answer.operation, Operation::Reply);
        assert_eq!(
            (answer.sender_mac, answer.sender_ip),
            (our_mac(0), v4(target))
        );
        assert_eq!(
            (answer.target_mac, answer.target_ip),
            (peer_mac(7), v4("192.0.2.7"))
        );
        assert_eq!(bytes.len(), 42);
    }
}

#[test]
fn answer_carries_the_tag_of_its_vlan() {
    let (mut stack, mut out) = (stack(), Out::default());
    let question = request(7, "10.0.0.7", "10.0.0.1");
    deliver(
        &mut stack,
        1,
        &arp_frame(Some(30), MacAddr::BROADCAST, question),
        0,
        &mut out,
    );
    let (port, bytes) = out.only_frame();
    assert_eq!((port, link_of(&bytes).vlan), (1, Some(30)));
    assert_eq!(read_arp(&bytes).sender_mac, our_mac(1));
}

#[test]
fn questions_for_others_are_left_alone() {
    let (mut stack, mut out) = (stack(), Out::default());
    // Another station's, an address of ours on the other link, and an announcement.
    for target in ["192.0.2.9", "10.0.0.1", "192.0.2.7"] {
        let question = request(7, "192.0.2.7", target);
        deliver(
            &mut stack,
            0,
            &arp_frame(None, MacAddr::BROADCAST, question),
            0,
            &mut out,
        );
    }
    out.expect_silence();
    assert!(out.told.is_empty());
}

#[test]
fn unknown_vlan_foreign_station_and_garbage_are_counted() {
    let (mut stack, mut out) = (stack(), Out::default());
    let question = request(7, "192.0.2.7", "192.0.2.1");
    deliver(
        &mut stack,
        0,
        &arp_frame(Some(9), MacAddr::BROADCAST, question),
        0,
        &mut out,
    );
    out.expect_refusal(Reason::VlanUnknown);
    deliver(
        &mut stack,
        0,
        &arp_frame(None, peer_mac(9), question),
        0,
        &mut out,
    );
    out.expect_refusal(Reason::EthNotForUs);
    let group = ArpRepr {
        sender_mac: MacAddr::BROADCAST,
        ..question
    };
    deliver(
        &mut stack,
        0,
        &arp_frame(None, our_mac(0), group),
        0,
        &mut out,
    );
    out.expect_refusal(Reason::ArpMalformed);
    deliver(
        &mut stack,
        0,
        &arp_frame(None, our_mac(0), question)[..30],
        0,
        &mut out,
    );
    out.expect_refusal(Reason::ArpMalformed);
    let thief = request(7, "192.0.2.1", "192.0.2.1");
    deliver(
        &mut stack,
        0,
        &arp_frame(None, MacAddr::BROADCAST, thief),
        0,
        &mut out,
    );
    out.expect_refusal(Reason::IpBadSource);
}

#[test]
fn packet_waits_for_the_answer_and_later_ones_do_not() {
    let (mut stack, mut out) = (stack(), Out::default());
    stack.transmit(own_packet("192.0.2.7:9"), ip("192.0.2.7"), ms(0), &mut out);
    let (_, bytes) = out.only_frame();
    assert_eq!(link_of(&bytes).dst, MacAddr::BROADCAST);
    let question = read_arp(&bytes);
    assert_eq!(
        (question.sender_ip, question.target_ip),
        (v4("192.0.2.1"), v4("192.0.2.7"))
    );
    assert_eq!(out.told[0].news, NeighborNews::Asked);
    assert_eq!(out.counted, [Counter::ArpRequests]);

    deliver(
        &mut stack,
        0,
        &arp_frame(None, our_mac(0), reply(7, "192.0.2.7")),
        3,
        &mut out,
    );
    let (port, bytes) = out.only_frame();
    assert_eq!(port, 0);
    let packet = parsed(&bytes);
    assert_eq!(
        (packet.link.dst, packet.dst),
        (peer_mac(7), ip("192.0.2.7"))
    );
    assert_eq!(out.told[1].news, NeighborNews::Learned(peer_mac(7)));

    let hop = stack.next_hop(ip("192.0.2.7"), ms(4)).unwrap();
    let header = *stack.link_header(hop).unwrap();
    assert_eq!(
        (header.port, header.mtu, header.bytes().len()),
        (0, 1500, 14)
    );
    stack.transmit_to(own_packet("192.0.2.7:9"), hop, ms(4), &mut out);
    assert_eq!(&out.only_frame().1[..14], header.bytes());
}

#[test]
fn destination_behind_a_router_asks_for_the_router() {
    let (mut stack, mut out) = (stack(), Out::default());
    stack.transmit(own_packet("10.9.3.4:9"), ip("10.9.3.4"), ms(0), &mut out);
    let (port, bytes) = out.only_frame();
    assert_eq!((port, link_of(&bytes).vlan), (1, Some(30)));
    let question = read_arp(&bytes);
    assert_eq!(
        (question.sender_ip, question.target_ip),
        (v4("10.0.0.1"), v4("10.0.0.9"))
    );
}

#[test]
fn silence_gives_up_what_waited() {
    let (mut stack, mut out) = (stack(), Out::default());
    for _ in 0..3 {
        stack.transmit(own_packet("192.0.2.7:9"), ip("192.0.2.7"), ms(0), &mut out);
    }
    for at in [0, 1000, 2000, 3000] {
        stack.poll(ms(at), &mut out);
    }
    assert_eq!(out.sent.len(), 3, "one question a second");
    assert_eq!(out.refused, [Reason::NeighborUnresolved; 3]);
    out = Out::default();
    stack.transmit(
        own_packet("192.0.2.7:9"),
        ip("192.0.2.7"),
        ms(3001),
        &mut out,
    );
    out.expect_refusal(Reason::NeighborUnresolved);
}

#[test]
fn flood_towards_one_silent_neighbour_is_bounded() {
    let (mut stack, mut out) = (stack(), Out::default());
    for _ in 0..100 {
        stack.transmit(own_packet("192.0.2.7:9"), ip("192.0.2.7"), ms(0), &mut out);
    }
    assert_eq!(out.sent.len(), 1);
    assert_eq!(out.refused, [Reason::NeighborQueueFull; 92]);
}

#[test]
fn unasked_answer_is_not_believed() {
    let (mut stack, mut out) = (stack(), Out::default());
    deliver(
        &mut stack,
        0,
        &arp_frame(None, our_mac(0), reply(66, "192.0.2.7")),
        0,
        &mut out,
    );
    out.expect_silence();
    stack.transmit(own_packet("192.0.2.7:9"), ip("192.0.2.7"), ms(1), &mut out);
    assert_eq!(read_arp(&out.only_frame().1).operation, Operation::Request);
}

#[test]
fn forged_answer_and_announcement_only_make_us_ask_again() {
    let (mut stack, mut out) = (stack(), Out::default());
    stack.transmit(own_packet("192.0.2.7:9"), ip("192.0.2.7"), ms(0), &mut out);
    deliver(
        &mut stack,
        0,
        &arp_frame(None, our_mac(0), reply(7, "192.0.2.7")),
        1,
        &mut out,
    );
    let hop = stack.next_hop(ip("192.0.2.7"), ms(2)).unwrap();
    let gratuitous = request(66, "192.0.2.7", "192.0.2.7");
    for (at, forged) in [(5000, reply(66, "192.0.2.7")), (9000, gratuitous)] {
        out = Out::default();
        deliver(
            &mut stack,
            0,
            &arp_frame(None, our_mac(0), forged),
            at,
            &mut out,
        );
        assert_eq!(stack.link_header(hop).unwrap().station(), peer_mac(7));
        assert_eq!(link_of(&out.only_frame().1).dst, MacAddr::BROADCAST);
        deliver(
            &mut stack,
            0,
            &arp_frame(None, our_mac(0), reply(7, "192.0.2.7")),
            at + 1,
            &mut out,
        );
        assert_eq!(stack.link_header(hop).unwrap().station(), peer_mac(7));
    }
}

#[test]
fn storm_of_forgeries_makes_one_question_a_second_at_most() {
    let (mut stack, mut out) = (stack(), Out::default());
    stack.transmit(own_packet("192.0.2.7:9"), ip("192.0.2.7"), ms(0), &mut out);
    deliver(
        &mut stack,
        0,
        &arp_frame(None, our_mac(0), reply(7, "192.0.2.7")),
        1,
        &mut out,
    );
    out = Out::default();
    for at in 1000..3000 {
        deliver(
            &mut stack,
            0,
            &arp_frame(None, our_mac(0), reply(66, "192.0.2.7")),
            at,
            &mut out,
        );
    }
    assert!(out.sent.len() <= 2, "{}", out.sent.len());
}

#[test]
fn asker_is_known_without_a_question_of_ours() {
    let (mut stack, mut out) = (stack(), Out::default());
    let question = request(7, "192.0.2.7", "192.0.2.1");
    deliver(
        &mut stack,
        0,
        &arp_frame(None, MacAddr::BROADCAST, question),
        0,
        &mut out,
    );
    out.sent.clear();
    stack.transmit(own_packet("192.0.2.7:9"), ip("192.0.2.7"), ms(1), &mut out);
    assert_eq!(parsed(&out.only_frame().1).link.dst, peer_mac(7));
}

#[test]
fn asker_from_another_network_is_answered_and_not_remembered() {
    let (mut stack, mut out) = (stack(), Out::default());
    let question = request(7, "203.0.113.7", "192.0.2.1");
    deliver(
        &mut stack,
        0,
        &arp_frame(None, MacAddr::BROADCAST, question),
        0,
        &mut out,
    );
    assert_eq!(read_arp(&out.only_frame().1).operation, Operation::Reply);
    assert!(out.told.is_empty());
}

#[test]
fn probe_for_our_address_is_answered() {
    let (mut stack, mut out) = (stack(), Out::default());
    let probe = request(7, "0.0.0.0", "192.0.2.1");
    deliver(
        &mut stack,
        0,
        &arp_frame(None, MacAddr::BROADCAST, probe),
        0,
        &mut out,
    );
    assert_eq!(read_arp(&out.only_frame().1).target_mac, peer_mac(7));
    assert!(out.told.is_empty());
}

#[test]
fn neighbour_in_use_is_asked_by_unicast() {
    let (mut stack, mut out) = (stack(), Out::default());
    stack.transmit(own_packet("192.0.2.7:9"), ip("192.0.2.7"), ms(0), &mut out);
    deliver(
        &mut stack,
        0,
        &arp_frame(None, our_mac(0), reply(7, "192.0.2.7")),
        0,
        &mut out,
    );
    let hop = stack.next_hop(ip("192.0.2.7"), ms(1)).unwrap();
    out = Out::default();
    stack.link_header(hop).unwrap();
    stack.poll(ms(29_999), &mut out);
    out.expect_silence();
    assert_eq!(stack.next_deadline(), Some(ms(30_000)));
    stack.poll(ms(30_000), &mut out);
    let (_, bytes) = out.only_frame();
    assert_eq!(link_of(&bytes).dst, peer_mac(7));
    assert!(stack.link_header(hop).is_some());
}

#[test]
fn workers_share_what_one_of_them_learns() {
    let (mut asker, mut hearer) = (stack(), stack());
    let (mut asker_out, mut hearer_out) = (Out::default(), Out::default());
    asker.transmit(
        own_packet("192.0.2.7:9"),
        ip("192.0.2.7"),
        ms(0),
        &mut asker_out,
    );
    for event in asker_out.told.drain(..) {
        hearer.import(event, ms(0), &mut hearer_out);
    }
    hearer_out.expect_silence();
    // RSS brings the answer to the worker that did not ask.
    let answer = arp_frame(None, our_mac(0), reply(7, "192.0.2.7"));
    deliver(&mut hearer, 0, &answer, 1, &mut hearer_out);
    asker_out.sent.clear();
    for event in hearer_out.told.drain(..) {
        asker.import(event, ms(1), &mut asker_out);
    }
    assert_eq!(parsed(&asker_out.only_frame().1).link.dst, peer_mac(7));
    assert!(asker_out.told.is_empty(), "imported news is not told again");
    hearer.transmit(
        own_packet("192.0.2.7:9"),
        ip("192.0.2.7"),
        ms(2),
        &mut hearer_out,
    );
    assert_eq!(parsed(&hearer_out.only_frame().1).link.dst, peer_mac(7));
}

#[test]
fn empty_pool_and_lack_of_headroom_are_counted() {
    let (mut stack, mut out) = (
        stack(),
        Out {
            pool_is_empty: true,
            ..Out::default()
        },
    );
    stack.transmit(own_packet("192.0.2.7:9"), ip("192.0.2.7"), ms(0), &mut out);
    out.expect_refusal(Reason::NoBuffer);
    let mut tight = own_packet("192.0.2.7:9");
    assert!(tight.prepend(tight.headroom()));
    let hop = stack.next_hop(ip("192.0.2.7"), ms(0)).unwrap();
    deliver(
        &mut stack,
        0,
        &arp_frame(None, our_mac(0), reply(7, "192.0.2.7")),
        1,
        &mut out,
    );
    out = Out::default();
    stack.transmit_to(tight, hop, ms(1), &mut out);
    out.expect_refusal(Reason::NoBuffer);
    let giant = SimFrame::from_bytes(&datagram("192.0.2.1:1", "192.0.2.7:9", 64, 1500));
    stack.transmit_to(giant, hop, ms(1), &mut out);
    out.expect_refusal(Reason::IpTooBig);
}
