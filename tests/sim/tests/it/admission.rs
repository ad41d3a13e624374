//! Limits hold to the unit, for every worker together, and nothing leaks.

use std::time::Duration;

use abi::policy::TlsSettings;
use abi::{Counter, Limits, Pool, Reason, Suite};
use sim::{Cluster, Lab, MANAGER, PHONE, STRANGER, Setup};
use tcp::{CloseCause, State};

use crate::common::{OPENED, each_way};

/// A set-up with one limit.
fn limited(limit: impl FnOnce(&mut Limits)) -> Setup {
    let mut limits = Limits::UNLIMITED;
    limit(&mut limits);
    Setup {
        limits,
        ..Setup::default()
    }
}

/// Two phones come where one is allowed.
fn second_is_turned_away(setup: &Setup, reason: Reason) {
    each_way(setup, |mut lab| {
        let (first, manager) = lab.open();
        lab.settle();
        lab.moved(&OPENED, &[]);
        let second = lab.dial_from(STRANGER);
        lab.settle();
        // Before anything is spent on a handshake.
        lab.moved(&[(Counter::TcpCookiesSent, 1)], &[(reason, 1)]);
        let reset = State::Closed(CloseCause::Reset);
        assert_eq!(lab.host(STRANGER).conn(second).tcp_state(), reset);
        lab.host(PHONE).send(first, "\r\n\r\n");
        lab.settle();
        assert_eq!(lab.host(MANAGER).conn(manager).take(), b"\r\n\r\n");
        lab.host(PHONE).abort(first);
        lab.settle();
        lab.look();
        let third = lab.dial_from(STRANGER);
        lab.settle();
        assert!(lab.host(STRANGER).conn(third).is_open());
        lab.moved(&OPENED, &[]);
    });
}

#[test]
fn l10_l22_tls_limit_turns_the_next_phone_away() {
    second_is_turned_away(&limited(|l| l.tls_sessions = 1), Reason::LimitTlsSessions);
}

#[test]
fn l05_l22_uc_limit_turns_the_next_phone_away() {
    second_is_turned_away(&limited(|l| l.uc_sessions = 1), Reason::LimitUcSessions);
}

#[test]
fn l07_phone_proxy_limit_turns_the_next_phone_away() {
    let setup = limited(|l| l.phone_proxy_sessions = 1);
    second_is_turned_away(&setup, Reason::LimitPhoneProxySessions);
}

#[test]
fn l06_l21_sessions_count_and_not_phones_or_calls_and_a_call_once_for_both_its_sides() {
    let setup = Setup {
        cluster: Cluster::Encrypted,
        ..Setup::default()
    };
    each_way(&setup, |mut lab| {
        let suite = Suite::AesCm128HmacSha1_80;
        let in_use = |lab: &mut Lab, pool| lab.proxy().usage(pool).in_use;
        // What the phone sends is deciphered and ciphered again: one unit.
        let mut call = lab.call_inside(suite);
        lab.settle();
        assert_eq!(in_use(&mut lab, Pool::SrtpSessions), 1);
        let offer = lab.phone_party(suite).sdp("sendrecv");
        let second = call.phone.invite("2003", &offer);
        lab.pass(&call.phone, &second, &call.manager);
        assert_eq!(in_use(&mut lab, Pool::SrtpSessions), 2);
        assert_eq!(in_use(&mut lab, Pool::UcSessions), 1);
        // The same phone comes once more.
        lab.dial();
        lab.settle();
        assert_eq!(in_use(&mut lab, Pool::UcSessions), 2);
        assert_eq!(in_use(&mut lab, Pool::SrtpSessions), 2);
    });
}

#[test]
fn full_table_turns_the_next_phone_away() {
    let setup = Setup {
        sessions: 1,
        ..Setup::default()
    };
    let mut lab = Lab::new(setup);
    let (first, _) = lab.open();
    lab.settle();
    lab.look();
    lab.dial_from(STRANGER);
    lab.settle();
    let refused = lab.refused(Reason::SessionTableFull) + lab.refused(Reason::FlowTableFull);
    assert_eq!(refused, 1);
    assert_eq!(lab.proxy().usage(Pool::TlsSessions).in_use, 1);
    lab.host(PHONE).abort(first);
    lab.settle();
    let next = lab.dial_from(STRANGER);
    lab.settle();
    assert!(lab.host(STRANGER).conn(next).is_open());
}

