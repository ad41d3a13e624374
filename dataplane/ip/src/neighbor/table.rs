//! All neighbours of one worker.

use std::collections::HashMap;

use core::net::IpAddr;

use abi::{Now, Reason};
use wire::MacAddr;

use super::{
    HopId, LinkHeader, NeighborLimits,
    entry::{Entry, State},
};
use crate::InterfaceId;

type Key = (InterfaceId, IpAddr);

/// A change of station address is not believed sooner than this after the last answer, nor
/// asked about: otherwise two stations that quarrel about an address keep us busy.
const SETTLE: core::time::Duration = core::time::Duration::from_secs(1);

/// What became due.
#[derive(Debug)]
pub(crate) enum Due<F> {
    /// Ask for a neighbour's station address, `station` alone if it is given.
    Ask {
        interface: InterfaceId,
        address: IpAddr,
        station: Option<MacAddr>,
    },
    /// A neighbour did not answer; these packets waited for it.
    Failed { frames: Vec<F> },
}

/// What came of an answer.
#[derive(Debug)]
pub(crate) struct Learned<F> {
    /// Packets that waited, to be sent with the header.
    pub(crate) frames: Vec<F>,
    pub(crate) header: LinkHeader,
    /// Whether other workers should hear of it.
    pub(crate) is_news: bool,
}

#[derive(Debug)]
pub(crate) struct NeighborTable<F> {
    limits: NeighborLimits,
    entries: Vec<Option<Entry<F>>>,
    /// Generation of each slot, kept while it is empty.
    generations: Vec<u32>,
    free: Vec<u32>,
    index: HashMap<Key, u32>,
    unresolved: usize,
    queued: usize,
    /// No entry has an earlier deadline.
    earliest: Option<Now>,
}

impl<F> NeighborTable<F> {
    pub(crate) fn new(limits: NeighborLimits) -> Self {
        let slots = u32::try_from(limits.entries).unwrap_or(u32::MAX);
        Self {
            limits,
            entries: (0..slots).map(|_| None).collect(),
            generations: (0..slots).map(|_| 0).collect(),
            free: (0..slots).rev().collect(),
            index: HashMap::with_capacity(limits.entries),
            unresolved: 0,
            queued: 0,
            earliest: None,
        }
    }

    /// Forgets everyone; what waited is dropped. Handles given out before miss from now on.
    pub(crate) fn clear(&mut self) {
        for slot in 0..u32::try_from(self.entries.len()).unwrap_or(u32::MAX) {
            self.remove(slot);
        }
        self.earliest = None;
    }

    /// Makes every handle given out so far miss; the neighbours stay known.
    pub(crate) fn void_handles(&mut self) {
        for (entry, generation) in self.entries.iter_mut().zip(&mut self.generations) {
            *generation = generation.wrapping_add(1);
            if let Some(entry) = entry {
                entry.generation = *generation;
            }
        }
    }

    /// The header for `hop`, and the note that it is in use.
    #[inline]
    pub(crate) fn header(&mut self, hop: HopId) -> Option<&LinkHeader> {
        let entry = self.entries.get_mut(hop.slot as usize)?.as_mut()?;
        if entry.generation != hop.generation || !entry.is_resolved() {
            return None;
        }
        entry.used = true;
        Some(&entry.header)
    }

    /// The handle for a neighbour, which is asked for at the next [`poll`](Self::poll) if it is
    /// not known.
    pub(crate) fn find_or_ask(
        &mut self,
        interface: InterfaceId,
        address: IpAddr,
        blank: LinkHeader,
        now: Now,
    ) -> Result<HopId, Reason> {
        if let Some(&slot) = self.index.get(&(interface, address)) {
            let entry = self.entry_mut(slot).ok_or(Reason::NeighborUnresolved)?;
            if entry.state == State::Failed {
                return Err(Reason::NeighborUnresolved);
            }
            entry.used = true;
            return Ok(HopId {
                slot,
                generation: entry.generation,
            });
        }
        self.insert((interface, address), blank, State::Unresolved, now)
    }

    /// Lets `frame` wait for `hop`.
    ///
    /// # Errors
    /// The frame comes back when its queue, or all of them together, are full, or `hop` is gone.
    pub(crate) fn enqueue(&mut self, hop: HopId, frame: F) -> Result<(), (F, Reason)> {
        let (each, total, queued) = (self.limits.queue_each, self.limits.queue_total, self.queued);
        let entry = self
            .entry_mut(hop.slot)
            .filter(|e| e.generation == hop.generation);
        let Some(entry) = entry.filter(|e| e.state == State::Unresolved) else {
            return Err((frame, Reason::NeighborUnresolved));
        };
        if entry.queue.len() >= each || queued >= total {
            return Err((frame, Reason::NeighborQueueFull));
        }
        entry.queue.push(frame);
        self.queued += 1;
        Ok(())
    }

