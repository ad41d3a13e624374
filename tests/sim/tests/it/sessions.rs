//! How a session begins and ends.

use std::time::Duration;

use abi::policy::TcpSettings;
use abi::{Counter, Pool, Reason};
use sim::{Addressing, Cluster, Family, Lab, MANAGER, PHONE, Place, Setup, Source};
use tcp::{CloseCause, State};

use crate::common::{CLOSED, OPENED, each_way};

#[test]
fn phone_and_call_manager_hear_each_other() {
    each_way(&Setup::default(), |mut lab| {
        let (phone, manager) = lab.open();
        lab.settle();
        lab.moved(&OPENED, &[]);
        lab.host(PHONE).send(phone, "\r\n\r\n");
        lab.settle();
        lab.moved(&[(Counter::SipKeepalives, 1)], &[]);
        assert_eq!(lab.host(MANAGER).conn(manager).take(), b"\r\n\r\n");
        lab.host(MANAGER).send(manager, "\r\n");
        lab.settle();
        lab.moved(&[], &[]);
        assert_eq!(lab.host(PHONE).conn(phone).take(), b"\r\n");
        let [session] = lab.proxy().sessions().try_into().unwrap();
        assert_eq!((session.from_client, session.from_server), (4, 2));
        assert_eq!(session.name.to_string(), "SEP001122334455");
    });
}

#[test]
fn every_addressing_works_with_every_cluster_and_family() {
    for addressing in [Addressing::Transparent, Addressing::StaticNat] {
        for source in [Source::Client, Source::Proxy] {
            for cluster in [Cluster::Nonsecure, Cluster::Encrypted] {
                for family in [Family::V4, Family::V6] {
                    let setup = Setup {
                        addressing,
                        source,
                        cluster,
                        family,
                        ..Setup::default()
                    };
                    println!("{addressing:?} {source:?} {cluster:?} {family:?}");
                    is_addressed_as_set_up(setup);
                }
            }
        }
    }
}

fn is_addressed_as_set_up(setup: Setup) {
    let mut lab = Lab::new(setup);
    let (phone, manager) = lab.open();
    let seen_by_phone = lab.host(PHONE).conn(phone).peer();
    assert_eq!(seen_by_phone, lab.setup.target());
    let seen_by_manager = lab.host(MANAGER).conn(manager).peer();
    let place = match lab.setup.source {
        Source::Client => Place::Phone,
        Source::Proxy => Place::InsideSource,
    };
    assert_eq!(seen_by_manager.ip(), lab.setup.address(place));
    let aimed_at = lab.host(MANAGER).conn(manager).local();
    assert_eq!(aimed_at.ip(), lab.setup.address(Place::Manager));
    assert_eq!(aimed_at.port(), lab.setup.manager_port());
    lab.settle();
    let handshakes = u64::from(lab.setup.cluster == Cluster::Encrypted);
    let more = [(Counter::TlsHandshakesClient, handshakes)];
    lab.moved(&[&OPENED[..], &more].concat(), &[]);
}

#[test]
fn phone_and_call_manager_may_be_of_different_families() {
    for (family, inside_family) in [(Family::V4, Family::V6), (Family::V6, Family::V4)] {
        is_addressed_as_set_up(Setup {
            addressing: Addressing::StaticNat,
            source: Source::Proxy,
            family,
            inside_family: Some(inside_family),
            ..Setup::default()
        });
    }
}

#[test]
fn phone_that_finishes_ends_the_session_in_good_order() {
    each_way(&Setup::default(), |mut lab| {
        let (phone, manager) = lab.open();
        lab.settle();
        lab.look();
        lab.host(PHONE).send(phone, "\r\n\r\n");
        lab.host(PHONE).finish(phone);
        lab.settle();
        // The call manager has all that the phone said, and is told that there will be no more.
        assert_eq!(lab.host(MANAGER).conn(manager).take(), b"\r\n\r\n");
        assert!(lab.host(MANAGER).conn(manager).peer_has_finished());
        assert!(!lab.host(PHONE).conn(phone).peer_has_finished());
        lab.moved(&[(Counter::SipKeepalives, 1)], &[]);
        lab.host(MANAGER).finish(manager);
        lab.settle();
        lab.moved(&CLOSED, &[]);
        let finished = State::Closed(CloseCause::Finished);
        assert_eq!(lab.host(PHONE).conn(phone).tcp_state(), finished);
        assert_eq!(lab.host(MANAGER).conn(manager).tcp_state(), finished);
    });
}