#[test]
fn half_open_handshakes_are_bounded() {
    each_way(&limited(|l| l.handshakes = 3), |mut lab| {
        let target = lab.setup.target();
        for _ in 0..5 {
            lab.host(STRANGER).connect(target, None);
        }
        lab.settle();
        assert_eq!(lab.proxy().usage(Pool::Handshakes).in_use, 3);
        assert_eq!(lab.refused(Reason::LimitHandshakes), 2);
        // Who has not proved anything holds no unit of a licence.
        assert_eq!(lab.proxy().usage(Pool::UcSessions).in_use, 0);
    });
}

#[test]
fn l31_limit_holds_exactly_when_many_come_at_once() {
    each_way(&limited(|l| l.uc_sessions = 10), |mut lab| {
        let conns: Vec<_> = (0..25).map(|_| lab.dial()).collect();
        lab.settle();
        let open = conns
            .iter()
            .filter(|conn| lab.host(PHONE).conn(**conn).is_open())
            .count();
        assert_eq!(open, 10);
        assert_eq!(lab.refused(Reason::LimitUcSessions), 15);
        let usage = lab.proxy().usage(Pool::UcSessions);
        assert_eq!((usage.in_use, usage.most_used), (10, 10));
    });
}

#[test]
fn l22_l23_lower_limit_lets_live_sessions_be_and_a_higher_one_holds_at_once() {
    let mut lab = Lab::new(Setup::default());
    let limit = |n| Limits {
        uc_sessions: n,
        ..Limits::UNLIMITED
    };
    let (first, manager) = lab.open();
    lab.proxy().set_limits(&limit(0));
    lab.settle();
    lab.host(PHONE).send(first, "\r\n\r\n");
    lab.settle();
    assert_eq!(lab.host(MANAGER).conn(manager).take(), b"\r\n\r\n");
    let refused = lab.dial_from(STRANGER);
    lab.settle();
    assert!(!lab.host(STRANGER).conn(refused).is_open());
    lab.proxy().set_limits(&limit(2));
    let admitted = lab.dial_from(STRANGER);
    lab.settle();
    assert!(lab.host(STRANGER).conn(admitted).is_open());
}

#[test]
fn one_source_cannot_take_all_the_places_for_handshakes() {
    let mut lab = Lab::new(Setup {
        tls: TlsSettings {
            handshakes_per_source: 3,
            ..TlsSettings::default()
        },
        ..Setup::default()
    });
    let target = lab.setup.target();
    for _ in 0..5 {
        lab.host(STRANGER).connect(target, None);
    }
    lab.settle();
    assert_eq!(lab.refused(Reason::LimitHandshakesPerSource), 2);
    lab.open();
    // Places come back, whichever way a handshake ends.
    lab.run_for(Duration::from_secs(60));
    assert_eq!(lab.proxy().usage(Pool::Handshakes).in_use, 0);
    let conn = lab.dial_from(STRANGER);
    lab.settle();
    assert!(lab.host(STRANGER).conn(conn).is_open());
}

#[test]
fn unit_is_there_for_the_phone_that_comes_back_at_once() {
    each_way(&limited(|l| l.uc_sessions = 1), |mut lab| {
        for round in 0..6 {
            let (phone, _) = lab.open();
            lab.run_for(Duration::from_millis(20));
            if round % 2 == 0 {
                lab.host(PHONE).abort(phone);
            } else {
                lab.host(PHONE).finish(phone);
            }
            lab.world.run_until("the unit is given back", |world| {
                world.proxy().usage(Pool::UcSessions).in_use == 0
            });
            // The call manager has not even finished its part.
            while let Some(conn) = lab.host(MANAGER).accepted() {
                lab.host(MANAGER).finish(conn);
            }
        }
        assert_eq!(lab.refused(Reason::LimitUcSessions), 0);
    });
}
