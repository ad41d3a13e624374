//! Link addresses of neighbours, for ARP (RFC 826) and neighbour discovery (RFC 4861) alike.
//!
//! The table says whom to ask and when; it builds no packets. What it believes comes from answers
//! to what it asked and from requests that neighbours addressed to us, so an unasked
//! announcement adds no entry.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;

use abi::{Now, Reason};
use arrayvec::ArrayVec;
use wire::MacAddr;

/// Frames that wait for one neighbour's address.
const QUEUE_PER_NEIGHBOR: usize = 8;
/// Frames that wait for addresses in all.
const QUEUE_TOTAL: usize = 512;
/// Neighbours that the table holds.
pub const NEIGHBORS_MAX: usize = 16_384;
/// Entries looked after in one [`Neighbors::poll`].
const POLL_ENTRIES: usize = 64;
/// Questions asked before a neighbour counts as gone.
const TRIES_MAX: u8 = 3;
/// Time between two questions (RFC 4861 RetransTimer).
const RETRY: Duration = Duration::from_secs(1);
/// How long an answer is believed without asking again (RFC 4861 ReachableTime).
const REACHABLE: Duration = Duration::from_secs(30);
/// How long a neighbour that did not answer is left alone.
const HOLD_DOWN: Duration = Duration::from_secs(3);
/// How long an entry that nobody uses is kept.
const UNUSED: Duration = Duration::from_secs(600);

/// A neighbour's place in the table; stale once the neighbour has been forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopId {
    index: u32,
    generation: u32,
}

/// Something learnt, in a form that other workers can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborUpdate {
    /// Index of the interface.
    pub interface: u16,
    /// The neighbour.
    pub address: IpAddr,
    /// Its station address.
    pub mac: MacAddr,
}

/// A question to put on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solicit {
    /// Index of the interface.
    pub interface: u16,
    /// Whose station address is wanted.
    pub target: IpAddr,
    /// Ask this station alone; `None` asks everybody.
    pub station: Option<MacAddr>,
}

/// What became of a frame on its way to a neighbour.
#[derive(Debug)]
pub enum Passage<F> {
    /// Send it to this station now.
    Send(F, MacAddr),
    /// It waits for the neighbour's answer.
    Queued,
    /// It is refused.
    Refused(Reason),
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Asked `tries` times, the next time at `retry`; no address yet.
    Incomplete { tries: u8, retry: Now },
    /// Address believed until `until`; then asked again if it is used, `tries` times so far.
    Known { mac: MacAddr, until: Now, tries: u8 },
    /// Gave no answer; not asked again before `until`.
    Failed { until: Now },
}

#[derive(Debug)]
struct Entry<F> {
    interface: u16,
    address: IpAddr,
    state: State,
    /// Used since the table last looked at the entry.
    used: bool,
    used_at: Now,
    queue: ArrayVec<F, QUEUE_PER_NEIGHBOR>,
}

#[derive(Debug)]
struct Place<F> {
    generation: u32,
    entry: Option<Box<Entry<F>>>,
}

/// The neighbours of one worker.
#[derive(Debug)]
pub struct Neighbors<F> {
    places: Vec<Place<F>>,
    free: Vec<u32>,
    index: HashMap<(u16, IpAddr), u32>,
    queued: usize,
    cursor: usize,
    solicits: Vec<Solicit>,
    refused: Vec<Reason>,
}

impl<F> Default for Neighbors<F> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            index: HashMap::new(),
            queued: 0,
            cursor: 0,
            solicits: Vec::new(),
            refused: Vec::new(),
        }
    }
}

impl<F> Neighbors<F> {
    /// The neighbour `address` on `interface`, asked for if it is new.
    ///
    /// # Errors
    /// [`Reason::NeighborQueueFull`] when the table has no room.
    pub fn hop(&mut self, interface: u16, address: IpAddr, now: Now) -> Result<HopId, Reason> {
        if let Some(&index) = self.index.get(&(interface, address)) {
            return Ok(self.id(index));
        }
        let state = State::Incomplete {
            tries: 1,
            retry: now + RETRY,
        };
        let index = self.insert(interface, address, state, now)?;
        self.solicits.push(Solicit {
            interface,
            target: address,
            station: None,
        });
        Ok(self.id(index))
    }

