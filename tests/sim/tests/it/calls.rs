//! Calls as they should go.

use abi::{Counter, Pool, Reason, Suite};
use sim::{Addressing, Cluster, Dialog, Family, Heard, Lab, Place, Setup, Source, endpoint};

use crate::common::each_way;

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

#[test]
fn phone_registers() {
    each_way(&Setup::default(), |mut lab| {
        let (mut phone, manager) = lab.agents();
        lab.settle();
        lab.look();
        let heard = lab.register(&mut phone, &manager);
        lab.settle();
        lab.moved(&[(Counter::SipMessages, 2)], &[]);
        let contact = heard.uri("Contact").unwrap();
        assert!(contact.starts_with("sip:1001@"), "{contact}");
    });
}

#[test]
fn call_from_outside_is_heard_both_ways() {
    each_way(&Setup::default(), |mut lab| {
        let (phone, manager) = lab.agents();
        lab.settle();
        lab.look();
        let mut call = lab.call_inside_by(phone, manager, SUITE);
        lab.settle();
        lab.moved(
            &[
                (Counter::SipMessages, 3),
                (Counter::CallsStarted, 1),
                (Counter::PermitsTaken, 1),
            ],
            &[],
        );
        lab.talk(&mut call, 4);
        lab.moved(
            &[
                (Counter::MediaPackets, 10),
                (Counter::MediaDecrypted, 5),
                (Counter::MediaEncrypted, 5),
                (Counter::MediaLatched, 4),
            ],
            &[],
        );
        lab.hang_up(&mut call);
        lab.moved(
            &[
                (Counter::SipMessages, 2),
                (Counter::CallsEnded, 1),
                (Counter::PermitsReturned, 1),
            ],
            &[],
        );
    });
}

#[test]
fn call_from_inside_is_heard_both_ways() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = lab.call_outside(SUITE);
        lab.talk(&mut call, 4);
        lab.hang_up(&mut call);
        assert_eq!(lab.proxy().counters().refusals(), 0);
    });
}

#[test]
fn call_works_with_every_addressing_cluster_and_family() {
    for addressing in [Addressing::Transparent, Addressing::StaticNat] {
        for source in [Source::Client, Source::Proxy] {
            for cluster in [Cluster::Nonsecure, Cluster::Encrypted] {
                for family in [Family::V4, Family::V6] {
                    println!("{addressing:?} {source:?} {cluster:?} {family:?}");
                    let setup = Setup {
                        addressing,
                        source,
                        cluster,
                        family,
                        ..Setup::default()
                    };
                    let mut lab = Lab::new(setup.clone());
                    let mut call = lab.call_inside(SUITE);
                    lab.talk(&mut call, 2);
                    let mut lab = Lab::new(setup);
                    let mut call = lab.call_outside(SUITE);
                    lab.talk(&mut call, 2);
                }
            }
        }
    }
}

#[test]
fn call_crosses_between_families() {
    for (family, inside_family) in [(Family::V4, Family::V6), (Family::V6, Family::V4)] {
        for cluster in [Cluster::Nonsecure, Cluster::Encrypted] {
            println!("{family:?} {inside_family:?} {cluster:?}");
            let setup = Setup {
                addressing: Addressing::StaticNat,
                source: Source::Proxy,
                cluster,
                family,
                inside_family: Some(inside_family),
                ..Setup::default()
            };
            let mut lab = Lab::new(setup.clone());
            let mut call = lab.call_inside(SUITE);
            lab.talk(&mut call, 2);
            lab.hang_up(&mut call);
            let mut lab = Lab::new(setup);
            let mut call = lab.call_outside(SUITE);
            lab.talk(&mut call, 2);
            lab.hang_up(&mut call);
        }
    }
}

#[test]
fn media_ends_at_the_termination_addresses() {
    let mut lab = Lab::new(Setup::default());
    let call = lab.call_inside(SUITE);
    let outside = lab.setup.address(Place::OutsideMedia);
    let inside = lab.setup.address(Place::InsideMedia);
    assert_eq!(call.phone_media.remote_rtp.ip(), outside);
    assert_eq!(call.desk_media.remote_rtp.ip(), inside);
    let (first, last) = lab.setup.media_ports;
    for end in [&call.phone_media, &call.desk_media] {
        let port = end.remote_rtp.port();
        assert!((first..=last).contains(&port) && port.is_multiple_of(2));
    }
    let [stream] = lab.proxy().streams().try_into().unwrap();
    assert!(stream.live);
}

#[test]
fn every_suite_that_is_accepted_protects_a_call() {
    let accepted = phone_proxy::RawConfig::default().suites;
    for suite in accepted
        .iter()
        .map(|name| Suite::from_name(name.as_bytes()).unwrap())
    {
        let mut lab = Lab::new(Setup::default());
        let mut call = lab.call_inside(suite);
        assert_eq!(call.phone_key.as_ref().map(|key| key.suite), Some(suite));
        lab.talk(&mut call, 3);
    }
}

