//! Octets from the peer, and the plaintext that comes of them.

use abi::Reason;

use super::{Engine, State, TlsLeg};
use crate::buffer::Next;
use crate::engine::Turn;

impl TlsLeg {
    /// Takes octets that came from the peer and returns how many; the rest stays with the caller.
    ///
    /// Takes everything once nothing more can come of it ([`State::PeerClosed`],
    /// [`State::Failed`]).
    pub fn feed(&mut self, input: &[u8]) -> usize {
        match (self.state, &self.engine) {
            (State::PeerClosed | State::Failed(_), _) => input.len(),
            (State::Handshaking, _) => {
                let room = self
                    .limits
                    .input_max
                    .saturating_sub(self.octets.incoming.len());
                self.store(input, room)
            }
            (State::Open, Engine::Clear) => {
                let room = self
                    .limits
                    .input_max
                    .saturating_sub(self.octets.plaintext.len());
                let (taken, _) = input.split_at(room.min(input.len()));
                self.octets.plaintext.push(taken);
                taken.len()
            }
            (State::Open, _) => self.feed_records(input),
        }
    }

    /// Takes octets up to the end of a record, reads it, and so on until there is plaintext.
    fn feed_records(&mut self, input: &[u8]) -> usize {
        let mut used = 0;
        while self.octets.plaintext.is_empty() {
            if self.state != State::Open {
                return input.len();
            }
            match self.octets.incoming.next() {
                Next::Need(lacking) => {
                    let rest = input.get(used..).unwrap_or_default();
                    if rest.is_empty() {
                        break;
                    }
                    used += self.store(rest, lacking);
                }
                Next::Record(_) | Next::Malformed => self.pump(),
            }
        }
        used
    }

    fn store(&mut self, input: &[u8], room: usize) -> usize {
        let (taken, _) = input.split_at(room.min(input.len()));
        self.octets.incoming.push(taken);
        taken.len()
    }

    /// Notes that the peer's TCP has ended. Without close_notify before it a TLS leg fails, once
    /// all that came before has been read.
    pub fn feed_end(&mut self) {
        self.ended = true;
        match (self.state, &self.engine) {
            (State::Open, Engine::Clear) => self.state = State::PeerClosed,
            (State::Open, _) => self.pump(),
            _ => {}
        }
    }

    /// Reads records until there is plaintext or no whole record is left.
    pub(super) fn pump(&mut self) {
        loop {
            if !matches!(self.state, State::Handshaking | State::Open) {
                return;
            }
            if !self.octets.plaintext.is_empty() {
                return;
            }
            match self.turn() {
                Some(Turn::Moved) => {}
                Some(Turn::PeerClosed) => {
                    self.state = State::PeerClosed;
                    self.octets.incoming = Default::default();
                }
                Some(Turn::Blocked) => {
                    self.open_if_done();
                    if self.octets.incoming.next_end().is_none() {
                        break;
                    }
                }
                None => break,
            }
        }
        self.check_progress();
    }

    /// Fails a leg whose next record can never become whole, after everything before it is read.
    fn check_progress(&mut self) {
        if !matches!(self.state, State::Handshaking | State::Open) {
            return;
        }
        let incoming = &self.octets.incoming;
        if incoming.next() == Next::Malformed || incoming.len() >= self.limits.input_max {
            self.fail(Reason::TlsMalformed);
        } else if self.ended {
            self.fail(Reason::TlsTruncated);
        }
    }

    /// Offers the plaintext that waits to `take`, which returns how much it took, until it takes
    /// nothing or nothing is left. Returns how much was taken in all.
    pub fn take_plaintext(&mut self, mut take: impl FnMut(&[u8]) -> usize) -> usize {
        let mut total = 0;
        loop {
            total += self.octets.plaintext.drain_to(&mut take);
            if !self.octets.plaintext.is_empty() || self.state != State::Open {
                return total;
            }
            // Records that came with the end of the handshake wait here, not in TCP.
            if self.octets.incoming.len() > 0 || self.ended {
                self.pump();
            }
            if self.octets.plaintext.is_empty() {
                return total;
            }
        }
    }

    /// Octets of plaintext that wait to be taken.
    #[must_use]
    pub fn pending_plaintext(&self) -> usize {
        self.octets.plaintext.len()
    }
}