#[test]
fn call_manager_that_finishes_ends_the_session_in_good_order() {
    each_way(&Setup::default(), |mut lab| {
        let (phone, manager) = lab.open();
        lab.settle();
        lab.look();
        lab.host(MANAGER).send(manager, "\r\n");
        lab.host(MANAGER).finish(manager);
        lab.settle();
        assert_eq!(lab.host(PHONE).conn(phone).take(), b"\r\n");
        assert!(lab.host(PHONE).conn(phone).peer_has_finished());
        lab.moved(&[], &[]);
        lab.host(PHONE).finish(phone);
        lab.settle();
        lab.moved(&CLOSED, &[]);
    });
}

#[test]
fn peer_that_never_finishes_is_cut_off_after_a_while() {
    let mut lab = Lab::new(Setup::default());
    let (phone, manager) = lab.open();
    lab.settle();
    lab.look();
    lab.host(PHONE).finish(phone);
    lab.run_for(Duration::from_secs(40));
    lab.moved(&CLOSED, &[]);
    let reset = State::Closed(CloseCause::Reset);
    assert_eq!(lab.host(MANAGER).conn(manager).tcp_state(), reset);
}

#[test]
fn reset_by_the_phone_reaches_the_call_manager() {
    each_way(&Setup::default(), |mut lab| {
        let (phone, manager) = lab.open();
        lab.settle();
        lab.look();
        lab.host(PHONE).abort(phone);
        lab.settle();
        let reset = State::Closed(CloseCause::Reset);
        assert_eq!(lab.host(MANAGER).conn(manager).tcp_state(), reset);
        lab.moved(&CLOSED, &[(Reason::TcpReset, 1)]);
    });
}

#[test]
fn reset_by_the_call_manager_reaches_the_phone() {
    each_way(&Setup::default(), |mut lab| {
        let (phone, manager) = lab.open();
        lab.settle();
        lab.look();
        lab.host(MANAGER).abort(manager);
        lab.settle();
        let reset = State::Closed(CloseCause::Reset);
        assert_eq!(lab.host(PHONE).conn(phone).tcp_state(), reset);
        lab.moved(&CLOSED, &[(Reason::TcpReset, 1)]);
    });
}

#[test]
fn call_manager_that_refuses_ends_the_session() {
    each_way(&Setup::default(), |mut lab| {
        let port = lab.setup.manager_port();
        lab.host(MANAGER).stop_listening(port);
        let phone = lab.dial();
        lab.settle();
        assert!(lab.host(PHONE).conn(phone).peer_has_finished());
        lab.host(PHONE).finish(phone);
        lab.settle();
        let opened_alone: Vec<_> = OPENED
            .into_iter()
            .filter(|(counter, _)| *counter != Counter::TcpConnected)
            .collect();
        lab.moved(
            &[&opened_alone[..], &CLOSED].concat(),
            &[(Reason::TcpConnectFailed, 1)],
        );
    });
}

#[test]
fn call_manager_that_never_answers_is_given_up() {
    let mut lab = Lab::new(Setup {
        tcp: TcpSettings {
            connect_ms: 4_000,
            ..TcpSettings::default()
        },
        ..Setup::default()
    });
    let port = lab.setup.manager_port();
    lab.host(MANAGER).ignore(port);
    let phone = lab.dial();
    lab.run_for(Duration::from_millis(3_900));
    assert_eq!(lab.refused(Reason::TcpConnectFailed), 0);
    assert!(lab.host(PHONE).conn(phone).is_open());
    lab.run_for(Duration::from_secs(1));
    assert_eq!(lab.refused(Reason::TcpConnectFailed), 1);
    assert!(lab.host(PHONE).conn(phone).peer_has_finished());
}

#[test]
fn quiet_session_is_ended_and_a_busy_one_goes_on() {
    let mut lab = Lab::new(Setup {
        tcp: TcpSettings {
            idle_ms: 60_000,
            ..TcpSettings::default()
        },
        ..Setup::default()
    });
    let (phone, manager) = lab.open();
    lab.look();
    for _ in 0..4 {
        lab.run_for(Duration::from_secs(50));
        lab.host(PHONE).send(phone, "\r\n\r\n");
    }
    lab.run_for(Duration::from_secs(50));
    lab.moved(&[(Counter::SipKeepalives, 4)], &[]);
    lab.run_for(Duration::from_secs(15));
    lab.moved(&CLOSED, &[(Reason::IdleTimeout, 1)]);
    assert!(lab.host(PHONE).conn(phone).is_closed());
    assert!(lab.host(MANAGER).conn(manager).is_closed());
}

