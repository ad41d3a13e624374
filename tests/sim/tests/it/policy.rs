//! Policies that change while calls are up.

use abi::{Counter, Reason, Suite};
use sim::Place::{InsideMedia, OutsideMedia, SpareMedia};
use sim::{Addressing, Call, Cluster, ConnId, Lab, MANAGER, PHONE, STRANGER, Setup, Source};
use std::net::SocketAddr;

use crate::common::{OPENED, each_way};

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

/// Has a stranger with a good certificate connect to a port, and waits for what comes of it.
fn try_port(lab: &mut Lab, port: u16) -> ConnId {
    let identity = lab.authority.issue(&sim::Leaf::phone("other"));
    let profile = lab.client_profile(Some(&identity));
    let to = SocketAddr::new(lab.setup.target().ip(), port);
    let conn = lab.host(STRANGER).connect(to, Some(&profile));
    lab.settle();
    conn
}

#[test]
fn new_listener_serves_while_a_call_goes_on() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = lab.call_inside(SUITE);
        lab.talk(&mut call, 1);
        lab.look();
        let before = try_port(&mut lab, 5_071);
        assert!(!lab.host(STRANGER).conn(before).is_open());
        assert!(lab.refused(Reason::ForwardDenied) > 0);
        lab.host(STRANGER).abort(before);
        lab.settle();
        lab.setup.more_listeners = vec![5_071];
        lab.apply();
        lab.look();
        let after = try_port(&mut lab, 5_071);
        assert!(lab.host(STRANGER).conn(after).is_open());
        lab.moved(&OPENED, &[]);
        lab.talk(&mut call, 1);
        lab.hang_up(&mut call);
    });
}

#[test]
fn session_outlives_its_listener() {
    each_way(
        &Setup {
            more_listeners: vec![5_071],
            ..Setup::default()
        },
        |mut lab| {
            let conn = try_port(&mut lab, 5_071);
            let manager = lab.host(MANAGER).accepted().unwrap();
            lab.setup.more_listeners.clear();
            lab.apply();
            lab.look();
            lab.host(STRANGER).send(conn, "\r\n\r\n");
            lab.settle();
            assert_eq!(lab.host(MANAGER).conn(manager).take(), b"\r\n\r\n");
            lab.moved(&[(Counter::SipKeepalives, 1)], &[]);
            let late = try_port(&mut lab, 5_071);
            assert!(!lab.host(STRANGER).conn(late).is_open());
        },
    );
}

#[test]
fn next_session_goes_by_the_new_policy_and_the_old_one_by_its_own() {
    let mut lab = Lab::new(Setup::default());
    let mut old = lab.call_inside(SUITE);
    lab.setup.source = Source::Proxy;
    lab.setup.media_ports = (32_000, 32_255);
    lab.apply();
    lab.talk(&mut old, 1);
    let mut new = lab.call_inside(SUITE);
    let from = lab.host(MANAGER).conn(new.manager.conn).peer();
    assert_eq!(from.ip(), lab.setup.address(sim::Place::InsideSource));
    assert!((32_000..=32_255).contains(&new.desk_media.remote_rtp.port()));
    lab.talk(&mut new, 1);
    lab.talk(&mut old, 1);
    lab.hang_up(&mut old);
    lab.hang_up(&mut new);
}

/// Checks where the media of a call ends, and that it passes.
#[track_caller]
fn assert_ends_at(lab: &mut Lab, call: &mut Call, outside: sim::Place, inside: sim::Place) {
    let ends = [&call.phone_media, &call.desk_media].map(|end| end.remote_rtp.ip());
    let wanted = [outside, inside].map(|place| lab.setup.address(place));
    assert_eq!(ends, wanted, "under {:?}", lab.setup.media);
    lab.talk(call, 1);
}

#[test]
fn session_keeps_its_media_terminations_wherever_they_are_listed() {
    let lists = [
        [OutsideMedia, InsideMedia].as_slice(),
        &[InsideMedia, OutsideMedia],
        &[OutsideMedia, SpareMedia, InsideMedia],
        &[SpareMedia, OutsideMedia, InsideMedia],
    ];
    let all = || lists.iter().filter(|list| list[0] != SpareMedia);
    for (before, after) in all().flat_map(|before| lists.map(|after| (before, after))) {
        let mut lab = Lab::new(Setup {
            media: before.to_vec(),
            ..Setup::default()
        });
        let mut first = lab.call_inside(SUITE);
        assert_ends_at(&mut lab, &mut first, OutsideMedia, InsideMedia);
        lab.setup.media = after.to_vec();
        lab.apply();
        let (phone, manager) = (first.phone.clone(), first.manager.clone());
        let mut second = lab.call_inside_by(phone, manager, SUITE);
        assert_ends_at(&mut lab, &mut second, OutsideMedia, InsideMedia);
        assert_ends_at(&mut lab, &mut first, OutsideMedia, InsideMedia);
    }
}

#[test]
fn session_has_no_new_media_at_a_termination_that_took_the_place_of_its_own() {
    let mut lab = Lab::new(Setup::default());
    let mut old = lab.call_inside(SUITE);
    lab.setup.media = vec![SpareMedia, InsideMedia];
    lab.apply();
    lab.look();
    let offer = lab.phone_party(SUITE).sdp("sendrecv");
    let second = old.phone.invite("2003", &offer);
    assert_eq!(
        lab.pass(&old.phone, &second, &old.phone).status(),
        Some(503)
    );
    assert_eq!(lab.refused(Reason::MediaPortsExhausted), 1);
    assert_ends_at(&mut lab, &mut old, OutsideMedia, InsideMedia);
    let mut new = lab.call_inside(SUITE);
    assert_ends_at(&mut lab, &mut new, SpareMedia, InsideMedia);
}

#[test]
fn every_policy_of_many_is_obeyed() {
    let mut lab = Lab::new(Setup {
        workers: 2,
        ..Setup::default()
    });
    let mut call = lab.call_inside(SUITE);
    for n in 0..20 {
        lab.setup.more_listeners = vec![6_000 + n];
        lab.apply();
        let conn = try_port(&mut lab, 6_000 + n);
        assert!(lab.host(STRANGER).conn(conn).is_open());
    }
    lab.talk(&mut call, 1);
    let other = Setup {
        cluster: Cluster::Encrypted,
        addressing: Addressing::StaticNat,
        ..lab.setup.clone()
    };
    lab.setup = other;
    lab.apply();
    lab.talk(&mut call, 1);
    lab.host(PHONE).abort(call.phone.conn);
    lab.settle();
}
