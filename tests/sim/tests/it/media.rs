//! Media that is not what it should be: each kind is counted, and the call goes on unharmed.

use abi::{Counter, Reason, Suite};
use sim::{Call, DESK, Heard, Lab, MANAGER, PHONE, STRANGER, Setup, datagram};
use srtp::Traffic;

use crate::common::each_way;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

/// A call in which both have been heard, with all that moved so far looked at.
fn call(lab: &mut Lab) -> Call {
    let mut call = lab.call_inside(SUITE);
    lab.talk(&mut call, 2);
    lab.look();
    call
}

#[test]
fn forged_packets_are_counted_and_change_nothing() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = call(&mut lab);
        let clear = call.phone_media.rtp(&[7; 160]);
        let mut forged = call.phone_media.seal(Traffic::Rtp, &clear, &lab.world);
        let last = forged.len() - 1;
        forged[last] ^= 1;
        // From the phone's own address and from elsewhere: neither is believed nor latched on.
        let (port, to) = (call.phone_media.rtp_port, call.phone_media.remote_rtp);
        lab.host(PHONE).send_datagram(port, to, &forged);
        lab.host(STRANGER).send_datagram(port, to, &forged);
        lab.settle();
        lab.moved(&[], &[(Reason::SrtpAuthFailed, 2)]);
        assert_eq!(call.desk_media.heard(&mut lab.world), []);
        lab.talk(&mut call, 2);
        assert!(lab.host(STRANGER).take_datagrams(port).is_empty());
        let [stream] = lab.proxy().streams().try_into().unwrap();
        assert_eq!(stream.client.flow.auth_failures, 2);
    });
}

#[test]
fn packets_heard_before_are_not_heard_again() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = call(&mut lab);
        let clear = call.phone_media.rtp(&[7; 160]);
        let sealed = call.phone_media.seal(Traffic::Rtp, &clear, &lab.world);
        let (port, to) = (call.phone_media.rtp_port, call.phone_media.remote_rtp);
        for host in [PHONE, PHONE, STRANGER] {
            lab.host(host).send_datagram(port, to, &sealed);
        }
        lab.settle();
        assert_eq!(lab.refused(Reason::SrtpReplayed), 2);
        assert_eq!(call.desk_media.heard(&mut lab.world), [Heard::Rtp(clear)]);
        lab.talk(&mut call, 1);
        assert!(lab.host(STRANGER).take_datagrams(port).is_empty());
    });
}

#[test]
fn clear_media_is_not_taken_where_it_must_be_protected() {
    let mut lab = Lab::new(Setup::default());
    let mut call = call(&mut lab);
    let clear = call.phone_media.rtp(&[7; 160]);
    let (port, to) = (call.phone_media.rtp_port, call.phone_media.remote_rtp);
    lab.host(PHONE).send_datagram(port, to, &clear);
    lab.settle();
    lab.moved(&[], &[(Reason::SrtpAuthFailed, 1)]);
    assert_eq!(call.desk_media.heard(&mut lab.world), []);
}

#[test]
fn clear_media_from_an_address_that_nobody_signalled_is_dropped() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = call(&mut lab);
        let injected = call.desk_media.rtp(b"injected");
        let (port, to) = (call.desk_media.rtp_port, call.desk_media.remote_rtp);
        lab.host(MANAGER).send_datagram(port, to, &injected);
        lab.settle();
        lab.moved(&[], &[(Reason::MediaUnknownSource, 1)]);
        assert_eq!(call.phone_media.heard(&mut lab.world), []);
        lab.talk(&mut call, 1);
        assert!(lab.host(MANAGER).take_datagrams(port).is_empty());
    });
}

#[test]
fn authentic_media_from_another_port_moves_the_way_back() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = call(&mut lab);
        // The phone is behind a translator that gave it another port.
        call.phone_media.rtp_port = 45_678;
        let said = call.phone_media.send_rtp(&mut lab.world, b"from elsewhere");
        lab.settle();
        assert_eq!(call.desk_media.heard(&mut lab.world), [Heard::Rtp(said)]);
        assert_eq!(lab.count(Counter::MediaLatched), 1);
        let said = call.desk_media.send_rtp(&mut lab.world, b"there");
        lab.settle();
        assert_eq!(call.phone_media.heard(&mut lab.world), [Heard::Rtp(said)]);
    });
}

#[test]
fn media_after_the_call_is_refused() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = call(&mut lab);
        lab.hang_up(&mut call);
        lab.look();
        call.phone_media.send_rtp(&mut lab.world, b"late");
        call.desk_media.send_rtp(&mut lab.world, b"late");
        call.phone_media.send_rtcp(&mut lab.world);
        lab.settle();
        lab.moved(&[], &[(Reason::MediaNoSession, 3)]);
        assert_eq!(call.phone_media.heard(&mut lab.world), []);
        assert_eq!(call.desk_media.heard(&mut lab.world), []);
    });
}

#[test]
fn what_is_no_media_is_refused_by_kind() {
    let mut lab = Lab::new(Setup::default());
    let mut call = call(&mut lab);
    let to = call.phone_media.remote_rtp;
    let rtcp_to = call.phone_media.remote_rtcp;
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[0; 12]].concat();
    let rtp = call.phone_media.rtp(&[1; 20]);
    for (to, payload, reason) in [
        (to, &[][..], Reason::RtpInvalidLength),
        (to, &[0x80; 5], Reason::RtpInvalidLength),
        (to, &[0xff; 40], Reason::RtpInvalidVersion),
        (to, &stun, Reason::RtpUnknownDemux),
        (rtcp_to, &rtp, Reason::RtpUnknownDemux),
        (rtcp_to, &[0x80, 200, 0, 0], Reason::RtcpInvalidLength),
    ] {
        lab.host(PHONE)
            .send_datagram(call.phone_media.rtp_port, to, payload);
        lab.settle();
        lab.moved(&[], &[(reason, 1)]);
    }
    lab.talk(&mut call, 1);
}

