//! Floods: of good clients, and of forged packets that must leave no state.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use abi::{Counter, Pool, Reason, Suite};
use sim::{HostId, Lab, MANAGER, PHONE, Place, Random, STRANGER, Setup, segment};
use wire::tcp::Flags;

use crate::common::each_way;

/// Lets a host find its router: what it sends before that waits, and not all of it.
fn acquaint(lab: &mut Lab, host: HostId) {
    let router = lab.setup.address(Place::OutsideRouter);
    lab.host(host)
        .send_datagram(9, (router, 9).into(), b"hello");
    lab.settle();
    lab.look();
}

/// Checks that a phone can still connect and call.
fn service_is_unharmed(lab: &mut Lab) {
    let mut call = lab.call_inside(Suite::AesCm128HmacSha1_80);
    lab.talk(&mut call, 1);
    lab.hang_up(&mut call);
}

/// No session, no handshake and no flow is left.
fn nothing_is_held(lab: &mut Lab) {
    for pool in [Pool::TlsSessions, Pool::UcSessions, Pool::Handshakes] {
        assert_eq!(lab.proxy().usage(pool).in_use, 0);
    }
    assert_eq!(lab.proxy().sessions(), []);
}

#[test]
fn thousand_clients_come_and_go() {
    each_way(
        &Setup {
            client_auth: None,
            sessions: 128,
            ..Setup::default()
        },
        |mut lab| {
            acquaint(&mut lab, PHONE);
            for round in 0..20_u32 {
                let conns: Vec<_> = (0..50).map(|_| lab.dial()).collect();
                lab.run_for(Duration::from_millis(50));
                for (n, conn) in (round..).zip(&conns) {
                    assert!(lab.host(PHONE).conn(*conn).is_open());
                    match n % 4 {
                        0 => lab.host(PHONE).abort(*conn),
                        1 => lab.host(PHONE).finish(*conn),
                        2 => {
                            lab.host(PHONE).send(*conn, "\r\n\r\n");
                            lab.host(PHONE).finish(*conn);
                        }
                        _ => {
                            lab.host(PHONE).send(*conn, "nonsense\r\n\r\n");
                            lab.host(PHONE).abort(*conn);
                        }
                    }
                }
                lab.run_for(Duration::from_millis(50));
                while let Some(conn) = lab.host(MANAGER).accepted() {
                    lab.host(MANAGER).finish(conn);
                }
                lab.settle();
            }
            nothing_is_held(&mut lab);
            let counters = lab.proxy().counters();
            assert_eq!(counters.count(Counter::SessionsOpened), 1_000);
            assert_eq!(counters.count(Counter::SessionsClosed), 1_000);
            assert_eq!(lab.host(MANAGER).open_conns(), 0);
        },
    );
}

#[test]
fn hundred_handshakes_at_once_come_through() {
    each_way(
        &Setup {
            sessions: 128,
            ..Setup::default()
        },
        |mut lab| {
            let conns: Vec<_> = (0..100).map(|_| lab.dial()).collect();
            lab.settle();
            for conn in &conns {
                assert!(lab.host(PHONE).conn(*conn).is_open());
            }
            assert_eq!(lab.count(Counter::TlsHandshakesServer), 100);
            for conn in conns {
                lab.host(PHONE).abort(conn);
            }
            lab.settle();
            nothing_is_held(&mut lab);
        },
    );
}

