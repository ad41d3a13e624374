//! Bad networks on both sides: what was said arrives all the same, in order and once.

use std::time::Duration;

use abi::policy::{TcpSettings, TlsSettings};
use abi::{Counter, Pool, Suite};
use sim::{Cluster, Lab, MANAGER, PHONE, Setup, Weather};

use crate::common::{each_way, seeds};

/// Weather of a bad day.
const STORM: Weather = Weather {
    delay: Duration::from_millis(20),
    loss: 50,
    duplication: 20,
    reorder: 100,
};

/// An encrypted cluster with patience. In a clear one the call manager says nothing for long, and
/// a connection to a host behind SYN cookies, which ours are, does not survive that if its third
/// packet is lost.
fn patient(seed: u64) -> Setup {
    Setup {
        seed,
        cluster: Cluster::Encrypted,
        tcp: TcpSettings {
            connect_ms: 120_000,
            ..TcpSettings::default()
        },
        tls: TlsSettings {
            handshake_ms: 120_000,
            ..TlsSettings::default()
        },
        ..Setup::default()
    }
}

/// Changes the weather on both sides.
fn turn(lab: &mut Lab, weather: Weather) {
    for segment in [lab.outside, lab.inside] {
        lab.world.segment(segment).weather = weather;
    }
}

#[test]
fn messages_cross_a_bad_network_both_ways() {
    for seed in seeds(1..4) {
        each_way(&patient(seed), |mut lab| {
            turn(&mut lab, STORM);
            let (mut phone, mut manager) = lab.agents();
            for n in 0..10 {
                let text = format!("{n}").repeat(3_000);
                let mut out = phone.request("MESSAGE", "sip:2002@192.0.2.10", "2002");
                out.body.clone_from(&text);
                let mut back = manager.request("MESSAGE", "sip:1001@198.51.100.20", "1001");
                back.body.clone_from(&text);
                lab.say(&phone, &out);
                lab.say(&manager, &back);
            }
            for n in 0..10 {
                let text = format!("{n}").repeat(3_000);
                assert_eq!(lab.hear(&manager).body, text);
                assert_eq!(lab.hear(&phone).body, text);
            }
            assert_eq!(lab.count(Counter::SipMessages), 20);
            lab.host(PHONE).finish(phone.conn);
            lab.world.run_until("the call manager is told", |world| {
                world.host(MANAGER).conn(manager.conn).peer_has_finished()
            });
            lab.host(MANAGER).finish(manager.conn);
            lab.run_for(Duration::from_secs(30));
            assert_eq!(lab.proxy().usage(Pool::TlsSessions).in_use, 0);
        });
    }
}

#[test]
fn call_is_made_over_a_bad_network() {
    for seed in seeds(1..6) {
        let mut lab = Lab::new(patient(seed));
        turn(&mut lab, STORM);
        let mut call = lab.call_inside(Suite::AesCm128HmacSha1_80);
        turn(&mut lab, Weather::default());
        lab.run_for(Duration::from_secs(60));
        lab.talk(&mut call, 3);
        turn(&mut lab, STORM);
        lab.hang_up(&mut call);
        assert_eq!(lab.proxy().usage(Pool::SrtpSessions).in_use, 0);
    }
}

#[test]
fn very_bad_network_only_takes_longer() {
    let mut lab = Lab::new(patient(1));
    turn(&mut lab, Weather { loss: 200, ..STORM });
    let (mut phone, manager) = lab.agents();
    let mut message = phone.request("MESSAGE", "sip:2002@192.0.2.10", "2002");
    message.body = "z".repeat(20_000);
    let heard = lab.pass(&phone, &message, &manager);
    assert_eq!(heard.body, message.body);
}

#[test]
fn outage_shorter_than_patience_is_survived() {
    let mut lab = Lab::new(Setup::default());
    let (mut phone, manager) = lab.agents();
    turn(
        &mut lab,
        Weather {
            loss: 1_000,
            ..Weather::default()
        },
    );
    let register = phone.register();
    lab.say(&phone, &register);
    lab.run_for(Duration::from_secs(40));
    turn(&mut lab, Weather::default());
    assert!(lab.hear(&manager).is_request("REGISTER"));
}
