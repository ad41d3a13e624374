//! Peers that read slowly or not at all, and messages that are larger than any window.

use std::time::Duration;

use abi::policy::TcpSettings;
use abi::{Counter, Pool, Reason};
use sim::{Agent, Lab, MANAGER, Message, PHONE, Setup};

use crate::common::each_way;

/// Octets that a session may hold between a peer that writes and one that does not read: TCP and
/// TLS on both legs, and what waits in between.
const HELD_MAX: usize = 512 * 1024;

/// A MESSAGE of `len` octets of text.
fn text(agent: &mut Agent, len: usize) -> Message {
    let mut message = agent.request("MESSAGE", "sip:2002@192.0.2.10", "2002");
    message.body = "x".repeat(len);
    message.with("Content-Type", "text/plain")
}

#[test]
fn message_larger_than_all_windows_arrives_whole() {
    each_way(&Setup::default(), |mut lab| {
        let (mut phone, manager) = lab.agents();
        let message = text(&mut phone, 60_000);
        let heard = lab.pass(&phone, &message, &manager);
        assert_eq!(heard.body, message.body);
        let mut ok = heard.reply("200 OK", "m");
        ok.body = "y".repeat(60_000);
        let answered = lab.pass(&manager, &ok, &phone);
        assert_eq!(answered.body, ok.body);
        lab.settle();
        assert_eq!(lab.count(Counter::SipMessages), 2);
    });
}

#[test]
fn message_over_the_limit_is_refused() {
    let mut lab = Lab::new(Setup::default());
    let (mut phone, manager) = lab.agents();
    lab.settle();
    let message = text(&mut phone, 70_000);
    let refusal = lab.pass(&phone, &message, &phone);
    assert_eq!(refusal.status(), Some(413));
    lab.settle();
    assert_eq!(lab.refused(Reason::SipTooLarge), 1);
    assert_eq!(lab.host(MANAGER).conn(manager.conn).received, 0);
}

#[test]
fn call_manager_that_does_not_read_stops_the_phone() {
    each_way(&Setup::default(), |mut lab| {
        let (mut phone, manager) = lab.agents();
        lab.settle();
        lab.look();
        lab.host(MANAGER).set_reading(manager.conn, false);
        let mut said = 0;
        for _ in 0..100 {
            let message = text(&mut phone, 30_000).to_string();
            said += message.len();
            lab.host(PHONE).send(phone.conn, message);
        }
        lab.run_for(Duration::from_secs(30));
        let unsent = lab.host(PHONE).conn(phone.conn).unsent();
        assert!(
            said - unsent < HELD_MAX,
            "{} octets are held",
            said - unsent
        );
        let messages = lab.count(Counter::SipMessages);
        assert!(messages < 20, "{messages} messages were read");
        lab.moved(&[(Counter::SipMessages, messages)], &[]);
        // Whoever reads again gets everything.
        lab.host(MANAGER).set_reading(manager.conn, true);
        for n in 0..100 {
            let heard = lab.hear(&manager);
            assert_eq!(heard.body.len(), 30_000, "message {n}");
            lab.say(&manager, &heard.reply("200 OK", "m"));
        }
        for _ in 0..100 {
            assert_eq!(lab.hear(&phone).status(), Some(200));
        }
        lab.settle();
        lab.moved(&[(Counter::SipMessages, 200 - messages)], &[]);
    });
}

#[test]
fn phone_that_does_not_read_stops_the_call_manager() {
    each_way(&Setup::default(), |mut lab| {
        let (phone, mut manager) = lab.agents();
        lab.settle();
        lab.host(PHONE).set_reading(phone.conn, false);
        let mut said = 0;
        for _ in 0..100 {
            let message = text(&mut manager, 30_000).to_string();
            said += message.len();
            lab.host(MANAGER).send(manager.conn, message);
        }
        lab.run_for(Duration::from_secs(30));
        let unsent = lab.host(MANAGER).conn(manager.conn).unsent();
        assert!(
            said - unsent < HELD_MAX,
            "{} octets are held",
            said - unsent
        );
        lab.host(PHONE).set_reading(phone.conn, true);
        for n in 0..100 {
            assert_eq!(lab.hear(&phone).body.len(), 30_000, "message {n}");
        }
    });
}

#[test]
fn peer_that_never_reads_is_cut_off() {
    each_way(
        &Setup {
            tcp: TcpSettings {
                stall_ms: 20_000,
                ..TcpSettings::default()
            },
            ..Setup::default()
        },
        |mut lab| {
            let (mut phone, manager) = lab.agents();
            lab.settle();
            lab.look();
            lab.host(MANAGER).set_reading(manager.conn, false);
            for _ in 0..20 {
                let message = text(&mut phone, 30_000).to_string();
                lab.host(PHONE).send(phone.conn, message);
            }
            lab.run_for(Duration::from_secs(60));
            assert_eq!(lab.refused(Reason::PeerStalled), 1);
            assert_eq!(lab.proxy().usage(Pool::TlsSessions).in_use, 0);
            assert!(lab.host(PHONE).conn(phone.conn).is_closed());
            assert!(lab.host(MANAGER).conn(manager.conn).is_closed());
        },
    );
}

#[test]
fn slow_reader_is_not_cut_off() {
    let mut lab = Lab::new(Setup {
        tcp: TcpSettings {
            stall_ms: 20_000,
            ..TcpSettings::default()
        },
        ..Setup::default()
    });
    let (mut phone, manager) = lab.agents();
    for _ in 0..10 {
        let message = text(&mut phone, 30_000).to_string();
        lab.host(PHONE).send(phone.conn, message);
    }
    // A moment of reading every ten seconds, for ten minutes.
    for _ in 0..60 {
        lab.host(MANAGER).set_reading(manager.conn, true);
        lab.run_for(Duration::from_micros(1_500));
        lab.host(MANAGER).set_reading(manager.conn, false);
        lab.run_for(Duration::from_secs(10));
    }
    assert_eq!(lab.proxy().counters().refusals(), 0);
    assert!(lab.host(MANAGER).conn(manager.conn).received > 20_000);
}

#[test]
fn buffers_of_any_size_carry_much() {
    for (rx_buffer, tx_buffer) in [(1_024, 1_024), (4_096, 6_144), (1 << 20, 1 << 20)] {
        println!("{rx_buffer} {tx_buffer}");
        let mut lab = Lab::new(Setup {
            tcp: TcpSettings {
                rx_buffer,
                tx_buffer,
                ..TcpSettings::default()
            },
            ..Setup::default()
        });
        let (mut phone, mut manager) = lab.agents();
        let mut texts = || (text(&mut phone, 50_000), text(&mut manager, 50_000));
        let texts: Vec<_> = (0..20).map(|_| texts()).collect();
        for (out, back) in &texts {
            lab.say(&phone, out);
            lab.say(&manager, back);
        }
        for (out, back) in &texts {
            assert_eq!(lab.hear(&manager).body, out.body);
            assert_eq!(lab.hear(&phone).body, back.body);
        }
    }
}
