//! Phones, call managers, networks and operators that do anything at all, in any order. Whatever
//! they do, nothing leaks, and the service is there afterwards.

use std::time::Duration;

use abi::policy::{ClientAuth, TcpSettings};
use abi::{Limits, Pool, Suite};
use sim::{
    Addressing, Call, Cluster, ConnId, DESK, DESK_RTP, Family, HostId, Lab, MANAGER, PHONE,
    PHONE_RTP, Random, STRANGER, Setup, Source, Steering, Weather,
};
use wire::TxChecksums;

use crate::common::{ALL_CHECKSUMS, seeds};

const SUITE: Suite = Suite::AesCm128HmacSha1_80;

/// Who plays, and with what.
struct Chaos {
    lab: Lab,
    random: Random,
    conns: Vec<(HostId, ConnId)>,
    calls: Vec<Call>,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        let pick = |n| usize::try_from(random.below(n)).unwrap();
        let workers = 1 + pick(3);
        let sizes = [1_024, 4_096, 65_536];
        let setup = Setup {
            seed,
            workers,
            queues: Some(1 + pick(workers as u64)),
            family: [Family::V4, Family::V6][pick(2)],
            vlan: [None, Some(7)][pick(2)],
            client_auth: [Some(ClientAuth::Required), None][pick(4) / 3],
            reassemble: random.chance(500),
            tcp: TcpSettings {
                rx_buffer: sizes[pick(3)],
                tx_buffer: sizes[pick(3)],
                ..TcpSettings::default()
            },
            steering: [Steering::Symmetric, Steering::Next, Steering::Spray][pick(3)],
            tx_checksums: [TxChecksums::NONE, ALL_CHECKSUMS][pick(2)],
            addressing: [Addressing::Transparent, Addressing::StaticNat][pick(2)],
            source: [Source::Client, Source::Proxy][pick(2)],
            cluster: [Cluster::Nonsecure, Cluster::Encrypted][pick(2)],
            sessions: 16,
            streams: 4,
            ..Setup::default()
        };
        println!("seed {seed}: {setup:?}");
        Self {
            lab: Lab::new(setup),
            random,
            conns: Vec::new(),
            calls: Vec::new(),
        }
    }

    fn pick(&self, n: usize) -> usize {
        usize::try_from(self.random.below(n as u64)).unwrap()
    }

    /// Some connection of somebody's.
    fn any(&mut self) -> Option<(HostId, ConnId)> {
        while let Some(conn) = self.lab.host(MANAGER).accepted() {
            self.conns.push((MANAGER, conn));
        }
        (!self.conns.is_empty()).then(|| self.conns[self.pick(self.conns.len())])
    }

    fn act(&mut self) {
        match self.pick(16) {
            0..4 => {
                let host = [PHONE, STRANGER][self.pick(2)];
                let conn = self.lab.dial_from(host);
                self.conns.push((host, conn));
            }
            4..8 => self.speak(),
            8 => self.leave(),
            9 => self.talk(),
            10 => self.change_weather(),
            11 => {
                let host = [PHONE, MANAGER, DESK, STRANGER][self.pick(4)];
                self.lab.host(host).unplugged = self.random.chance(300);
            }
            12 => self.lab.proxy().set_limits(&Limits {
                uc_sessions: self.random.below(12),
                srtp_sessions: self.random.below(3),
                ..Limits::UNLIMITED
            }),
            13 => {
                let more = (0..self.pick(3)).map(|n| 6_000 + u16::try_from(n).unwrap());
                self.lab.setup.more_listeners = more.collect();
                self.lab.apply();
            }
            _ => self.pause(),
        }
    }

    fn speak(&mut self) {
        let Some((host, conn)) = self.any() else {
            return;
        };
        let garbage = [0x16; 300];
        let host = self.lab.host(host);
        match self.random.below(6) {
            0 => host.send(conn, "\r\n\r\n"),
            1 => host.send(conn, "nonsense\r\n\r\n"),
            2 => host.send(
                conn,
                format!("OPTIONS sip:x SIP/2.0\r\nContent-Length: {}\r\n", 9_000),
            ),
            3 => {
                host.send_below(conn, &garbage);
            }
            4 => host.set_reading(conn, false),
            _ => host.set_reading(conn, true),
        }
    }

    fn leave(&mut self) {
        if self.conns.is_empty() {
            return;
        }
        let at = self.pick(self.conns.len());
        let (host, conn) = self.conns[at];
        match self.random.below(3) {
            0 => self.lab.host(host).finish(conn),
            1 => self.lab.host(host).abort(conn),
            _ => {
                self.conns.swap_remove(at);
                self.lab.host(host).forget(conn);
            }
        }
    }

    /// Begins a call in fair weather, or has one go on in any.
    fn talk(&mut self) {
        if self.calls.len() < 2 {
            self.clear_up();
            self.lab.settle();
            self.calls.push(self.lab.call_inside(SUITE));
        }
        let at = self.pick(self.calls.len());
        let call = &mut self.calls[at];
        for n in 0..10 {
            call.phone_media.send_rtp(&mut self.lab.world, &[n; 160]);
            call.desk_media.send_rtp(&mut self.lab.world, &[n; 160]);
        }
        if self.random.chance(300) {
            let conn = self.calls.swap_remove(at).phone.conn;
            self.lab.host(PHONE).abort(conn);
        }
    }

    fn change_weather(&mut self) {
        let segment = [self.lab.outside, self.lab.inside][self.pick(2)];
        let chance = |most| u32::try_from(self.random.below(most)).unwrap();
        let weather = Weather {
            delay: Duration::from_millis(1 + self.random.below(40)),
            loss: chance(200),
            duplication: chance(200),
            reorder: chance(200),
        };
        self.lab.world.segment(segment).weather = weather;
    }

    fn pause(&mut self) {
        let spans = [1, 20, 300, 5_000, 40_000];
        let span = spans[self.pick(spans.len())];
        self.lab
            .run_for(Duration::from_millis(self.random.below(span)));
    }

    /// Fair weather, no limits, and everyone plugged in.
    fn clear_up(&mut self) {
        for segment in [self.lab.outside, self.lab.inside] {
            self.lab.world.segment(segment).weather = Weather::default();
        }
        for host in [PHONE, MANAGER, DESK, STRANGER] {
            self.lab.host(host).unplugged = false;
        }
        self.lab.proxy().set_limits(&Limits::UNLIMITED);
        while let Some((host, conn)) = self.conns.pop() {
            self.lab.host(host).abort(conn);
        }
        self.lab.run_for(Duration::from_secs(30));
    }

    /// Ends everything, and checks that nothing is left and a call can be made.
    fn end(mut self) {
        for call in std::mem::take(&mut self.calls) {
            self.lab.host(PHONE).abort(call.phone.conn);
        }
        self.clear_up();
        // Sessions whose phone went without a word, or was not there to be reset.
        self.lab.run_for(Duration::from_secs(400));
        for &(pool, name) in Pool::ALL {
            assert_eq!(self.lab.proxy().usage(pool).in_use, 0, "{name}");
        }
        assert_eq!(self.lab.proxy().sessions(), []);
        assert_eq!(self.lab.proxy().streams(), []);
        for (host, port) in [(PHONE, PHONE_RTP), (DESK, DESK_RTP)] {
            self.lab.host(host).take_datagrams(port);
        }
        let mut call = self.lab.call_inside(SUITE);
        self.lab.talk(&mut call, 1);
        self.lab.hang_up(&mut call);
    }
}

#[test]
fn nothing_leaks_whatever_they_do() {
    for seed in seeds(0..12) {
        let mut chaos = Chaos::new(seed);
        for _ in 0..120 {
            chaos.act();
        }
        chaos.end();
    }
}