    /// Takes in an answer to a question, or another worker's word that it had one. `None` when
    /// nobody asked, or the station differs from one that has just answered.
    pub(crate) fn learn(&mut self, key: Key, header: LinkHeader, now: Now) -> Option<Learned<F>> {
        let &slot = self.index.get(&key)?;
        let half_life = self.limits.reachable / 2;
        let entry = self.entry_mut(slot)?;
        let same_station = entry.is_resolved() && entry.header.station() == header.station();
        if !entry.is_asking() && !same_station {
            return None;
        }
        let is_old = now.since(entry.confirmed_at) > half_life;
        let is_news = !same_station || is_old || entry.wanted_elsewhere;
        Some(self.confirm(slot, header, is_news, now))
    }

    /// Takes in that a station asked for one of our addresses: it has something to say to us, so
    /// it is worth knowing. One that is known under another station address is asked again.
    pub(crate) fn learn_from_question(
        &mut self,
        key: Key,
        header: LinkHeader,
        now: Now,
    ) -> Option<Learned<F>> {
        let Some(&slot) = self.index.get(&key) else {
            // Stale until used: the question may be the only thing that it ever says.
            let hop = self.insert(key, header, State::Stale, now).ok()?;
            return self.entry_mut(hop.slot).map(|entry| {
                entry.used = false;
                Learned {
                    frames: Vec::new(),
                    header,
                    is_news: true,
                }
            });
        };
        let entry = self.entry_mut(slot)?;
        if entry.is_resolved() && entry.header.station() != header.station() {
            self.dispute(key, now);
            return None;
        }
        let is_news = !entry.is_resolved();
        Some(self.confirm(slot, header, is_news, now))
    }

    /// Notes that a station other than the one known claims the address: asks everyone again,
    /// and goes on with the one known until there is an answer.
    pub(crate) fn dispute(&mut self, key: Key, now: Now) {
        let Some(&slot) = self.index.get(&key) else {
            return;
        };
        let Some(entry) = self.entry_mut(slot) else {
            return;
        };
        let settled = now.since(entry.confirmed_at) >= SETTLE;
        if settled && matches!(entry.state, State::Reachable | State::Stale) {
            entry.state = State::Probing;
            entry.disputed = true;
            entry.asked = 0;
            entry.deadline = now;
            self.wake_at(now);
        }
    }

    /// Whether the entry is known under another station address.
    pub(crate) fn contradicts(&self, key: Key, station: MacAddr) -> bool {
        self.index
            .get(&key)
            .and_then(|&slot| self.entries.get(slot as usize)?.as_ref())
            .is_some_and(|e| e.is_resolved() && e.header.station() != station)
    }

    /// Another worker asked: expect an answer here too.
    pub(crate) fn expect_answer(&mut self, key: Key, blank: LinkHeader, now: Now) {
        let retry_at = now + self.limits.retry;
        let slot = match self.index.get(&key) {
            Some(&slot) => slot,
            None => match self.insert(key, blank, State::Unresolved, now) {
                Ok(hop) => hop.slot,
                Err(_) => return,
            },
        };
        let Some(entry) = self.entry_mut(slot) else {
            return;
        };
        match entry.state {
            State::Reachable | State::Stale => entry.state = State::Probing,
            State::Failed => return,
            State::Unresolved | State::Probing => {}
        }
        entry.wanted_elsewhere = true;
        entry.asked = entry.asked.max(1);
        entry.deadline = retry_at;
        self.wake_at(retry_at);
    }

    /// The neighbour in a slot.
    pub(crate) fn at(&self, slot: usize) -> Option<&Entry<F>> {
        self.entries.get(slot)?.as_ref()
    }

    /// When [`poll`](Self::poll) has something to do.
    pub(crate) const fn next_deadline(&self) -> Option<Now> {
        self.earliest
    }

    /// Does what is due by `now`.
    pub(crate) fn poll(&mut self, now: Now, mut sink: impl FnMut(Due<F>)) {
        if self.earliest.is_none_or(|at| at > now) {
            return;
        }
        self.earliest = None;
        for slot in 0..u32::try_from(self.entries.len()).unwrap_or(u32::MAX) {
            self.poll_slot(slot, now, &mut sink);
            if let Some(deadline) = self.entry_mut(slot).map(|e| e.deadline) {
                self.wake_at(deadline);
            }
        }
    }

