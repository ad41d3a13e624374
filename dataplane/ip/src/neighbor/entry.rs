//! One neighbour.

use core::net::IpAddr;

use abi::Now;
use abi::records::{Mac, NeighborRecord, NeighborState};
use wire::MacAddr;

use crate::{InterfaceId, LinkHeader};

/// What is known about a neighbour. In all states but the first and the last, packets flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Being asked for by broadcast or multicast; packets wait.
    Unresolved,
    /// Answered lately.
    Reachable,
    /// The answer is old and nobody used it since.
    Stale,
    /// Being asked again.
    Probing,
    /// Did not answer; packets are refused until the deadline.
    Failed,
}

#[derive(Debug)]
pub(crate) struct Entry<F> {
    /// Rises when the slot is given to another neighbour, so that old handles miss.
    pub(super) generation: u32,
    pub(super) interface: InterfaceId,
    pub(super) address: IpAddr,
    pub(super) state: State,
    /// Of no meaning while unresolved.
    pub(super) header: LinkHeader,
    /// Whether a packet went this way since the last answer or check.
    pub(super) used: bool,
    /// Questions asked since the last answer.
    pub(super) asked: u8,
    /// Somebody else claimed the address: ask everyone, not just the station known.
    pub(super) disputed: bool,
    /// Another worker asked too, and does not see an answer that comes here.
    pub(super) wanted_elsewhere: bool,
    pub(super) confirmed_at: Now,
    /// When the state must be looked at.
    pub(super) deadline: Now,
    pub(super) queue: Vec<F>,
}

impl<F> Entry<F> {
    /// What `show` says of the neighbour.
    pub(crate) fn record(&self) -> NeighborRecord {
        NeighborRecord {
            state: match self.state {
                State::Unresolved => NeighborState::Incomplete,
                State::Reachable => NeighborState::Reachable,
                State::Stale => NeighborState::Stale,
                State::Probing => NeighborState::Probe,
                State::Failed => NeighborState::Failed,
            },
            interface: self.interface.0,
            address: self.address,
            station: Mac(self.header.station().0),
            confirmed: self.confirmed_at.nanos(),
        }
    }

    /// Whether packets can be sent.
    #[inline]
    pub(super) const fn is_resolved(&self) -> bool {
        matches!(self.state, State::Reachable | State::Stale | State::Probing)
    }

    /// Whether an answer is awaited.
    pub(super) const fn is_asking(&self) -> bool {
        matches!(self.state, State::Unresolved | State::Probing)
    }

    /// Whether the slot may be given to another neighbour.
    pub(super) const fn is_expendable(&self) -> bool {
        !self.used && matches!(self.state, State::Stale | State::Failed)
    }

    /// The station to ask: `None` for everyone.
    pub(super) fn station_to_ask(&self, last_attempt: bool) -> Option<MacAddr> {
        let alone = self.state == State::Probing && !self.disputed && !last_attempt;
        alone.then(|| self.header.station())
    }
}
