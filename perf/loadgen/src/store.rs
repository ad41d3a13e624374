//! Packets made ahead of time, so that making them does not slow the generator down.

use abi::Now;
use arrayvec::ArrayVec;
use wire::BURST;

use crate::{End, LoadError, Source};

/// Frames one behind the other.
#[derive(Debug, Default)]
pub struct Store {
    octets: Vec<u8>,
    frames: Vec<Stored>,
    next: usize,
}

/// One frame.
#[derive(Clone, Copy, Debug)]
struct Stored {
    start: usize,
    len: usize,
    end: End,
    good: bool,
}

/// The frame whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready<'s> {
    /// Its octets.
    pub octets: &'s [u8],
    /// Where it leaves.
    pub end: End,
    /// Whether the proxy should pass it on.
    pub good: bool,
}

impl Store {
    /// Has `source` make `count` frames.
    ///
    /// # Errors
    /// As [`Source::fill`].
    pub fn make(source: &mut Source, count: usize) -> Result<Self, LoadError> {
        let mut store = Self::default();
        store.frames.reserve(count);
        while store.frames.len() < count {
            let tickets = source.tickets(count - store.frames.len());
            let start = store.octets.len();
            let len: usize = tickets.iter().map(|ticket| ticket.len).sum();
            store.octets.resize(start + len, 0);
            let mut rest = store.octets.get_mut(start..).unwrap_or_default();
            let mut frames: ArrayVec<&mut [u8], BURST> = ArrayVec::new();
            let mut at = start;
            for ticket in &tickets {
                let (frame, behind) = rest.split_at_mut(ticket.len);
                frames.push(frame);
                rest = behind;
                store.frames.push(Stored {
                    start: at,
                    len: ticket.len,
                    end: ticket.end,
                    good: ticket.is_good(),
                });
                at += ticket.len;
            }
            // A time of zero says that there is none.
            source.fill(&tickets, &mut frames, |_| Now::ZERO.nanos())?;
        }
        Ok(store)
    }

    /// Frames that are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.frames.len() - self.next
    }

    /// The frame whose turn it is.
    #[must_use]
    pub fn ready(&self) -> Option<Ready<'_>> {
        let stored = self.frames.get(self.next)?;
        Some(Ready {
            octets: self.octets.get(stored.start..stored.start + stored.len)?,
            end: stored.end,
            good: stored.good,
        })
    }

    /// Goes on to the next frame.
    pub const fn advance(&mut self) {
        self.next += 1;
    }
}
