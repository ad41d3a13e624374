//! What a worker is made of.

use core::time::Duration;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use abi::Now;
use abi::layout::Layout;
use abi::policy::PolicyImage;
use crossbeam_queue::ArrayQueue;
use crypto::CryptoError;
use flow::{FlowTable, HashSeed, PortMap, PortRangeError, PortSlice, Wheel};
use ip::{ConfigError, Limits, Stack};
use pipeline::Entropy;
use tcp::{Cookies, IsnSource, Params};
use tls::{HandshakePort, LegLimits};
use wire::{Burst, Nic, NicInfo};

use crate::Worker;
use crate::admission::Admission;
use crate::half_open::Sources;
use crate::handoff::Handoff;
use crate::media::MediaEngine;
use crate::net::{Net, Ports};
use crate::policy::Policy;
use crate::provision::{Order, Provisioned};
use crate::rate::LogRate;
use crate::report::Report;
use crate::slab::Slab;
use crate::times::Times;

/// Plaintext that is brought from a leg to its session at once.
const SCRATCH: usize = 16 * 1024;

/// Why a worker cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The shared region has no room for this worker.
    #[error("shared memory has no room for worker {0}")]
    Region(usize),
    /// The interfaces or routes are not usable.
    #[error("interfaces: {0}")]
    Config(#[from] ConfigError),
    /// The range of TCP ports cannot be divided.
    #[error("ports: {0}")]
    Ports(#[from] PortRangeError),
    /// The cipher library refused.
    #[error("ciphers: {0}")]
    Crypto(#[from] CryptoError),
    /// The system gives no random octets.
    #[error("no random octets to be had")]
    Entropy,
}

/// Where a worker takes new policies from, of which only the newest counts, and orders of static
/// streams.
#[derive(Clone)]
pub struct PolicyInbox {
    policies: Arc<ArrayQueue<Arc<Policy>>>,
    orders: Arc<ArrayQueue<Arc<Order>>>,
}

impl Default for PolicyInbox {
    fn default() -> Self {
        Self {
            policies: Arc::new(ArrayQueue::new(1)),
            orders: Arc::new(ArrayQueue::new(1)),
        }
    }
}

impl PolicyInbox {
    /// Leaves `policy` for the worker, in place of one that it has not taken yet.
    pub fn put(&self, policy: Arc<Policy>) {
        self.policies.force_push(policy);
    }

    /// The policy that waits, if any.
    pub(crate) fn take(&self) -> Option<Arc<Policy>> {
        self.policies.pop()
    }

    /// Leaves an order for the worker; `false` while another one waits.
    #[must_use]
    pub fn put_order(&self, order: Arc<Order>) -> bool {
        self.orders.push(order).is_ok()
    }

    /// The order that waits, if any.
    pub(crate) fn take_order(&self) -> Option<Arc<Order>> {
        self.orders.pop()
    }
}

impl fmt::Debug for PolicyInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyInbox")
            .field("waiting", &self.policies.len())
            .finish()
    }
}

/// What a worker is given when it is made.
#[derive(Debug)]
pub struct WorkerSetup<N: Nic> {
    /// Which worker, from 0.
    pub id: usize,
    /// How many there are.
    pub workers: usize,
    /// The shared region.
    pub layout: Layout<'static>,
    /// Its queues, by device of the policy.
    pub nics: Vec<N>,
    /// Which worker sends by each device: this one wherever it has a transmit queue.
    pub senders: Vec<usize>,
    /// Its ends of the rings to the other workers.
    pub handoff: Handoff<N::Frame>,
    /// Its way to the handshake threads.
    pub handshakes: HandshakePort,
    /// Where new policies come from.
    pub policies: PolicyInbox,
    /// The policy to begin with.
    pub policy: Arc<Policy>,
    /// Where keys come from.
    pub entropy: Arc<dyn Entropy>,
    /// Set when the worker is to end.
    pub stop: Arc<AtomicBool>,
}