    /// The interface and station of `hop`, if it is known; marks it used.
    #[inline]
    pub fn station(&mut self, hop: HopId) -> Option<(u16, MacAddr)> {
        let entry = self.entry_mut(hop)?;
        entry.used = true;
        match entry.state {
            State::Known { mac, .. } => Some((entry.interface, mac)),
            State::Incomplete { .. } | State::Failed { .. } => None,
        }
    }

    /// Whether `hop` still names a neighbour.
    #[must_use]
    pub fn is_live(&self, hop: HopId) -> bool {
        self.places
            .get(hop.index as usize)
            .is_some_and(|p| p.generation == hop.generation && p.entry.is_some())
    }

    /// Sends `frame` on to `hop`, or keeps it until the neighbour answers.
    pub fn pass(&mut self, hop: HopId, frame: F, now: Now) -> Passage<F> {
        let room = self.queued < QUEUE_TOTAL;
        let Some(entry) = self.entry_mut(hop) else {
            return Passage::Refused(Reason::NeighborUnresolved);
        };
        entry.used = true;
        let solicit = Solicit {
            interface: entry.interface,
            target: entry.address,
            station: None,
        };
        match entry.state {
            State::Known { mac, .. } => return Passage::Send(frame, mac),
            State::Failed { until } if now < until => {
                return Passage::Refused(Reason::NeighborUnresolved);
            }
            State::Failed { .. } => {
                entry.state = State::Incomplete {
                    tries: 1,
                    retry: now + RETRY,
                };
                self.solicits.push(solicit);
            }
            State::Incomplete { .. } => {}
        }
        match self.entry_mut(hop) {
            Some(entry) if room && !entry.queue.is_full() => {
                entry.queue.push(frame);
                self.queued += 1;
                Passage::Queued
            }
            _ => Passage::Refused(Reason::NeighborQueueFull),
        }
    }

    /// Takes in the station address of a neighbour; frames that waited for it are given to
    /// `send`.
    ///
    /// `asked` is true for an answer to us and for a request addressed to us. Anything else only
    /// updates an entry that exists. Returns whether something new was learnt.
    pub fn learn(
        &mut self,
        update: NeighborUpdate,
        asked: bool,
        now: Now,
        mut send: impl FnMut(F, MacAddr),
    ) -> bool {
        let NeighborUpdate {
            interface,
            address,
            mac,
        } = update;
        if mac.is_multicast() {
            return false;
        }
        let known = State::Known {
            mac,
            until: now + REACHABLE,
            tries: 0,
        };
        let Some(&index) = self.index.get(&(interface, address)) else {
            return asked && self.insert(interface, address, known, now).is_ok();
        };
        let hop = self.id(index);
        let Some(entry) = self.entry_mut(hop) else {
            return false;
        };
        let is_new = !matches!(entry.state, State::Known { mac: old, .. } if old == mac);
        entry.state = known;
        let waiting = core::mem::take(&mut entry.queue);
        self.queued -= waiting.len();
        for frame in waiting {
            send(frame, mac);
        }
        is_new
    }

    /// Looks after some entries: asks again, gives up, forgets. Call it every few milliseconds.
    pub fn poll(&mut self, now: Now) {
        for _ in 0..POLL_ENTRIES.min(self.places.len()) {
            self.cursor = (self.cursor + 1) % self.places.len().max(1);
            self.look_after(self.cursor, now);
        }
    }