#[test]
fn both_sides_have_keys_of_their_own_in_an_encrypted_cluster() {
    let mut lab = Lab::new(Setup {
        cluster: Cluster::Encrypted,
        ..Setup::default()
    });
    let (mut phone, manager) = lab.agents();
    let (caller, callee) = (lab.phone_party(SUITE), lab.desk_party(SUITE));
    let invite = phone.invite("2002", &caller.sdp("sendrecv"));
    let offered = lab.pass(&phone, &invite, &manager);
    let ok = manager
        .reply(&offered, "200 OK")
        .with_sdp(&callee.sdp("sendrecv"));
    let answered = lab.pass(&manager, &ok, &phone);
    let keys = [&invite, &offered, &ok, &answered]
        .map(|message| message.sdp("a=crypto:").unwrap().to_owned());
    for (at, key) in keys.iter().enumerate() {
        assert!(!keys[..at].contains(key), "{key} is used twice");
    }
}

#[test]
fn session_that_ends_closes_its_calls() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = lab.call_inside(SUITE);
        lab.talk(&mut call, 1);
        lab.host(sim::PHONE).abort(call.phone.conn);
        lab.settle();
        assert_eq!(lab.proxy().usage(Pool::SrtpSessions).in_use, 0);
        lab.look();
        call.desk_media.send_rtp(&mut lab.world, b"late");
        lab.settle();
        lab.moved(&[], &[(Reason::MediaNoSession, 1)]);
        assert_eq!(call.phone_media.heard(&mut lab.world), []);
    });
}

#[test]
fn reinvite_moves_media_to_another_port() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = lab.call_inside(SUITE);
        lab.talk(&mut call, 1);
        lab.look();
        let mut moved = lab.phone_party(SUITE);
        moved.key = call.phone_key.clone();
        moved.rtp.set_port(42_000);
        let invite = call.phone.within(&mut call.phone_dialog, "INVITE");
        let invite = invite.with_sdp(&moved.sdp("sendrecv"));
        let offered = lab.pass(&call.phone, &invite, &call.manager);
        // Inside nothing changes: the proxy's own address stays.
        assert_eq!(endpoint(&offered), call.desk_media.remote_rtp);
        let ok = call.manager.reply(&offered, "200 OK");
        let ok = ok.with_sdp(&lab.desk_party(SUITE).sdp("sendrecv"));
        let answered = lab.pass(&call.manager, &ok, &call.phone);
        assert_eq!(endpoint(&answered), call.phone_media.remote_rtp);
        call.phone_dialog = Dialog::of_caller(&answered);
        let ack = call.phone.within(&mut call.phone_dialog, "ACK");
        lab.pass(&call.phone, &ack, &call.manager);
        lab.settle();
        lab.moved(&[(Counter::SipMessages, 3)], &[]);
        call.phone_media.rtp_port = 42_000;
        lab.talk(&mut call, 2);
        assert_eq!(lab.count(Counter::MediaPackets), 6);
    });
}

#[test]
fn held_party_is_not_heard_until_it_is_taken_back() {
    let mut lab = Lab::new(Setup::default());
    let mut call = lab.call_inside(SUITE);
    lab.talk(&mut call, 1);
    for (direction, back) in [("sendonly", "recvonly"), ("sendrecv", "sendrecv")] {
        let mut phone = lab.phone_party(SUITE);
        phone.key = call.phone_key.clone();
        let invite = call.phone.within(&mut call.phone_dialog, "INVITE");
        let invite = invite.with_sdp(&phone.sdp(direction));
        let offered = lab.pass(&call.phone, &invite, &call.manager);
        assert!(offered.body.contains(&format!("a={direction}\r\n")));
        let ok = call.manager.reply(&offered, "200 OK");
        let ok = ok.with_sdp(&lab.desk_party(SUITE).sdp(back));
        let answered = lab.pass(&call.manager, &ok, &call.phone);
        let ack = call.phone.within(&mut Dialog::of_caller(&answered), "ACK");
        lab.pass(&call.phone, &ack, &call.manager);
        lab.settle();
        lab.look();
        if direction == "sendonly" {
            let music = call.phone_media.send_rtp(&mut lab.world, b"music");
            call.desk_media.send_rtp(&mut lab.world, b"nobody listens");
            lab.settle();
            assert_eq!(call.desk_media.heard(&mut lab.world), [Heard::Rtp(music)]);
            assert_eq!(call.phone_media.heard(&mut lab.world), []);
            assert_eq!(lab.refused(Reason::MediaOnHold), 1);
        }
    }
    lab.talk(&mut call, 2);
}