    fn poll_slot(&mut self, slot: u32, now: Now, sink: &mut impl FnMut(Due<F>)) {
        let limits = self.limits;
        let Some(entry) = self.entry_mut(slot).filter(|e| e.deadline <= now) else {
            return;
        };
        match entry.state {
            State::Unresolved | State::Probing => self.ask_or_fail(slot, now, sink),
            State::Reachable | State::Stale if entry.used => {
                entry.state = State::Probing;
                entry.asked = 0;
                self.ask_or_fail(slot, now, sink);
            }
            State::Reachable | State::Stale => {
                if now.since(entry.confirmed_at) >= limits.idle {
                    self.remove(slot);
                } else {
                    entry.state = State::Stale;
                    entry.deadline = now + limits.reachable.min(limits.idle);
                }
            }
            State::Failed => self.remove(slot),
        }
    }

    fn ask_or_fail(&mut self, slot: u32, now: Now, sink: &mut impl FnMut(Due<F>)) {
        let limits = self.limits;
        let Some(entry) = self.entry_mut(slot) else {
            return;
        };
        if entry.asked < limits.attempts {
            entry.asked += 1;
            entry.deadline = now + limits.retry;
            let station = entry.station_to_ask(entry.asked == limits.attempts);
            let (interface, address) = (entry.interface, entry.address);
            return sink(Due::Ask {
                interface,
                address,
                station,
            });
        }
        let was_unresolved = entry.state == State::Unresolved;
        entry.state = State::Failed;
        entry.used = false;
        entry.deadline = now + limits.negative;
        let frames = core::mem::take(&mut entry.queue);
        self.queued -= frames.len();
        self.unresolved -= usize::from(was_unresolved);
        sink(Due::Failed { frames });
    }

    fn confirm(&mut self, slot: u32, header: LinkHeader, is_news: bool, now: Now) -> Learned<F> {
        let deadline = now + self.limits.reachable;
        let mut frames = Vec::new();
        if let Some(entry) = self.entry_mut(slot) {
            let was_unresolved = entry.state == State::Unresolved;
            entry.state = State::Reachable;
            entry.header = header;
            // What waits is use enough; what does not wait must show itself again.
            entry.used = !entry.queue.is_empty();
            entry.asked = 0;
            entry.disputed = false;
            entry.wanted_elsewhere = false;
            entry.confirmed_at = now;
            entry.deadline = deadline;
            frames = core::mem::take(&mut entry.queue);
            self.unresolved -= usize::from(was_unresolved);
            self.queued -= frames.len();
            self.wake_at(deadline);
        }
        Learned {
            frames,
            header,
            is_news,
        }
    }

    fn insert(
        &mut self,
        key: Key,
        header: LinkHeader,
        state: State,
        now: Now,
    ) -> Result<HopId, Reason> {
        let is_unresolved = state == State::Unresolved;
        if is_unresolved && self.unresolved >= self.limits.unresolved {
            return Err(Reason::NeighborQueueFull);
        }
        let slot = self
            .free
            .pop()
            .or_else(|| self.evict())
            .ok_or(Reason::NeighborQueueFull)?;
        let generation = self.generations.get(slot as usize).copied().unwrap_or(0);
        let deadline = if is_unresolved {
            now
        } else {
            now + self.limits.reachable
        };
        let entry = Entry {
            generation,
            interface: key.0,
            address: key.1,
            state,
            header,
            used: true,
            asked: 0,
            disputed: false,
            wanted_elsewhere: false,
            confirmed_at: now,
            deadline,
            queue: Vec::new(),
        };
        if let Some(place) = self.entries.get_mut(slot as usize) {
            *place = Some(entry);
        }
        self.index.insert(key, slot);
        self.unresolved += usize::from(is_unresolved);
        self.wake_at(deadline);
        Ok(HopId { slot, generation })
    }

    /// Frees the expendable slot whose neighbour was heard of longest ago.
    fn evict(&mut self) -> Option<u32> {
        let expendable = self.index.values().copied().filter_map(|slot| {
            let entry = self.entries.get(slot as usize)?.as_ref()?;
            entry.is_expendable().then_some((entry.confirmed_at, slot))
        });
        let (_, slot) = expendable.min()?;
        self.remove(slot);
        self.free.pop()
    }

    fn remove(&mut self, slot: u32) {
        let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        self.index.remove(&(entry.interface, entry.address));
        self.unresolved -= usize::from(entry.state == State::Unresolved);
        self.queued -= entry.queue.len();
        if let Some(generation) = self.generations.get_mut(slot as usize) {
            *generation = generation.wrapping_add(1);
        }
        self.free.push(slot);
    }

    fn wake_at(&mut self, at: Now) {
        self.earliest = Some(self.earliest.map_or(at, |e| e.min(at)));
    }

    fn entry_mut(&mut self, slot: u32) -> Option<&mut Entry<F>> {
        self.entries.get_mut(slot as usize)?.as_mut()
    }
}
