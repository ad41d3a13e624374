use std::cell::{Cell, RefCell};

use abi::{Now, Suite};
use crypto::{Key, Op, Outcome, Tag};
use srtp::{Config, Receiver, Sender, Traffic};
use wire::sim::{SimFrame, SimNic};
use wire::{MacAddr, NicInfo, Parsed};

use super::*;
use crate::ciphers::{self, Ciphers};
use crate::synth::{Synth, streams};
use crate::talker::params;
use crate::{Direction, Fault, Mix, Side, Stations, Stream, Traffics, packet};

/// A translator that does everything one packet at a time, to be compared with.
struct Proxy {
    ciphers: Ciphers,
    legs: Vec<[Leg; 2]>,
    ports: [SimNic; 2],
    refused: u64,
}

struct Leg {
    side: Side,
    receiver: Option<Receiver<Key>>,
    sender: Option<Sender<Key>>,
}

const PROXY: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

fn info(last: u8) -> NicInfo {
    NicInfo {
        mac: MacAddr([2, 0, 0, 0, 0, last]),
        mtu: 1500,
        has_rx: true,
        has_tx: true,
        tx_checksums: wire::TxChecksums::NONE,
    }
}

impl Proxy {
    fn new(streams: &[Stream], ports: [SimNic; 2]) -> Self {
        let mut ciphers = Ciphers::new().unwrap();
        let mut leg = |side: &Side| {
            let key = |octets| side.suite.map(|suite| params(suite, octets).unwrap());
            let (receive, transmit) = (key(&side.receive), key(&side.transmit));
            Leg {
                side: side.clone(),
                receiver: receive
                    .map(|p| Receiver::new(&p, Config::default(), &mut ciphers).unwrap()),
                sender: transmit.map(|p| Sender::new(&p, Config::default(), &mut ciphers).unwrap()),
            }
        };
        let legs = streams
            .iter()
            .map(|stream| [leg(&stream.client), leg(&stream.server)])
            .collect();
        Self {
            ciphers,
            legs,
            ports,
            refused: 0,
        }
    }

    fn turn(&mut self) {
        for from in [0, 1] {
            while let Some(frame) = self.ports[from].receive() {
                match self.pass(from, &frame) {
                    Some(out) => self.ports[1 - from].send_bytes(&out),
                    None => self.refused += 1,
                }
            }
        }
    }

    fn pass(&mut self, from: usize, frame: &SimFrame) -> Option<Vec<u8>> {
        let Ok(Parsed::Ip(parsed)) = wire::parse(frame) else {
            return None;
        };
        let mut body = frame.data()[parsed.payload_range()].to_vec();
        let report = packet::source(&body)?.1;
        let traffic = if report { Traffic::Rtcp } else { Traffic::Rtp };
        let port = parsed.dst_port - u16::from(report);
        let legs = self.legs.iter_mut().find(|legs| {
            let local = legs[from].side.local;
            (local.ip(), local.port()) == (parsed.dst, port)
        })?;
        let [a, b] = legs;
        let (inbound, outbound) = if from == 0 { (a, b) } else { (b, a) };
        if let Some(receiver) = &mut inbound.receiver {
            let plan = receiver.plan(traffic, &body).ok()?;
            let tag = Tag::received(plan.tag(&body));
            let cipher = receiver.job(&plan, &body);
            plan.stage(&mut body);
            let key = receiver.key(traffic);
            let done = run(&mut self.ciphers, key, Op::Open, &mut body, &cipher, tag);
            done?;
            body.truncate(plan.plain_len());
            receiver.commit(&plan, Now::ZERO).ok()?;
        }
        if let Some(sender) = &mut outbound.sender {
            let plan = sender.plan(traffic, &body, Now::ZERO).ok()?;
            body.resize(body.len() + sender.growth(traffic), 0);
            plan.stage(&mut body);
            let tag = Tag::empty(plan.tag_len());
            let key = sender.key(traffic);
            let cipher = sender.job(&plan, &body);
            let tag = run(&mut self.ciphers, key, Op::Seal, &mut body, &cipher, tag)?;
            plan.finish(&mut body, tag.octets());
        }
        let above = u16::from(report);
        let address = |a: std::net::SocketAddr| std::net::SocketAddr::new(a.ip(), a.port() + above);
        let repr = wire::udp::UdpRepr {
            src: address(outbound.side.local),
            dst: address(outbound.side.peer),
            hop_limit: 64,
            traffic_class: 0,
            checksum: wire::udp::UdpChecksum::Compute,
        };
        let ip = wire::udp::UdpRepr::headers_len(repr.dst);
        let mut out = vec![0; 14 + ip];
        out.extend(body);
        repr.emit(&mut out[14..]).unwrap();
        let ethertype = if repr.dst.is_ipv4() { 0x0800 } else { 0x86dd };
        wire::ethernet::EthernetRepr {
            dst: MacAddr([2, 0, 0, 0, 0, 1]),
            src: PROXY,
            vlan: None,
            ethertype,
        }
        .emit(&mut out)
        .unwrap();
        Some(out)
    }
}

