//! Policies that are enforced: sessions from before that they do not allow are closed politely.

use abi::policy::ClientAuth;
use abi::{Counter, Limits, Pool, Reason, Suite};
use sim::Place::{InsideMedia, OutsideMedia, SpareMedia};
use sim::{Authority, Cluster, ConnId, Lab, Leaf, MANAGER, PHONE, STRANGER, Setup, Source};
use tls::State;

use crate::common::{CLOSED, each_way};

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

/// Has a stranger with a certificate of its own connect to where phones do.
fn stranger(lab: &mut Lab) -> (ConnId, sim::Identity) {
    let identity = lab.authority.issue(&Leaf::phone("other"));
    let profile = lab.client_profile(Some(&identity));
    let to = lab.setup.target();
    let conn = lab.host(STRANGER).connect(to, Some(&profile));
    lab.settle();
    assert!(lab.host(STRANGER).conn(conn).is_open());
    (conn, identity)
}

/// Checks that the proxy has closed a connection in good order: close_notify, then FIN.
#[track_caller]
fn assert_closed_politely(lab: &mut Lab, host: sim::HostId, conn: ConnId) {
    lab.settle();
    let conn = lab.host(host).conn(conn);
    assert!(conn.peer_has_finished(), "{conn:?}");
    assert_eq!(conn.tls_state(), State::PeerClosed, "{conn:?}");
}

#[test]
fn what_is_still_allowed_goes_on_undisturbed() {
    for cluster in [Cluster::Nonsecure, Cluster::Encrypted] {
        let setup = Setup {
            cluster,
            ..Setup::default()
        };
        each_way(&setup, |mut lab| {
            let mut call = lab.call_inside(SUITE);
            lab.setup.more_listeners = vec![5_071];
            lab.setup.tcp.keepalive_ms *= 2;
            lab.look();
            lab.enforce();
            lab.settle();
            lab.moved(&[], &[]);
            lab.talk(&mut call, 2);
            lab.hang_up(&mut call);
        });
    }
}

#[test]
fn session_ends_with_its_listener_and_a_call_on_another_goes_on() {
    let setup = Setup {
        more_listeners: vec![5_071],
        ..Setup::default()
    };
    each_way(&setup, |mut lab| {
        let mut call = lab.call_inside(SUITE);
        let identity = lab.authority.issue(&Leaf::phone("other"));
        let profile = lab.client_profile(Some(&identity));
        let to = std::net::SocketAddr::new(lab.setup.target().ip(), 5_071);
        let conn = lab.host(STRANGER).connect(to, Some(&profile));
        lab.settle();
        let manager = lab.host(MANAGER).accepted().unwrap();
        lab.setup.more_listeners.clear();
        lab.look();
        lab.enforce();
        assert_closed_politely(&mut lab, STRANGER, conn);
        assert_closed_politely(&mut lab, MANAGER, manager);
        lab.host(STRANGER).finish(conn);
        lab.host(MANAGER).finish(manager);
        lab.settle();
        lab.moved(&CLOSED, &[(Reason::PolicyEnforced, 1)]);
        lab.talk(&mut call, 2);
        lab.hang_up(&mut call);
    });
}

#[test]
fn media_ends_with_the_session_and_its_units_are_back_at_once() {
    let mut lab = Lab::new(Setup::default());
    let call = lab.call_inside(SUITE);
    assert_eq!(lab.proxy().usage(Pool::SrtpSessions).in_use, 1);
    lab.setup.source = Source::Proxy;
    lab.enforce();
    for pool in [Pool::TlsSessions, Pool::UcSessions, Pool::SrtpSessions] {
        assert_eq!(lab.proxy().usage(pool).in_use, 0);
    }
    assert_closed_politely(&mut lab, PHONE, call.phone.conn);
    lab.host(PHONE).finish(call.phone.conn);
    lab.host(MANAGER).finish(call.manager.conn);
    lab.settle();
    lab.proxy().assert_nothing_is_left();
}

#[test]
fn media_terminations_may_move_in_the_list_but_not_go() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = lab.call_inside(SUITE);
        lab.setup.media = vec![InsideMedia, OutsideMedia, SpareMedia];
        lab.look();
        lab.enforce();
        lab.settle();
        lab.moved(&[], &[]);
        lab.talk(&mut call, 1);
        lab.setup.media = vec![SpareMedia, InsideMedia];
        lab.enforce();
        assert_closed_politely(&mut lab, PHONE, call.phone.conn);
        assert_eq!(lab.refused(Reason::PolicyEnforced), 1);
    });
}

