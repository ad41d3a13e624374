//! `show media`: live media streams, and the delay of media.

use core::fmt;
use core::net::SocketAddr;

use abi::Suite;
use abi::histogram::Snapshot;
use abi::records::{StreamRecord, StreamSide};
use serde::Serialize;

use super::owner::{Owner, Owners};
use crate::args::Filter;
use crate::region::View;
use crate::table::Table;

/// Every live stream, and the delay of all media since the data plane's start.
#[derive(Debug, Serialize)]
pub(crate) struct Media {
    streams: Vec<Stream>,
    delay: Delay,
}

#[derive(Debug, Serialize)]
struct Stream {
    session: u64,
    media: u32,
    worker: usize,
    client: Side,
    server: Side,
    /// Application of its session; empty when the session is gone.
    app: String,
    /// Common name of the client's certificate.
    name: String,
}

/// One side of a stream, with what came in on it.
#[derive(Debug, Serialize)]
struct Side {
    local: SocketAddr,
    remote: SocketAddr,
    suite: String,
    rtp_packets: u64,
    rtp_octets: u64,
    rtcp_packets: u64,
    rtcp_octets: u64,
    auth_failures: u64,
    replays: u64,
    refused: u64,
}

/// From the receive burst to the transmit burst, in nanoseconds; quantiles are upper bounds of
/// buckets that are one eighth wide.
#[derive(Debug, Default, Serialize)]
struct Delay {
    packets: u64,
    mean_ns: u64,
    p50_ns: u64,
    p99_ns: u64,
    p999_ns: u64,
    max_ns: u64,
}

impl Media {
    /// Reads every worker's table and histogram.
    pub(crate) fn read(view: &View, filter: &Filter) -> Self {
        let owners = Owners::read(view);
        let mut streams: Vec<_> = view
            .streams()
            .map(|(worker, record)| stream(worker, &record, owners.of_session(record.session)))
            .filter(|stream| stream.is_wanted(filter))
            .collect();
        streams.sort_by_key(|stream| (stream.session, stream.media));
        let mut all = Snapshot::default();
        for worker in view.workers() {
            if let Some(histogram) = view.layout.media_delay(worker) {
                all.merge(&histogram.snapshot());
            }
        }
        Self {
            streams,
            delay: delay(&all),
        }
    }
}

fn stream(worker: usize, record: &StreamRecord, owner: Owner) -> Stream {
    Stream {
        session: record.session,
        media: record.media,
        worker,
        client: side(&record.client),
        server: side(&record.server),
        app: owner.app,
        name: owner.user,
    }
}

impl Stream {
    fn is_wanted(&self, filter: &Filter) -> bool {
        let sides = [&self.client, &self.server];
        let addresses = sides.into_iter().flat_map(|side| [side.local, side.remote]);
        filter.takes(addresses.map(|a| a.ip()), &self.name, &self.app)
    }
}

fn side(side: &StreamSide) -> Side {
    let flow = side.flow;
    Side {
        local: side.local,
        remote: side.remote,
        suite: suite(side.suite),
        rtp_packets: flow.rtp_packets,
        rtp_octets: flow.rtp_octets,
        rtcp_packets: flow.rtcp_packets,
        rtcp_octets: flow.rtcp_octets,
        auth_failures: flow.auth_failures,
        replays: flow.replays,
        refused: flow.refused,
    }
}

fn suite(id: u16) -> String {
    match (id, Suite::from_id(id)) {
        (0, _) => "clear".into(),
        (_, Some(suite)) => suite.name().into(),
        (id, None) => id.to_string(),
    }
}

fn delay(all: &Snapshot) -> Delay {
    let at = |per_mille| all.quantile(per_mille).unwrap_or(0);
    Delay {
        packets: all.count(),
        mean_ns: all.sum().checked_div(all.count()).unwrap_or(0),
        p50_ns: at(500),
        p99_ns: at(990),
        p999_ns: at(999),
        max_ns: at(1_000),
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            "session", "media", "side", "local", "remote", "suite", "rtp", "octets", "rtcp",
            "auth", "replay", "refused",
        ]);
        for stream in &self.streams {
            for (name, side) in [("client", &stream.client), ("server", &stream.server)] {
                table.row([
                    stream.session.to_string(),
                    stream.media.to_string(),
                    name.into(),
                    side.local.to_string(),
                    side.remote.to_string(),
                    side.suite.clone(),
                    side.rtp_packets.to_string(),
                    side.rtp_octets.to_string(),
                    side.rtcp_packets.to_string(),
                    side.auth_failures.to_string(),
                    side.replays.to_string(),
                    side.refused.to_string(),
                ]);
            }
        }
        let Delay {
            packets,
            mean_ns,
            p50_ns,
            p99_ns,
            p999_ns,
            max_ns,
        } = self.delay;
        writeln!(f, "{table}{} streams", self.streams.len())?;
        writeln!(
            f,
            "delay of {packets} packets: mean {mean_ns} ns, p50 {p50_ns}, p99 {p99_ns}, \
             p999 {p999_ns}, max {max_ns}"
        )
    }
}