fn run(
    ciphers: &mut Ciphers,
    key: &Key,
    op: Op,
    body: &mut [u8],
    plan: &srtp::CipherJob,
    tag: Tag,
) -> Option<Tag> {
    let results = ciphers.run([ciphers::job(key, op, body, plan, tag)]);
    let outcome = results.outcomes().next()?;
    let made = results.tags().next().flatten().copied();
    (outcome == Outcome::Done).then_some(made.unwrap_or(tag))
}

/// What the proxy does to packets on purpose.
#[derive(Clone, Copy, Default)]
struct Harm {
    loss_every: usize,
}

/// Sends `load` through the proxy; the clock goes on by a microsecond whenever it is read, and
/// the proxy has a turn then.
fn through(
    synth: &Synth,
    traffics: &Traffics,
    harm: Harm,
    load: impl FnOnce(&mut Source) -> Load,
) -> (Report, u64) {
    paced(synth, traffics, harm, None, load)
}

/// As [`through`] at `rate`, after a warm-up if there is one.
fn paced(
    synth: &Synth,
    traffics: &Traffics,
    harm: Harm,
    rate: Option<f64>,
    load: impl FnOnce(&mut Source) -> Load,
) -> (Report, u64) {
    let streams = streams(synth);
    let (outside, proxy_outside) = SimNic::pair(info(1), info(9));
    let (inside, proxy_inside) = SimNic::pair(info(2), info(9));
    proxy_inside.cable().set_loss_every(harm.loss_every);
    let proxy = RefCell::new(Proxy::new(&streams, [proxy_outside, proxy_inside]));
    let time = Cell::new(0);
    let clock = || {
        proxy.borrow_mut().turn();
        time.set(time.get() + 1_000);
        time.get()
    };
    let mut stations = Stations::new(info(1).mac, info(2).mac);
    for end in End::BOTH {
        for stream in &streams {
            stations.learn(end, end.side(stream).local.ip(), PROXY);
        }
    }
    let link = Link::new(stations, &streams);
    let source = Source::new(&streams, traffics).unwrap();
    let sink = Sink::new(&streams, traffics).unwrap();
    let mut drive = Drive::new(Ends { outside, inside }, source, sink, link, clock);
    drive.resolve(SECOND).unwrap();
    if rate.is_some() {
        drive.warm_up(100_000.0).unwrap();
        drive.restart();
    }
    let load = load(drive.source());
    let report = drive.run(load, rate).unwrap();
    (report, proxy.borrow().refused)
}

fn stored(count: usize) -> impl FnOnce(&mut Source) -> Load {
    move |source| Load::Stored(Store::make(source, count).unwrap())
}

#[test]
fn every_packet_comes_back_under_every_suite_and_both_families() {
    for (client, server, v6) in [
        (Some(Suite::AesCm128HmacSha1_80), None, false),
        (
            Some(Suite::AesCm128HmacSha1_32),
            Some(Suite::AesCm256HmacSha1_80),
            true,
        ),
        (
            Some(Suite::AeadAes128Gcm),
            Some(Suite::AeadAes256Gcm),
            false,
        ),
        (None, None, false),
    ] {
        let synth = Synth {
            count: 20,
            client_suite: client,
            server_suite: server,
            v6,
            ..Synth::default()
        };
        let traffics = Traffics {
            direction: Direction::Both,
            mix: Mix::Mixed,
            ..Traffics::default()
        };
        for load in [Load::Count(12_000), Load::Live(2_000_000)] {
            let (report, refused) = through(&synth, &traffics, Harm::default(), |_| load);
            assert_eq!((report.missing, report.counts.faults(), refused), (0, 0, 0));
            assert!(report.counts.packets > 1_000);
            assert!(report.delay.is_some_and(|delay| delay.p50 >= 1_000));
        }
        let (report, _) = through(&synth, &traffics, Harm::default(), stored(12_000));
        assert_eq!(
            (report.good, report.missing, report.counts.faults()),
            (12_000, 0, 0)
        );
        assert!(report.counts.reports > 20, "{}", report.counts.reports);
        assert_eq!(report.delay, None);
    }
}

