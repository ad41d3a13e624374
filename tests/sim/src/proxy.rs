//! The proxy under test: real workers over simulated ports, and what shared memory says of them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use abi::layout::{Layout, Shape};
use abi::policy::PolicyImage;
use abi::records::{SessionRecord, StreamRecord, WorkerRecord};
use abi::usage::PoolUsage;
use abi::{Counter, Limits, Now, Pool, Reason};
use tls::{HandshakePool, LegLimits, PoolConfig};
use wire::Nic;
use wire::sim::{SimCable, SimNic};
use worker::{Handoff, Policy, PolicyInbox, Worker, WorkerSetup};

use crate::{KeyRing, Random};

/// Turns that a worker may find work in without time passing; more is a livelock.
const BUSY_TURNS_MAX: usize = 100_000;

/// Every counter at one time, all workers together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    refused: Vec<u64>,
    counted: Vec<u64>,
}

impl Snapshot {
    /// Value of a counter.
    #[must_use]
    pub fn count(&self, counter: Counter) -> u64 {
        self.counted[counter.index()]
    }

    /// Value of a refusal's counter.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> u64 {
        self.refused[reason.index()]
    }

    /// Refusals of all kinds.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.iter().sum()
    }

    /// What has moved since `earlier`, by name.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Vec<(&'static str, u64)> {
        let refused = Reason::ALL
            .iter()
            .map(|&r| (r.name(), self.refused(r) - earlier.refused(r)));
        let counted = Counter::ALL
            .iter()
            .map(|&c| (c.name(), self.count(c) - earlier.count(c)));
        counted
            .chain(refused)
            .filter(|(_, moved)| *moved > 0)
            .collect()
    }
}

/// The workers of one data plane, and the hands of its management thread.
pub struct Proxy {
    workers: Vec<Worker<SimNic>>,
    layout: Layout<'static>,
    inboxes: Vec<PolicyInbox>,
    cables: Vec<SimCable>,
    keys: KeyRing,
    stop: Arc<AtomicBool>,
    generation: u64,
    _handshakes: HandshakePool,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("workers", &self.workers.len())
            .finish_non_exhaustive()
    }
}

impl Proxy {
    /// Starts workers that obey `image`. `nics` holds the queues of each worker, by device.
    ///
    /// # Panics
    /// When the policy cannot be put in force.
    #[must_use]
    pub fn start(
        image: PolicyImage,
        keys: KeyRing,
        nics: Vec<Vec<SimNic>>,
        limits: &Limits,
        now: Now,
    ) -> Self {
        let count = nics.len();
        let has_queue = |nics: &&Vec<SimNic>| nics.iter().all(|nic| nic.info().has_tx);
        let queues = nics.iter().take_while(has_queue).count();
        let shape = Shape {
            workers: count,
            sessions: image.boot.sessions_max as usize,
            streams: image.boot.streams_max as usize,
            image_words: 8,
        };
        let words: Vec<AtomicU64> = (0..shape.words()).map(|_| AtomicU64::new(0)).collect();
        let layout = Layout::format(words.leak(), shape).unwrap();
        layout.limits().unwrap().store(limits);
        let (handshakes, ports) = HandshakePool::start(PoolConfig {
            threads: 0,
            workers: count,
            queue_max: 4_096,
        })
        .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let inboxes: Vec<PolicyInbox> = (0..count).map(|_| PolicyInbox::default()).collect();
        let cables = nics.iter().flatten().map(SimNic::cable).collect();
        let policy = Arc::new(Policy::compile(1, image, &keys, LegLimits::default()).unwrap());
        let ends = Handoff::mesh(count)
            .into_iter()
            .zip(ports)
            .zip(nics)
            .zip(&inboxes);
        let workers = ends
            .enumerate()
            .map(|(id, (((handoff, handshakes), nics), inbox))| {
                let setup = WorkerSetup {
                    id,
                    workers: count,
                    layout,
                    senders: nics.iter().map(|_| id % queues).collect(),
                    nics,
                    handoff,
                    handshakes,
                    policies: inbox.clone(),
                    policy: Arc::clone(&policy),
                    entropy: Arc::new(Random::new(id as u64)),
                    stop: Arc::clone(&stop),
                };
                Worker::new(setup, now).unwrap()
            });
        Self {
            workers: workers.collect(),
            layout,
            inboxes,
            cables,
            keys,
            stop,
            generation: 1,
            _handshakes: handshakes,
        }
    }

    /// Publishes another policy; workers obey it from their next idle turn on.
    ///
    /// # Panics
    /// When the policy cannot be put in force.
    pub fn apply(&mut self, image: PolicyImage) {
        let policy = self.compile(image);
        self.hand_over(policy);
    }

    /// The same, and sessions that the policy does not allow are closed.
    ///
    /// # Panics
    /// When the policy cannot be put in force.
    pub fn enforce(&mut self, image: PolicyImage) {
        let workers = self.workers.len();
        let policy = self.compile(image).enforced(workers);
        self.hand_over(policy);
    }

    fn compile(&mut self, image: PolicyImage) -> Policy {
        self.generation += 1;
        let limits = LegLimits::default();
        Policy::compile(self.generation, image, &self.keys, limits).unwrap()
    }

