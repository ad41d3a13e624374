//! Media streams that no signalling sets up, on their way from the operator to the workers.
//!
//! Control takes them over its admin socket and hands them on over the data plane's, as private
//! keys (see [`crate::secrets`]): they hold SRTP keys. A stream is opened as a call's is; the
//! data plane chooses its ports and says which.
//!
//! An operator's list replaces the one before, and comes in several messages. What is in both
//! stays open: opened anew, it would send under keystream that it has used (RFC 3711 section 9.1).

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use postcard_schema::Schema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// What is to be done with a list's streams; a list goes through the steps in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The list begins. Names no stream. A list that began before is overtaken: of two at once, or
    /// of one whose sender has given up, no further step is taken.
    Begin,
    /// Those that are open stay so. As many messages as it takes.
    Keep,
    /// All that this list has not kept are closed. Names no stream.
    Close,
    /// Those that are not open are opened. As many messages as it takes; the only step whose
    /// answer has an outcome for each.
    Open,
}

/// A media stream between two peers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Schema)]
#[serde(deny_unknown_fields)]
pub struct StaticStream {
    /// The side of the client.
    pub client: StaticSide,
    /// The side of the server.
    pub server: StaticSide,
}

/// One side of a static stream.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Schema)]
#[serde(deny_unknown_fields)]
pub struct StaticSide {
    /// The media termination address that the peer sends to.
    pub local: IpAddr,
    /// Where the peer wants its RTP; RTCP goes to the port above unless multiplexed.
    pub peer: SocketAddr,
    /// Whether the peer multiplexes RTCP with RTP.
    pub rtcp_mux: bool,
    /// Number of the SRTP suite, as [`crate::Suite::id`] has it; 0 is clear RTP.
    pub suite: u16,
    /// Master key and salt that the peer sends with.
    pub receive: Vec<u8>,
    /// Master key and salt that the data plane sends with.
    pub transmit: Vec<u8>,
}

impl fmt::Debug for StaticSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticSide")
            .field("local", &self.local)
            .field("peer", &self.peer)
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

impl Drop for StaticSide {
    fn drop(&mut self) {
        self.receive.zeroize();
        self.transmit.zeroize();
    }
}

/// What became of a static stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum StaticOutcome {
    /// It is open, with these ports of ours for RTP; RTCP has the port above.
    Open {
        /// Towards the client.
        client_port: u16,
        /// Towards the server.
        server_port: u16,
    },
    /// It was refused, for the [`crate::Reason`] of that index.
    Refused(u16),
}

impl StaticOutcome {
    /// The outcome in one word that is never 0.
    #[must_use]
    pub const fn to_word(self) -> u64 {
        match self {
            Self::Open {
                client_port,
                server_port,
            } => 1 << 32 | (client_port as u64) << 16 | server_port as u64,
            Self::Refused(reason) => 2 << 32 | reason as u64,
        }
    }

    /// The outcome in a word; `None` if there is none in it yet.
    #[must_use]
    pub const fn from_word(word: u64) -> Option<Self> {
        let [a, b, c, d, kind, ..] = word.to_le_bytes();
        match kind {
            1 => Some(Self::Open {
                client_port: u16::from_le_bytes([c, d]),
                server_port: u16::from_le_bytes([a, b]),
            }),
            2 => Some(Self::Refused(u16::from_le_bytes([a, b]))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_fit_a_word() {
        for outcome in [
            StaticOutcome::Open {
                client_port: 16_384,
                server_port: 65_534,
            },
            StaticOutcome::Open {
                client_port: 0,
                server_port: 0,
            },
            StaticOutcome::Refused(0),
            StaticOutcome::Refused(77),
        ] {
            assert_eq!(StaticOutcome::from_word(outcome.to_word()), Some(outcome));
        }
        assert_eq!(StaticOutcome::from_word(0), None);
    }

    #[test]
    fn debug_output_shows_no_key() {
        let side = StaticSide {
            local: IpAddr::from([192, 0, 2, 1]),
            peer: SocketAddr::from(([192, 0, 2, 9], 5_004)),
            rtcp_mux: false,
            suite: 1,
            receive: vec![0xaa; 30],
            transmit: vec![0xaa; 30],
        };
        let text = format!("{side:?}");
        assert!(!text.contains("170") && !text.contains("aa"), "{text}");
    }
}
