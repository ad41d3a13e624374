//! The world: segments, hosts and the proxy, and a clock that jumps to what happens next.

use std::time::Duration;

use abi::Now;
use wire::{MacAddr, NicInfo, TxChecksums};

use crate::host::{Host, HostSpec};
use crate::segment::Segment;
use crate::{Proxy, Random};

/// Names a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentId(pub usize);

/// Names a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostId(pub usize);

/// Jumps of the clock in one run; more means that the run goes nowhere.
const STEPS_MAX: u64 = 1_000_000;

/// Virtual time that [`World::run_until`] waits.
const PATIENCE: Duration = Duration::from_secs(7_200);

/// How long nothing is said before the world counts as settled. Longer than any delayed
/// acknowledgement, retransmission in fair weather or lingering TCP.
const SETTLED: Duration = Duration::from_secs(3);

/// Everything, in one thread.
#[derive(Debug)]
pub struct World {
    now: Now,
    steps: u64,
    segments: Vec<Segment>,
    hosts: Vec<Host>,
    proxy: Option<Proxy>,
    random: Random,
}

impl World {
    /// An empty world. Time does not begin at zero, as it never does.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            now: Now::from_millis(3_333_333),
            steps: 0,
            segments: Vec::new(),
            hosts: Vec::new(),
            proxy: None,
            random: Random::new(seed),
        }
    }

    /// Adds a segment.
    pub fn add_segment(&mut self) -> SegmentId {
        self.segments.push(Segment::new(self.random.draw()));
        SegmentId(self.segments.len() - 1)
    }

    /// Adds a host.
    pub fn add_host(&mut self, on: SegmentId, spec: &HostSpec) -> HostId {
        let id = self.hosts.len();
        let info = nic_info(0x10 + u8::try_from(id).unwrap());
        let nic = self.segments[on.0].attach(info, 1, 1).remove(0);
        self.hosts.push(Host::new(spec, nic, self.now));
        HostId(id)
    }

    /// Adds the proxy, with a port of so many queues on each of `devices`, which fills in
    /// `tx_checksums`; `start` makes it from
    /// the cables of each worker.
    pub fn add_proxy(
        &mut self,
        devices: &[SegmentId],
        (workers, queues): (usize, usize),
        tx_checksums: TxChecksums,
        start: impl FnOnce(Vec<Vec<wire::sim::SimNic>>, Now) -> Proxy,
    ) {
        let mut nics: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
        for (device, segment) in (0..).zip(devices) {
            let info = NicInfo {
                tx_checksums,
                ..proxy_info(device)
            };
            let segment = &mut self.segments[segment.0];
            let cables = segment.attach(info, workers, queues);
            segment.verify(info.mac);
            for (nics, nic) in nics.iter_mut().zip(cables) {
                nics.push(nic);
            }
        }
        self.proxy = Some(start(nics, self.now));
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Now {
        self.now
    }

    /// A segment.
    pub fn segment(&mut self, id: SegmentId) -> &mut Segment {
        &mut self.segments[id.0]
    }

    /// A host.
    pub fn host(&mut self, id: HostId) -> &mut Host {
        &mut self.hosts[id.0]
    }

    /// The proxy.
    ///
    /// # Panics
    /// Where there is none.
    pub const fn proxy(&mut self) -> &mut Proxy {
        self.proxy.as_mut().expect("a proxy")
    }

    /// Runs until `done`.
    ///
    /// # Panics
    /// When two hours pass, or nothing is left to happen, before that.
    pub fn run_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let limit = self.now + PATIENCE;
        loop {
            self.poll();
            if done(self) {
                return;
            }
            assert!(
                self.jump(limit),
                "waited in vain: {what}\n{}",
                self.summary()
            );
        }
    }

    /// Runs for a while, or until nothing is left to happen.
    pub fn run_for(&mut self, time: Duration) {
        let limit = self.now + time;
        self.poll();
        while self.jump(limit) {
            self.poll();
        }
        self.now = limit;
        self.poll();
    }

    /// Runs until all that was said has arrived and been answered.
    pub fn settle(&mut self) {
        self.run_for(SETTLED);
    }

    /// How everyone stands, for whoever reads why a test failed.
    fn summary(&self) -> String {
        let hosts = self.hosts.iter().map(Host::summary);
        let proxy = self.proxy.as_ref().map(Proxy::summary);
        hosts.chain(proxy).collect::<Vec<_>>().join("\n")
    }

    /// Has everyone do what is to be done now.
    fn poll(&mut self) {
        loop {
            let mut any = false;
            for segment in &mut self.segments {
                segment.deliver(self.now);
            }
            for host in &mut self.hosts {
                host.poll(self.now);
            }
            if let Some(proxy) = &mut self.proxy {
                any |= proxy.poll(self.now);
            }
            for segment in &mut self.segments {
                any |= segment.collect(self.now);
            }
            if !any {
                return;
            }
        }
    }

    /// Moves the clock to the next thing that happens by `limit`; `false` if there is none.
    fn jump(&mut self, limit: Now) -> bool {
        self.steps += 1;
        assert!(
            self.steps < STEPS_MAX,
            "the run goes nowhere\n{}",
            self.summary()
        );
        let arrivals = self.segments.iter().filter_map(Segment::next_arrival);
        let timers = self.hosts.iter().filter_map(Host::next_deadline);
        let proxy = self.proxy.as_ref().and_then(Proxy::next_deadline);
        let arrival = arrivals.min();
        // Whoever wants to be polled at once, for ever, has time pass by ticks.
        let timer = timers.chain(proxy).min().map(|at| at.max(self.now + TICK));
        match arrival.into_iter().chain(timer).min() {
            Some(next) if next <= limit => {
                self.now = next;
                true
            }
            _ => false,
        }
    }
}

/// Least time that passes when nothing but a timer moves the clock: the resolution of the
/// worker's timers.
const TICK: Duration = Duration::from_millis(1);

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let now = self.now;
        if let Some(proxy) = &mut self.proxy {
            proxy.stop(now);
            // What the workers said last may have to wait for a neighbour.
            self.settle();
            self.proxy().assert_nothing_is_left();
        }
    }
}

const fn nic_info(last: u8) -> NicInfo {
    NicInfo {
        mac: MacAddr([2, 0, 0, 0, 0, last]),
        mtu: 1_500,
        has_rx: true,
        has_tx: true,
        tx_checksums: TxChecksums::NONE,
    }
}

/// The proxy's port number `device`.
#[must_use]
pub const fn proxy_info(device: u8) -> NicInfo {
    nic_info(1 + device)
}