#[test]
fn datagram_to_a_port_of_ours_that_is_for_no_media_is_answered() {
    let mut lab = Lab::new(Setup::default());
    let outside = sim::Place::OutsideMedia.address(lab.setup.family);
    lab.host(STRANGER)
        .send_datagram(9, (outside, 9).into(), b"discard");
    lab.settle();
    lab.moved(&[], &[(Reason::UdpNoListener, 1)]);
    assert_eq!(lab.host(STRANGER).take_reports().len(), 1);
    lab.host(STRANGER)
        .send_datagram(9, (outside, 30_000).into(), b"discard");
    lab.settle();
    // A port of the media range says nothing: it may be anybody's the next moment.
    lab.moved(&[], &[(Reason::MediaNoSession, 1)]);
    assert!(lab.host(STRANGER).take_reports().is_empty());
}

#[test]
fn damaged_datagrams_are_refused() {
    let mut lab = Lab::new(Setup::default());
    let mut call = call(&mut lab);
    let said = call.phone_media.rtp(&[3; 160]);
    let from = (sim::Place::Phone.address(lab.setup.family), 40_000).into();
    let packet = datagram(from, call.phone_media.remote_rtp, &said);
    let damaged = |at: usize, value: u8| {
        let mut packet = packet.clone();
        packet[at] ^= value;
        packet
    };
    for (packet, reason) in [
        (damaged(60, 1), Reason::UdpBadChecksum),
        (damaged(8, 1), Reason::IpBadChecksum),
        (damaged(24, 0x80), Reason::UdpMalformed),
    ] {
        lab.host(PHONE).send_packet(&packet);
        lab.settle();
        lab.moved(&[], &[(reason, 1)]);
    }
    lab.talk(&mut call, 1);
}

#[test]
fn thousand_forged_packets_harm_nobody() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = call(&mut lab);
        let (port, to) = (call.phone_media.rtp_port, call.phone_media.remote_rtp);
        let random = sim::Random::new(5);
        for n in 0..1_000_u64 {
            let mut forged = vec![0x80, 0];
            forged.extend((0..60).map(|_| random.draw().to_be_bytes()[0]));
            lab.host(STRANGER).send_datagram(port, to, &forged);
            if n % 100 == 0 {
                let said = call.phone_media.send_rtp(&mut lab.world, b"in between");
                lab.settle();
                assert_eq!(call.desk_media.heard(&mut lab.world), [Heard::Rtp(said)]);
            }
        }
        lab.settle();
        let refused = lab.refused(Reason::SrtpAuthFailed) + lab.refused(Reason::SrtpTooOld);
        assert_eq!(refused, 1_000);
        lab.talk(&mut call, 1);
    });
}

#[test]
fn reordered_and_lost_media_arrives_as_far_as_it_does() {
    for seed in 1..=3 {
        let mut lab = Lab::new(Setup {
            seed,
            ..Setup::default()
        });
        let mut call = call(&mut lab);
        let outside = lab.outside;
        let weather = &mut lab.world.segment(outside).weather;
        (weather.loss, weather.reorder, weather.duplication) = (50, 200, 50);
        let mut said = Vec::new();
        for n in 0..200 {
            said.push(call.phone_media.send_rtp(&mut lab.world, &[n; 160]));
            lab.run_for(std::time::Duration::from_millis(2));
        }
        lab.settle();
        let heard = call.desk_media.heard(&mut lab.world);
        let lost = usize::try_from(lab.world.segment(outside).lost).unwrap();
        assert!(
            heard.len() <= 200 && 200 <= heard.len() + lost,
            "{} heard",
            heard.len()
        );
        for packet in &heard {
            let Heard::Rtp(packet) = packet else {
                panic!("{packet:?}");
            };
            assert!(said.contains(packet));
        }
        // What arrived twice was heard once.
        assert!(lab.refused(Reason::SrtpReplayed) > 0);
    }
}

#[test]
fn calls_of_one_session_do_not_hear_each_other() {
    let mut lab = Lab::new(Setup::default());
    let mut first = call(&mut lab);
    let (phone, manager) = (first.phone.clone(), first.manager.clone());
    let mut second = lab.call_inside_by(phone, manager, SUITE);
    assert_ne!(first.phone_media.remote_rtp, second.phone_media.remote_rtp);
    assert_ne!(first.desk_media.remote_rtp, second.desk_media.remote_rtp);
    second.phone_media.rtp_port = 41_000;
    let said = second.phone_media.send_rtp(&mut lab.world, b"second");
    lab.settle();
    assert!(first.desk_media.remote_rtp != second.desk_media.remote_rtp);
    let heard = lab.host(DESK).take_datagrams(sim::DESK_RTP);
    let heard: Vec<_> = heard
        .iter()
        .map(|d| (d.from, d.payload.as_slice()))
        .collect();
    assert_eq!(heard, [(second.desk_media.remote_rtp, said.as_slice())]);
    lab.talk(&mut first, 1);
}
