//! A load generator for media: valid RTP and SRTP of many streams, and whether it came back.
//!
//! The generator stands on both sides of a proxy. [`Source`] makes every stream's packets, each
//! sealed with its own stream's key; [`Sink`] takes what comes out on the other side and compares
//! it packet by packet: authentic under the right key, equal in every octet, in order, none
//! missing. Packets carry the time at which they are due, so the delay of each is known.
//!
//! Deliberately absent: setting streams up. A file names them, for the proxy and for us.

mod bad;
mod ciphers;
mod drive;
mod link;
mod listener;
mod packet;
mod pcap;
mod search;
mod sink;
mod source;
mod store;
mod stream;
pub mod synth;
mod talker;

use core::net::SocketAddr;

use abi::Reason;

pub use bad::Fault;
pub use ciphers::{Ciphers, job};
pub use drive::{Delay, Drive, Ends, Load, Report};
pub use link::{Link, Stations};
pub use packet::{Media, Mix};
pub use pcap::Pcap;
pub use search::Search;
pub use sink::{Counts, Sink};
pub use source::{Source, Ticket, Traffics};
pub use store::{Ready, Store};
pub use stream::{Side, Stream, StreamsError, read, write};

/// One of the generator's two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Where the clients are.
    Outside,
    /// Where the servers are.
    Inside,
}

impl End {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Outside, Self::Inside];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Outside => Self::Inside,
            Self::Inside => Self::Outside,
        }
    }

    /// The side of a stream that is at this end.
    #[must_use]
    pub const fn side(self, stream: &Stream) -> &Side {
        match self {
            Self::Outside => &stream.client,
            Self::Inside => &stream.server,
        }
    }
}

/// Which way packets go through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the clients to the servers.
    Inward,
    /// From the servers to the clients.
    Outward,
    /// Both, evenly.
    Both,
}

impl Direction {
    /// The direction of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "inward" => Self::Inward,
            "outward" => Self::Outward,
            "both" => Self::Both,
            _ => return None,
        })
    }

    /// The ends that talk.
    #[must_use]
    pub const fn ends(self) -> &'static [End] {
        match self {
            Self::Inward => &[End::Outside],
            Self::Outward => &[End::Inside],
            Self::Both => &End::BOTH,
        }
    }
}

/// Why there is no load.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A key does not suit its suite.
    #[error("key of the stream at {0} does not suit its suite")]
    Key(SocketAddr),
    /// The list of streams is empty.
    #[error("no streams")]
    NoStreams,
    /// The ciphers do not run here.
    #[error("ciphers: {0}")]
    Crypto(#[from] crypto::CryptoError),
    /// A packet could not be made.
    #[error("packet: {}", .0.phrase())]
    Packet(Reason),
    /// The proxy does not answer for an address of its own.
    #[error("no station answers for {0}")]
    NoStation(core::net::IpAddr),
    /// Packets are missing at every rate.
    #[error("packets are missing even at the lowest rate")]
    AlwaysLost,
    /// The port's packet buffers are all in use.
    #[error("no packet buffers left")]
    NoBuffers,
}

impl From<Reason> for LoadError {
    fn from(reason: Reason) -> Self {
        Self::Packet(reason)
    }
}