    /// Questions to put on the links, gathered since the last call.
    pub fn take_solicits(&mut self) -> impl Iterator<Item = Solicit> + '_ {
        self.solicits.drain(..)
    }

    /// Frames given up since the last call, by reason.
    pub fn take_refused(&mut self) -> impl Iterator<Item = Reason> + '_ {
        self.refused.drain(..)
    }

    fn look_after(&mut self, at: usize, now: Now) {
        let Some(entry) = self.places.get_mut(at).and_then(|p| p.entry.as_deref_mut()) else {
            return;
        };
        if core::mem::take(&mut entry.used) {
            entry.used_at = now;
        }
        let idle = now.since(entry.used_at);
        let (interface, target) = (entry.interface, entry.address);
        let mut ask = |station| {
            self.solicits.push(Solicit {
                interface,
                target,
                station,
            })
        };
        match entry.state {
            State::Incomplete { tries, retry } if now >= retry => {
                if tries < TRIES_MAX {
                    entry.state = State::Incomplete {
                        tries: tries + 1,
                        retry: now + RETRY,
                    };
                    ask(None);
                } else {
                    entry.state = State::Failed {
                        until: now + HOLD_DOWN,
                    };
                    let waiting = core::mem::take(&mut entry.queue).len();
                    self.queued -= waiting;
                    self.refused
                        .extend(core::iter::repeat_n(Reason::NeighborUnresolved, waiting));
                }
            }
            State::Known { mac, until, tries } if now >= until && idle < REACHABLE => {
                if tries < TRIES_MAX {
                    let until = now + RETRY;
                    entry.state = State::Known {
                        mac,
                        until,
                        tries: tries + 1,
                    };
                    ask(Some(mac));
                } else {
                    entry.state = State::Incomplete {
                        tries: 1,
                        retry: now + RETRY,
                    };
                    ask(None);
                }
            }
            _ if idle >= UNUSED && entry.queue.is_empty() => self.forget(at),
            _ => {}
        }
    }

    fn insert(
        &mut self,
        interface: u16,
        address: IpAddr,
        state: State,
        now: Now,
    ) -> Result<u32, Reason> {
        let entry = Box::new(Entry {
            interface,
            address,
            state,
            used: true,
            used_at: now,
            queue: ArrayVec::new(),
        });
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.places.len() < NEIGHBORS_MAX => {
                self.places.push(Place {
                    generation: 0,
                    entry: None,
                });
                u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
            }
            None => return Err(Reason::NeighborQueueFull),
        };
        if let Some(place) = self.places.get_mut(index as usize) {
            place.entry = Some(entry);
        }
        self.index.insert((interface, address), index);
        Ok(index)
    }

    fn forget(&mut self, at: usize) {
        let Some(place) = self.places.get_mut(at) else {
            return;
        };
        if let Some(entry) = place.entry.take() {
            place.generation = place.generation.wrapping_add(1);
            self.index.remove(&(entry.interface, entry.address));
            self.free.extend(u32::try_from(at));
        }
    }

    fn id(&self, index: u32) -> HopId {
        let generation = self.places.get(index as usize).map_or(0, |p| p.generation);
        HopId { index, generation }
    }

    #[inline]
    fn entry_mut(&mut self, hop: HopId) -> Option<&mut Entry<F>> {
        let place = self.places.get_mut(hop.index as usize)?;
        (place.generation == hop.generation)
            .then_some(place.entry.as_deref_mut())
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 7]);

    fn address() -> IpAddr {
        "192.0.2.7".parse().unwrap()
    }

    fn update() -> NeighborUpdate {
        NeighborUpdate {
            interface: 1,
            address: address(),
            mac: MAC,
        }
    }

    fn at(seconds: u64) -> Now {
        Now::from_millis(seconds * 1000)
    }

    fn solicits(table: &mut Neighbors<u32>) -> Vec<Option<MacAddr>> {
        table.take_solicits().map(|s| s.station).collect()
    }

    /// Polls often enough to visit every entry.
    fn settle(table: &mut Neighbors<u32>, now: Now) {
        table.poll(now);
    }

    #[test]
    fn frames_wait_for_the_answer_and_leave_in_order() {
        let mut table = Neighbors::default();
        let hop = table.hop(1, address(), at(0)).unwrap();
        assert_eq!(solicits(&mut table), [None]);
        for frame in 0..3 {
            assert!(matches!(table.pass(hop, frame, at(0)), Passage::Queued));
        }
        let mut sent = Vec::new();
        assert!(table.learn(update(), true, at(1), |frame, mac| sent.push((frame, mac))));
        assert_eq!(sent, [(0, MAC), (1, MAC), (2, MAC)]);
        assert!(matches!(table.pass(hop, 3, at(1)), Passage::Send(3, MAC)));
        assert_eq!(table.station(hop), Some((1, MAC)));
    }

    #[test]
    fn the_queue_of_one_neighbor_is_bounded() {
        let mut table = Neighbors::default();
        let hop = table.hop(1, address(), at(0)).unwrap();
        for frame in 0..8 {
            assert!(matches!(table.pass(hop, frame, at(0)), Passage::Queued));
        }
        let verdict = table.pass(hop, 9, at(0));
        assert!(matches!(
            verdict,
            Passage::Refused(Reason::NeighborQueueFull)
        ));
    }

    #[test]
    fn silence_is_asked_three_times_then_held_down() {
        let mut table = Neighbors::default();
        let hop = table.hop(1, address(), at(0)).unwrap();
        assert!(matches!(table.pass(hop, 1, at(0)), Passage::Queued));
        for second in 1..=3 {
            settle(&mut table, at(second));
        }
        assert_eq!(solicits(&mut table).len(), 3);
        assert_eq!(
            table.take_refused().collect::<Vec<_>>(),
            [Reason::NeighborUnresolved]
        );
        let verdict = table.pass(hop, 2, at(3));
        assert!(matches!(
            verdict,
            Passage::Refused(Reason::NeighborUnresolved)
        ));
        assert!(matches!(table.pass(hop, 3, at(7)), Passage::Queued));
        assert_eq!(solicits(&mut table), [None]);
    }

    #[test]
    fn an_unasked_announcement_adds_nothing_but_updates_what_is_there() {
        let mut table: Neighbors<u32> = Neighbors::default();
        assert!(!table.learn(update(), false, at(0), |_, _| {}));
        let hop = table.hop(1, address(), at(0)).unwrap();
        assert!(table.learn(update(), false, at(0), |_, _| {}));
        assert_eq!(table.station(hop), Some((1, MAC)));
    }

    #[test]
    fn a_used_neighbor_is_asked_again_and_stays_usable_meanwhile() {
        let mut table = Neighbors::default();
        let hop = table.hop(1, address(), at(0)).unwrap();
        table.learn(update(), true, at(0), |_, _| {});
        solicits(&mut table);
        for second in 31..=33 {
            assert!(table.station(hop).is_some());
            settle(&mut table, at(second));
        }
        assert_eq!(solicits(&mut table), [Some(MAC); 3]);
        table.station(hop);
        settle(&mut table, at(34));
        assert_eq!(solicits(&mut table), [None]);
        assert_eq!(table.station(hop), None);
    }

    #[test]
    fn an_unused_neighbor_is_forgotten_and_its_id_goes_stale() {
        let mut table: Neighbors<u32> = Neighbors::default();
        let hop = table.hop(1, address(), at(0)).unwrap();
        table.learn(update(), true, at(0), |_, _| {});
        settle(&mut table, at(1));
        settle(&mut table, at(700));
        assert!(!table.is_live(hop));
        assert_eq!(table.station(hop), None);
        let again = table.hop(1, address(), at(700)).unwrap();
        assert_ne!(again, hop);
    }

    #[test]
    fn a_group_address_is_no_station() {
        let mut table: Neighbors<u32> = Neighbors::default();
        table.hop(1, address(), at(0)).unwrap();
        let group = NeighborUpdate {
            mac: MacAddr::BROADCAST,
            ..update()
        };
        assert!(!table.learn(group, true, at(0), |_, _| {}));
    }
}