#[test]
fn revoked_client_is_closed_and_others_are_not() {
    each_way(&Setup::default(), |mut lab| {
        let mut call = lab.call_inside(SUITE);
        let (conn, identity) = stranger(&mut lab);
        lab.credentials.crls = vec![lab.authority.revoke(&identity)];
        lab.apply();
        lab.settle();
        assert!(lab.host(STRANGER).conn(conn).is_open(), "not enforced");
        lab.look();
        lab.enforce();
        assert_closed_politely(&mut lab, STRANGER, conn);
        assert_eq!(lab.refused(Reason::PolicyEnforced), 1);
        lab.talk(&mut call, 2);
        lab.hang_up(&mut call);
    });
}

#[test]
fn clients_of_an_authority_that_is_gone_are_closed() {
    let mut lab = Lab::new(Setup::default());
    let (conn, _) = stranger(&mut lab);
    lab.credentials.anchor = Authority::new("Another").certificate;
    lab.enforce();
    assert_closed_politely(&mut lab, STRANGER, conn);
}

#[test]
fn clients_without_a_certificate_are_closed_once_they_need_one() {
    let mut lab = Lab::new(Setup {
        client_auth: Some(ClientAuth::Optional),
        ..Setup::default()
    });
    let bare = lab.client_profile(None);
    let to = lab.setup.target();
    let conn = lab.host(STRANGER).connect(to, Some(&bare));
    let (phone, _) = lab.open();
    lab.settle();
    lab.setup.client_auth = Some(ClientAuth::Required);
    lab.look();
    lab.enforce();
    assert_closed_politely(&mut lab, STRANGER, conn);
    assert!(lab.host(PHONE).conn(phone).is_open());
    assert_eq!(lab.refused(Reason::PolicyEnforced), 1);
}

#[test]
fn servers_certificate_counts_as_well() {
    let mut lab = Lab::new(Setup {
        cluster: Cluster::Encrypted,
        client_auth: Some(ClientAuth::None),
        ..Setup::default()
    });
    let (phone, manager) = lab.open();
    lab.credentials.anchor = Authority::new("Another").certificate;
    lab.enforce();
    assert_closed_politely(&mut lab, PHONE, phone);
    assert_closed_politely(&mut lab, MANAGER, manager);
}

#[test]
fn handshake_in_progress_is_held_against_the_policy_when_it_is_done() {
    let mut lab = Lab::new(Setup::default());
    let identity = lab.authority.issue(&Leaf::phone("other"));
    let profile = lab.client_profile(Some(&identity));
    let to = lab.setup.target();
    let conn = lab.host(STRANGER).connect(to, Some(&profile));
    lab.world.run_until("the handshake has begun", |world| {
        !world.proxy().sessions().is_empty()
    });
    assert!(!lab.host(STRANGER).conn(conn).is_open());
    lab.credentials.crls = vec![lab.authority.revoke(&identity)];
    lab.look();
    lab.enforce();
    assert_closed_politely(&mut lab, STRANGER, conn);
    assert_eq!(lab.refused(Reason::PolicyEnforced), 1);
    lab.host(STRANGER).finish(conn);
    lab.settle();
    lab.proxy().assert_nothing_is_left();
}

#[test]
fn newest_sessions_go_first_when_a_limit_is_lowered() {
    each_way(&Setup::default(), |mut lab| {
        let conns: Vec<ConnId> = (0..12)
            .map(|_| {
                let conn = lab.open().0;
                lab.run_for(std::time::Duration::from_millis(1));
                conn
            })
            .collect();
        let lowered = Limits {
            uc_sessions: 5,
            ..Limits::UNLIMITED
        };
        lab.proxy().set_limits(&lowered);
        lab.apply();
        assert_eq!(lab.proxy().usage(Pool::UcSessions).in_use, 12);
        lab.setup.limits = lowered;
        lab.look();
        lab.enforce();
        assert_eq!(lab.proxy().usage(Pool::UcSessions).in_use, 5);
        assert_eq!(lab.refused(Reason::LimitEnforced), 7);
        lab.settle();
        for (n, conn) in conns.into_iter().enumerate() {
            let closed = lab.host(PHONE).conn(conn).peer_has_finished();
            assert_eq!(closed, n >= 5, "session {n}");
        }
    });
}

#[test]
fn a_lowered_limit_of_calls_ends_the_newest_sessions_with_calls() {
    let mut lab = Lab::new(Setup::default());
    let mut first = lab.call_inside(SUITE);
    let second = lab.call_inside(SUITE);
    let (idle, _) = lab.open();
    lab.setup.limits.srtp_sessions = 1;
    lab.look();
    lab.enforce();
    assert_eq!(lab.refused(Reason::LimitEnforced), 1);
    assert_closed_politely(&mut lab, PHONE, second.phone.conn);
    assert!(lab.host(PHONE).conn(idle).is_open());
    lab.talk(&mut first, 2);
    assert_eq!(lab.count(Counter::CallsEnded), 1);
}
