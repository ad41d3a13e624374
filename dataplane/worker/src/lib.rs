//! One worker: run to completion on one lcore, from a burst of frames to a burst of frames.
//!
//! A flow, its two legs and its SRTP contexts belong to one worker for life, so nothing here is
//! shared but the rings between workers, the licence pools and the records that `show` reads.
//!
//! Deliberately absent: DPDK (ports are [`wire::Nic`]), YAML, licence arithmetic, and any clock:
//! [`Worker::poll_once`] is told the time.

mod admission;
mod apply;
mod classify;
mod enforce;
mod half_open;
mod handoff;
mod housekeep;
mod idle;
mod leg;
mod media;
mod net;
mod outbox;
mod policy;
mod poll;
mod provision;
mod proxied;
mod rate;
mod report;
mod segments;
mod setup;
mod signal;
mod slab;
mod times;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use abi::Now;
use abi::bursts::BurstSizes;
use abi::counters::Counters;
use abi::layout::Layout;
use flow::{FlowTable, PortMap, PortSlice, Wheel};
use pipeline::Entropy;
use tcp::{Cookies, IsnSource, Params};
use tls::{HandshakePort, LegLimits};
use wire::{Burst, Nic};

use crate::admission::Admission;
use crate::enforce::Sweep;
use crate::half_open::Sources;
use crate::net::Net;
use crate::provision::Provisioned;
use crate::proxied::Proxied;
use crate::rate::LogRate;
use crate::report::Report;
use crate::segments::Arrived;
use crate::signal::LegRef;
use crate::slab::Slab;
use crate::times::Times;

pub use crate::handoff::{Handoff, Message};
pub use crate::media::{Arrival, MediaEngine, MediaPort, Probe, Stage, fetch_frames};
pub use crate::policy::{App, CompileError, Keys, Match, Policy, ServerSide};
pub use crate::poll::Turn;
pub use crate::provision::Order;
pub use crate::setup::{PolicyInbox, WorkerError, WorkerSetup};

/// One worker and all that it owns.
#[derive(Debug)]
pub struct Worker<N: Nic> {
    id: usize,
    workers: usize,
    layout: Layout<'static>,
    counters: Counters<'static>,
    bursts: BurstSizes<'static>,
    times: Times,
    report: Report,
    policy: Arc<Policy>,
    policies: PolicyInbox,
    stop: Arc<AtomicBool>,
    entropy: Arc<dyn Entropy>,
    admission: Admission,
    sources: Sources,
    net: Net<N>,
    media: MediaEngine<N::Frame>,
    provisioned: Provisioned,
    flows: FlowTable,
    /// By flow index: the leg that the flow is.
    leg_refs: Vec<Option<LegRef>>,
    sessions: Slab<Proxied>,
    /// Sessions from before the policy in force are being held against it.
    sweep: Option<Sweep>,
    /// Sessions made so far.
    session_serial: u64,
    wheel: Wheel,
    /// By session: when it wants attention, not before its timer fires.
    wake_at: Vec<Now>,
    /// Segments of the burst that is taken in.
    segments: Burst<Arrived<N::Frame>>,
    handshakes: HandshakePort,
    cookies: Cookies,
    isns: IsnSource,
    tcp_params: Params,
    leg_limits: LegLimits,
    tcp_map: PortMap,
    tcp_ports: PortSlice,
    log_rate: LogRate,
    /// Plaintext on its way from a leg to its session.
    scratch: Vec<u8>,
    turns: u64,
    /// When an idle worker keeps house next.
    housekeep_at: Now,
}