#[test]
fn lost_packets_are_missed() {
    let harm = Harm { loss_every: 10 };
    let (report, _) = through(&Synth::default(), &Traffics::default(), harm, stored(5_000));
    assert_eq!((report.missing, report.counts.faults()), (500, 0));
}

#[test]
fn bad_packets_of_every_kind_are_refused_and_good_ones_pass() {
    for fault in Fault::ALL {
        let traffics = Traffics {
            bad: Some((fault, 60)),
            ..Traffics::default()
        };
        let (report, refused) =
            through(&Synth::default(), &traffics, Harm::default(), stored(5_000));
        assert_eq!(report.missing, 0, "{fault:?}");
        assert_eq!(report.counts.faults(), 0, "{fault:?}");
        assert_eq!(refused, report.bad, "{fault:?}");
        assert!(
            (2_900..=3_000).contains(&report.bad),
            "{fault:?}: {}",
            report.bad
        );
    }
}

#[test]
fn the_share_of_bad_packets_holds_at_any_rate() {
    let synth = Synth {
        count: 20,
        ..Synth::default()
    };
    for share in [10, 50, 90] {
        for (rate, millis) in [(1_000.0, 200), (20_000.0, 50)] {
            let traffics = Traffics {
                bad: Some((Fault::Unauthentic, share)),
                ..Traffics::default()
            };
            let (report, refused) = paced(&synth, &traffics, Harm::default(), Some(rate), |_| {
                Load::Live(millis * 1_000_000)
            });
            assert_eq!((report.missing, report.counts.faults()), (0, 0));
            assert_eq!(refused, report.bad, "the warm-up sends none");
            let sent = report.good + report.bad;
            let percent = 100.0 * float(report.bad) / float(sent);
            let off = (percent - f64::from(share)).abs();
            assert!(off < 3.0, "{percent} of {share} percent at {rate}");
            let wanted = due(rate, millis * 1_000_000, 0);
            assert!(wanted.abs_diff(sent) <= 1, "{sent} of {wanted} at {rate}");
        }
    }
}

#[test]
fn what_does_not_fit_into_a_burst_stays_owed() {
    let streams = streams(&Synth::default());
    let traffics = Traffics {
        bad: Some((Fault::Replayed, 99)),
        rtcp: false,
        ..Traffics::default()
    };
    let mut source = Source::new(&streams, &traffics).unwrap();
    assert_eq!(source.together(), BURST);
    let bad = source
        .tickets(BURST)
        .iter()
        .filter(|t| !t.is_good())
        .count();
    assert_eq!(bad, BURST - 1);
}

#[test]
fn loads_of_nothing_end() {
    for load in [Load::Count(0), Load::Stored(Store::default())] {
        let (report, _) = through(
            &Synth::default(),
            &Traffics::default(),
            Harm::default(),
            |_| load,
        );
        assert_eq!((report.good, report.bad), (0, 0));
    }
}

#[test]
fn rate_is_kept() {
    let (report, _) = through(
        &Synth::default(),
        &Traffics::default(),
        Harm::default(),
        |_| Load::Count(1_000),
    );
    assert!(report.sent_per_second > 0.0);
    assert_eq!(due(1_000.0, SECOND / 2, 400), 100);
    assert_eq!(due(1_000.0, SECOND / 2, 600), 0);
}

#[test]
fn packets_carry_the_time_at_which_they_are_due() {
    assert_eq!(due_at(1_000.0, 100), SECOND / 10);
    for (rate, packets) in [(3_000.0, 7), (44_100.0, 1), (1e6, 999_983)] {
        let at = due_at(rate, packets);
        assert_eq!(due(rate, at, packets - 1), 1, "{packets} at {rate}");
        assert_eq!(due(rate, at - 1, packets - 1), 0, "{packets} at {rate}");
    }
}