#[test]
fn phone_that_is_unplugged_is_noticed() {
    let mut lab = Lab::new(Setup::default());
    let (_, manager) = lab.open();
    lab.settle();
    lab.look();
    lab.host(PHONE).unplugged = true;
    lab.run_for(Duration::from_secs(300));
    lab.moved(&CLOSED, &[(Reason::TcpTimeout, 1)]);
    assert!(lab.host(MANAGER).conn(manager).is_closed());
}

#[test]
fn session_takes_its_units_and_gives_them_back() {
    let mut lab = Lab::new(Setup::default());
    let (phone, _) = lab.open();
    let pools = [
        Pool::TlsSessions,
        Pool::UcSessions,
        Pool::PhoneProxySessions,
    ];
    assert_eq!(pools.map(|pool| lab.proxy().usage(pool).in_use), [1, 1, 1]);
    assert_eq!(lab.proxy().usage(Pool::Handshakes).in_use, 0);
    lab.host(PHONE).abort(phone);
    lab.settle();
    assert_eq!(pools.map(|pool| lab.proxy().usage(pool).in_use), [0, 0, 0]);
}

#[test]
fn phone_that_starts_anew_may_use_its_port_again() {
    each_way(&Setup::default(), |mut lab| {
        let (phone, _) = lab.open();
        let port = lab.host(PHONE).conn(phone).local().port();
        lab.settle();
        lab.look();
        lab.host(PHONE).forget(phone);
        let identity = lab.authority.issue(&sim::Leaf::phone("anew"));
        let profile = lab.client_profile(Some(&identity));
        let target = lab.setup.target();
        let again = lab.host(PHONE).connect_from(port, target, Some(&profile));
        lab.run_for(Duration::from_secs(5));
        assert!(lab.host(PHONE).conn(again).is_open());
        assert_eq!(lab.proxy().sessions().len(), 1);
        assert_eq!(lab.count(Counter::SessionsClosed), 1);
    });
}

#[test]
fn what_the_phone_says_before_the_call_manager_is_there_waits() {
    each_way(&Setup::default(), |mut lab| {
        let phone = lab.dial();
        lab.host(PHONE).send(phone, "\r\n\r\n");
        lab.world
            .run_until("the call manager is connected", |world| {
                world.host(MANAGER).open_conns() == 1
            });
        lab.settle();
        let manager = lab.host(MANAGER).accepted().unwrap();
        assert_eq!(lab.host(MANAGER).conn(manager).take(), b"\r\n\r\n");
    });
}

#[test]
fn phone_that_says_its_all_and_finishes_at_once_is_heard() {
    each_way(&Setup::default(), |mut lab| {
        let phone = lab.dial();
        lab.host(PHONE).send(phone, "\r\n\r\n".repeat(500));
        lab.host(PHONE).finish(phone);
        lab.settle();
        let manager = lab.host(MANAGER).accepted().unwrap();
        assert_eq!(lab.host(MANAGER).conn(manager).take().len(), 2_000);
        assert!(lab.host(MANAGER).conn(manager).peer_has_finished());
        assert_eq!(lab.proxy().counters().refusals(), 0);
    });
}

#[test]
fn many_phones_behind_one_address_are_told_apart() {
    let mut lab = Lab::new(Setup {
        source: Source::Proxy,
        ..Setup::default()
    });
    let conns: Vec<_> = (0..30).map(|_| lab.dial()).collect();
    lab.settle();
    for (n, conn) in conns.iter().enumerate() {
        lab.host(PHONE).send(*conn, "\r\n\r\n".repeat(n + 1));
    }
    lab.settle();
    let mut heard: Vec<_> = (0..30)
        .map(|_| {
            let manager = lab.host(MANAGER).accepted().unwrap();
            lab.host(MANAGER).conn(manager).take().len()
        })
        .collect();
    heard.sort_unstable();
    assert_eq!(heard, (1..=30).map(|n| 4 * n).collect::<Vec<_>>());
}
