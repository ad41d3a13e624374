//! All that `top` shows, at one moment.

use abi::layout::Totals;
use abi::limits::{Limit, UNLIMITED};
use abi::records::WorkerRecord;
use abi::{Counter, Pool};

use crate::region::View;
use crate::show::owner::{Owners, owner};

/// The data plane at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// The data plane's clock, nanoseconds.
    pub(super) at: u64,
    pub(super) alive: bool,
    pub(super) pid: u64,
    pub(super) generation: u64,
    pub(super) pools: Vec<PoolState>,
    pub(super) counts: Counts,
    pub(super) workers: Vec<WorkerState>,
    /// Refusals by name.
    pub(super) refusals: Vec<(&'static str, u64)>,
    pub(super) flows: Vec<Flow>,
}

/// A pool of licence units; no limit is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PoolState {
    pub(super) name: &'static str,
    pub(super) in_use: u64,
    pub(super) limit: Option<u64>,
}

/// What only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) sessions: u64,
    pub(super) packets: u64,
    pub(super) octets: u64,
    pub(super) media: u64,
}

/// A worker's time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WorkerState {
    pub(super) at: u64,
    pub(super) busy: u64,
}

/// A session or a media stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Flow {
    /// Session and, of a stream, its number.
    pub(super) id: (u64, Option<u32>),
    pub(super) app: String,
    pub(super) user: String,
    pub(super) client: String,
    pub(super) server: String,
    pub(super) state: String,
    pub(super) age_seconds: u64,
    /// Both ways.
    pub(super) octets: u64,
}

impl Snapshot {
    /// Reads shared memory.
    pub(super) fn read(view: &View) -> Self {
        let layout = &view.layout;
        let totals = Totals::read(layout);
        let count = |wanted| {
            let found = totals
                .counters
                .iter()
                .find(|(counter, _)| *counter == wanted);
            found.map_or(0, |(_, count)| *count)
        };
        let sum = |a, b| count(a).saturating_add(count(b));
        Self {
            at: layout.heartbeat(),
            alive: view.is_alive(),
            pid: layout.pid(),
            generation: layout.policy().map_or(0, |slots| slots.generation()),
            pools: pools(view),
            counts: Counts {
                sessions: count(Counter::SessionsOpened),
                packets: sum(Counter::RxFrames, Counter::TxFrames),
                octets: sum(Counter::RxBytes, Counter::TxBytes),
                media: count(Counter::MediaPackets),
            },
            workers: view
                .workers()
                .map(|worker| worker_state(view, worker))
                .collect(),
            refusals: totals
                .refusals
                .iter()
                .map(|(reason, count)| (reason.name(), *count))
                .collect(),
            flows: flows(view),
        }
    }
}

fn pools(view: &View) -> Vec<PoolState> {
    let (Some(usage), Some(limits)) = (view.layout.usage(), view.layout.limits()) else {
        return Vec::new();
    };
    let limit = |pool: &str| {
        let limit = Limit::ALL.iter().find(|(_, name)| *name == pool)?;
        Some(limits.get(limit.0)).filter(|&limit| limit != UNLIMITED)
    };
    let pools = Pool::ALL.iter();
    pools
        .map(|&(pool, name)| PoolState {
            name,
            in_use: usage.read(pool).in_use,
            limit: limit(name),
        })
        .collect()
}

fn worker_state(view: &View, worker: usize) -> WorkerState {
    let record = view.layout.worker(worker).and_then(WorkerRecord::load);
    let counters = view.layout.counters(worker);
    WorkerState {
        at: record.map_or(0, |record| record.at),
        busy: counters.map_or(0, |counters| counters.count(Counter::BusyNanos)),
    }
}

fn flows(view: &View) -> Vec<Flow> {
    let owners = Owners::read(view);
    let sessions = view.sessions().map(|(_, record)| {
        let owner = owner(&record, owners.policy());
        Flow {
            id: (record.id, None),
            app: owner.app,
            user: owner.user,
            client: record.client.to_string(),
            server: record.server.to_string(),
            state: record.state.name().into(),
            age_seconds: view.seconds_since(record.opened),
            octets: record.from_client.saturating_add(record.from_server),
        }
    });
    let streams = view.streams().map(|(_, record)| {
        let owner = owners.of_session(record.session);
        let (client, server) = (record.client.flow, record.server.flow);
        Flow {
            id: (record.session, Some(record.media)),
            app: owner.app,
            user: owner.user,
            client: record.client.remote.to_string(),
            server: record.server.remote.to_string(),
            state: "media".into(),
            age_seconds: view.seconds_since(record.opened),
            octets: client.rtp_octets.saturating_add(server.rtp_octets),
        }
    });
    sessions.chain(streams).collect()
}