impl<N: Nic> Worker<N> {
    /// Makes a worker; nothing is polled yet.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub fn new(setup: WorkerSetup<N>, now: Now) -> Result<Self, WorkerError> {
        let WorkerSetup {
            id,
            workers,
            layout,
            policy,
            entropy,
            ..
        } = setup;
        let missing = || WorkerError::Region(id);
        let counters = layout.counters(id).ok_or_else(missing)?;
        let limits = layout.limits().ok_or_else(missing)?;
        let usage = layout.usage().ok_or_else(missing)?;
        let bursts = layout.bursts(id).ok_or_else(missing)?;
        let times = Times::of(&layout, id).ok_or_else(missing)?;
        let infos: Vec<NicInfo> = setup.nics.iter().map(Nic::info).collect();
        let image = &policy.image;
        let mut stack = Stack::new(Limits::default());
        stack.configure(&image.interfaces, &image.routes, &infos)?;
        let ports = Ports::new(id, setup.nics, setup.senders, setup.handoff, counters);
        let tcp_params = tcp_params(image, &infos);
        let sessions = room(image.boot.sessions_max, layout.shape().sessions);
        let streams = room(image.boot.streams_max, layout.shape().streams);
        let tcp_map = port_map(image, workers)?;
        let worker = worker_number(id);
        let hash_seed = HashSeed::from_bytes(&random(&entropy)?);
        let flows = FlowTable::new(sessions.saturating_mul(2), hash_seed);
        let media = MediaEngine::new(worker, worker_number(workers), streams, seed(&entropy)?)?;
        let mut worker = Self {
            id,
            workers,
            layout,
            counters,
            bursts,
            times,
            report: Report::new(now),
            admission: Admission::new(limits, usage),
            sources: Sources::default(),
            net: Net::new(ports, stack),
            media,
            provisioned: Provisioned::default(),
            leg_refs: vec![None; flows.capacity()],
            flows,
            sessions: Slab::new(sessions),
            sweep: None,
            session_serial: 0,
            wheel: Wheel::new(sessions, now),
            wake_at: vec![now; sessions as usize],
            segments: Burst::new(),
            handshakes: setup.handshakes,
            cookies: Cookies::new(&random(&entropy)?, &tcp_params, now),
            isns: IsnSource::new(&random(&entropy)?),
            tcp_params,
            leg_limits: LegLimits::default(),
            tcp_ports: PortSlice::new(&tcp_map, worker_number(id), seed(&entropy)?),
            tcp_map,
            log_rate: LogRate::default(),
            scratch: Vec::with_capacity(SCRATCH),
            turns: 0,
            housekeep_at: now,
            policies: setup.policies,
            stop: setup.stop,
            policy,
            entropy,
        };
        let image = &worker.policy.image;
        worker.media.configure(&image.media, image.rtp);
        worker.layout.acknowledge(id, worker.policy.generation);
        Ok(worker)
    }
}

/// How the local TCP ports divide among the workers.
pub(crate) fn port_map(image: &PolicyImage, workers: usize) -> Result<PortMap, PortRangeError> {
    let (first, last) = image.tcp.ports;
    PortMap::new(first, last, worker_number(workers))
}

/// A worker's number, or how many there are, as the port maps want it.
pub(crate) fn worker_number(worker: usize) -> u16 {
    u16::try_from(worker).unwrap_or(u16::MAX)
}

/// How long a leg that has finished stays to acknowledge what the peer says last. A session and
/// its licence units stay with it, so no longer than that takes.
const TIME_WAIT: Duration = Duration::from_millis(50);

/// TCP's parameters, with the smallest MTU of all ports: a leg may leave by any.
pub(crate) fn tcp_params(image: &PolicyImage, infos: &[NicInfo]) -> Params {
    let mtu = infos.iter().map(|info| info.mtu).min().unwrap_or(1_500);
    Params {
        time_wait: TIME_WAIT,
        ..Params::from_settings(&image.tcp, mtu)
    }
}

/// What the policy wants, as far as the shared region has room.
fn room(wanted: u32, places: usize) -> u32 {
    let places = u32::try_from(places).unwrap_or(u32::MAX);
    if wanted == 0 {
        places
    } else {
        wanted.min(places)
    }
}

fn random<const LEN: usize>(entropy: &Arc<dyn Entropy>) -> Result<[u8; LEN], WorkerError> {
    let mut octets = [0; LEN];
    if entropy.fill(&mut octets) {
        Ok(octets)
    } else {
        Err(WorkerError::Entropy)
    }
}

fn seed(entropy: &Arc<dyn Entropy>) -> Result<u64, WorkerError> {
    Ok(u64::from_ne_bytes(random(entropy)?))
}