    fn hand_over(&self, policy: Policy) {
        let policy = Arc::new(policy);
        for inbox in &self.inboxes {
            inbox.put(Arc::clone(&policy));
        }
    }

    /// Whether every worker obeys the policy published last.
    #[must_use]
    pub fn has_acknowledged(&self) -> bool {
        (0..self.workers.len()).all(|w| self.layout.acknowledged(w) == self.generation)
    }

    /// Sets the limits, as control does.
    pub fn set_limits(&self, limits: &Limits) {
        self.layout.limits().unwrap().store(limits);
    }

    /// Polls until no worker finds anything to do. Returns whether any did.
    ///
    /// # Panics
    /// When they do not stop finding work.
    pub fn poll(&mut self, now: Now) -> bool {
        for turns in 0..BUSY_TURNS_MAX {
            let mut busy = false;
            for worker in &mut self.workers {
                busy |= worker.poll_once(now).busy;
            }
            if !busy {
                return turns > 0;
            }
        }
        panic!("the workers never rest: {:?}", self.workers);
    }

    /// When a worker has something to do unless a frame comes before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Now> {
        self.workers.iter().filter_map(Worker::next_deadline).min()
    }

    /// Ends every session, as when the process stops.
    pub fn stop(&mut self, now: Now) {
        self.stop.store(true, Relaxed);
        for worker in &mut self.workers {
            worker.run(|| now);
        }
    }

    /// Every counter, all workers together.
    #[must_use]
    pub fn counters(&self) -> Snapshot {
        let blocks = (0..self.workers.len()).filter_map(|w| self.layout.counters(w));
        let blocks: Vec<_> = blocks.collect();
        Snapshot {
            refused: Reason::ALL
                .iter()
                .map(|&r| blocks.iter().map(|block| block.refused(r)).sum())
                .collect(),
            counted: Counter::ALL
                .iter()
                .map(|&c| blocks.iter().map(|block| block.count(c)).sum())
                .collect(),
        }
    }

    /// Value of a counter of one worker.
    #[must_use]
    pub fn counted_by(&self, worker: usize, counter: Counter) -> u64 {
        self.layout.counters(worker).unwrap().count(counter)
    }

    /// What a worker last told of itself.
    ///
    /// # Panics
    /// When it has told nothing yet.
    #[must_use]
    pub fn worker(&self, worker: usize) -> WorkerRecord {
        let words = self.layout.worker(worker).unwrap();
        WorkerRecord::load(words).unwrap()
    }

    /// What a pool holds.
    #[must_use]
    pub fn usage(&self, pool: Pool) -> PoolUsage {
        self.layout.usage().unwrap().read(pool)
    }

    /// The sessions that `show` would list.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionRecord> {
        let places = (0..self.workers.len())
            .flat_map(|w| (0..self.layout.shape().sessions).map(move |at| (w, at)));
        let words = places.filter_map(|(worker, at)| self.layout.session(worker, at));
        words.filter_map(SessionRecord::load).collect()
    }

    /// The media streams that `show` would list.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamRecord> {
        let places = (0..self.workers.len())
            .flat_map(|w| (0..self.layout.shape().streams).map(move |at| (w, at)));
        let words = places.filter_map(|(worker, at)| self.layout.stream(worker, at));
        words.filter_map(StreamRecord::load).collect()
    }

    /// Frames of the workers' pools that live.
    #[must_use]
    pub fn live_frames(&self) -> usize {
        self.cables.iter().map(SimCable::live_frames).sum()
    }

    /// The handles on the workers' ends of the cables: by worker, then by device.
    #[must_use]
    pub fn cables(&self) -> &[SimCable] {
        &self.cables
    }

    /// Its counters and sessions.
    pub(crate) fn summary(&self) -> String {
        let none = Snapshot {
            refused: vec![0; Reason::COUNT],
            counted: vec![0; Counter::COUNT],
        };
        let counters = self.counters().since(&none);
        format!("proxy: {counters:?}\n  {:?}", self.sessions())
    }

    /// Checks what must hold whenever no session is left.
    ///
    /// # Panics
    /// When something has not been given back.
    pub fn assert_nothing_is_left(&self) {
        for &(pool, name) in Pool::ALL {
            let usage = self.usage(pool);
            assert_eq!(
                (usage.in_use, usage.taken),
                (0, usage.returned),
                "{name}: {usage:?}"
            );
        }
        let counters = self.counters();
        for (begun, ended) in [
            (Counter::SessionsOpened, Counter::SessionsClosed),
            (Counter::CallsStarted, Counter::CallsEnded),
            (Counter::PermitsTaken, Counter::PermitsReturned),
            (Counter::HandoffOut, Counter::HandoffIn),
        ] {
            let (begun_count, ended_count) = (counters.count(begun), counters.count(ended));
            assert_eq!(
                begun_count,
                ended_count,
                "{} and {}",
                begun.name(),
                ended.name()
            );
        }
        assert_eq!(self.sessions(), [], "session records are left");
        assert_eq!(self.streams(), [], "stream records are left");
        assert_eq!(self.live_frames(), 0, "frames are left");
    }
}