#[test]
fn flood_of_syns_leaves_no_state() {
    each_way(&Setup::default(), |mut lab| {
        let (phone, manager) = lab.open();
        acquaint(&mut lab, STRANGER);
        let random = Random::new(11);
        let to = lab.setup.target();
        for _ in 0..2_000 {
            let host = u8::try_from(30 + random.below(200)).unwrap();
            let port = u16::try_from(1_024 + random.below(60_000)).unwrap();
            let from = SocketAddr::new(IpAddr::from([198, 51, 100, host]), port);
            let isn = u32::try_from(random.below(1 << 32)).unwrap();
            let syn = segment(from, to, Flags::SYN, isn, 0, b"");
            lab.host(STRANGER).send_packet(&syn);
            if random.chance(20) {
                lab.run_for(Duration::from_millis(2));
            }
        }
        lab.settle();
        assert_eq!(lab.count(Counter::TcpCookiesSent), 2_000);
        assert_eq!(lab.proxy().usage(Pool::TlsSessions).in_use, 1);
        assert_eq!(lab.count(Counter::SessionsOpened), 0);
        lab.host(PHONE).send(phone, "\r\n\r\n");
        lab.settle();
        assert_eq!(lab.host(MANAGER).conn(manager).take(), b"\r\n\r\n");
        lab.host(PHONE).abort(phone);
        lab.run_for(Duration::from_secs(10));
        nothing_is_held(&mut lab);
        service_is_unharmed(&mut lab);
    });
}

#[test]
fn flood_of_guessed_acknowledgements_opens_nothing() {
    each_way(&Setup::default(), |mut lab| {
        acquaint(&mut lab, STRANGER);
        let random = Random::new(12);
        let to = lab.setup.target();
        for port in 2_000..3_000 {
            let from = SocketAddr::new(lab.setup.address(Place::Stranger), port);
            let (seq, ack) = (random.draw() >> 32, random.draw() >> 32);
            let (seq, ack) = (u32::try_from(seq).unwrap(), u32::try_from(ack).unwrap());
            let guess = segment(from, to, Flags::ACK, seq, ack, b"hello");
            lab.host(STRANGER).send_packet(&guess);
        }
        lab.settle();
        assert_eq!(lab.refused(Reason::TcpBadCookie), 1_000);
        nothing_is_held(&mut lab);
        service_is_unharmed(&mut lab);
    });
}

#[test]
fn flood_of_guessed_resets_ends_no_session() {
    each_way(&Setup::default(), |mut lab| {
        let (phone, manager) = lab.open();
        acquaint(&mut lab, STRANGER);
        let random = Random::new(13);
        let (from, to) = (lab.host(PHONE).conn(phone).local(), lab.setup.target());
        for _ in 0..1_000 {
            let seq = u32::try_from(random.draw() >> 32).unwrap();
            let flags = if random.chance(500) {
                Flags::RST
            } else {
                Flags::SYN
            };
            let guess = segment(from, to, flags, seq, 0, b"");
            lab.host(STRANGER).send_packet(&guess);
        }
        lab.settle();
        assert!(lab.refused(Reason::TcpOutOfWindow) > 900);
        assert_eq!(lab.count(Counter::SessionsClosed), 0);
        lab.host(PHONE).send(phone, "\r\n\r\n");
        lab.settle();
        assert_eq!(lab.host(MANAGER).conn(manager).take(), b"\r\n\r\n");
    });
}

#[test]
fn handshakes_that_are_never_finished_are_forgotten() {
    let mut lab = Lab::new(Setup {
        sessions: 300,
        ..Setup::default()
    });
    let target = lab.setup.target();
    for _ in 0..200 {
        lab.host(STRANGER).connect(target, None);
    }
    lab.settle();
    lab.run_for(Duration::from_secs(60));
    nothing_is_held(&mut lab);
    service_is_unharmed(&mut lab);
}

#[test]
fn calls_that_come_and_go_leave_nothing() {
    each_way(&Setup::default(), |mut lab| {
        let (phone, manager) = lab.agents();
        let mut agents = (phone, manager);
        for _ in 0..30 {
            let suite = Suite::AesCm128HmacSha1_80;
            let mut call = lab.call_inside_by(agents.0, agents.1, suite);
            lab.talk(&mut call, 1);
            lab.hang_up(&mut call);
            agents = (call.phone, call.manager);
        }
        let counters = lab.proxy().counters();
        assert_eq!(counters.count(Counter::CallsStarted), 30);
        assert_eq!(counters.count(Counter::CallsEnded), 30);
        assert_eq!(counters.refusals(), 0);
        assert_eq!(lab.proxy().usage(Pool::SrtpSessions).in_use, 0);
        assert_eq!(lab.proxy().streams(), []);
    });
}
