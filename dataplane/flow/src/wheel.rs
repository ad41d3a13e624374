//! One timer for each of a fixed number of things.

use core::time::Duration;

use abi::Now;

const TICK_NANOS: u64 = 1_000_000;
const BITS: u32 = 6;
const SLOTS: u32 = 1 << BITS;
/// 48 bits of milliseconds: more than nanoseconds in 64 bits can tell.
const LEVELS: u32 = 8;
/// Timers moved to a lower level in one call at most.
const CASCADE_MAX: usize = 256;

/// A link of a circular list. A node that points at itself is in no list.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    prev: u32,
    next: u32,
    /// Tick at which the timer fires.
    at: u64,
}

/// A hierarchical timer wheel with a tick of one millisecond.
///
/// Holds one timer for each number below a fixed size, such as the index of a flow. Setting,
/// moving and cancelling take constant time and never allocate. A timer never fires early; it
/// fires at the first [`Wheel::pop`] of the millisecond after its time or later.
///
/// Level 0 has a slot for each of the next 64 ticks, level 1 one for each 64 of those, and so on;
/// a timer lies in the lowest level whose slots tell it from the present, and moves down when the
/// wheel reaches its slot. At most a few hundred move in one call, so that a thousand timers in
/// one slot do not hold up a worker's turn.
#[derive(Debug)]
pub struct Wheel {
    /// The timers, then the head of each slot's list, then of `due` and of `cascade`.
    nodes: Box<[Node]>,
    timers: u32,
    /// Slots of each level that may hold timers.
    occupied: [u64; LEVELS as usize],
    /// Tick up to which slots have been emptied.
    elapsed: u64,
    /// Latest tick that the owner has shown; timers set from now on fire after it.
    present: u64,
}

impl Wheel {
    /// A wheel for the timers `0..timers`, at `now`. 16 octets each and 8 KiB.
    ///
    /// `timers` is held to 2^31.
    #[must_use]
    pub fn new(timers: u32, now: Now) -> Self {
        let timers = timers.min(1 << 31);
        let nodes = timers + LEVELS * SLOTS + 2;
        let tick = now.nanos() / TICK_NANOS;
        Self {
            nodes: (0..nodes)
                .map(|i| Node {
                    prev: i,
                    next: i,
                    at: 0,
                })
                .collect(),
            timers,
            occupied: [0; LEVELS as usize],
            elapsed: tick,
            present: tick,
        }
    }

    /// Sets timer `id` to fire at `at`, instead of when it was to fire before.
    ///
    /// A time that has passed means the next tick after the last [`Wheel::pop`], so an owner that
    /// sets a timer again and again cannot keep itself in its loop. An `id` not below the size
    /// of the wheel is ignored.
    pub fn schedule(&mut self, id: u32, at: Now) {
        if id >= self.timers {
            return;
        }
        self.unlink(id);
        let at = at.nanos().div_ceil(TICK_NANOS).max(self.present + 1);
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.at = at;
        }
        self.place(id, at);
    }

    /// Sets timer `id` to fire at `at`, unless it is set to fire sooner anyhow.
    ///
    /// For timers that move with every packet and seldom fire, such as a keepalive's: an owner
    /// that finds out, when one fires, that it has nothing to do yet and sets it again, saves the
    /// memory accesses of moving it.
    pub fn schedule_by(&mut self, id: u32, at: Now) {
        let sooner = self.node(id).at.saturating_mul(TICK_NANOS) <= at.nanos();
        if !(sooner && self.is_scheduled(id)) {
            self.schedule(id, at);
        }
    }

    /// Stops timer `id`.
    pub fn cancel(&mut self, id: u32) {
        if id < self.timers {
            self.unlink(id);
        }
    }

    /// Whether timer `id` is set.
    #[must_use]
    pub fn is_scheduled(&self, id: u32) -> bool {
        id < self.timers && self.node(id).next != id
    }

    /// Takes one timer whose time has come, if any.
    ///
    /// Call until it says `None`. It may say so early when a great many timers change their
    /// level at once; they fire from the next call on.
    pub fn pop(&mut self, now: Now) -> Option<u32> {
        let present = (now.nanos() / TICK_NANOS).max(self.present);
        self.present = present;
        let mut moved = 0;
        loop {
            if let Some(id) = self.pop_front(self.due()) {
                return Some(id);
            }
            if let Some(id) = self.pop_front(self.cascade()) {
                self.place(id, self.node(id).at);
                moved += 1;
                if moved == CASCADE_MAX {
                    return None;
                }
                continue;
            }
            match self.next_slot() {
                Some((level, slot, start)) if start <= present => self.empty(level, slot, start),
                _ => {
                    self.elapsed = present;
                    return None;
                }
            }
        }
    }

    /// A time before which no timer fires; `None` while no timer is set.
    ///
    /// It may be told too early, as the start of the slot that the first timer lies in: an owner
    /// that wakes up then, calls [`Wheel::pop`] and asks again comes nearer each time.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Now> {
        let start = if self.is_empty(self.due()) && self.is_empty(self.cascade()) {
            self.next_slot()?.2
        } else {
            self.elapsed
        };
        Some(Now::ZERO + Duration::from_millis(start))
    }

    fn head(&self, level: u32, slot: u32) -> u32 {
        self.timers + level * SLOTS + slot
    }

    /// List of the timers to fire now.
    fn due(&self) -> u32 {
        self.timers + LEVELS * SLOTS
    }

    /// List of the timers to move to a lower level.
    fn cascade(&self) -> u32 {
        self.due() + 1
    }

    /// Puts a timer that is in no list where its time belongs.
    fn place(&mut self, id: u32, at: u64) {
        if at <= self.elapsed {
            self.push_back(self.due(), id);
            return;
        }
        let level = (at ^ self.elapsed).ilog2() / BITS;
        let slot = slot_of(at, level);
        if let Some(occupied) = self.occupied.get_mut(level as usize) {
            *occupied |= 1 << slot;
            self.push_back(self.head(level, slot), id);
        }
    }

    /// Level, slot and first tick of the next slot that holds timers.
    fn next_slot(&self) -> Option<(u32, u32, u64)> {
        let (level, occupied) = (0..LEVELS)
            .zip(self.occupied)
            .find(|(_, slots)| *slots != 0)?;
        let slot = occupied.trailing_zeros();
        let shift = level * BITS;
        let above = self.elapsed >> shift >> BITS << BITS << shift;
        Some((level, slot, above | u64::from(slot) << shift))
    }

    /// Turns the wheel to a slot that starts at tick `start`, and takes its timers out.
    fn empty(&mut self, level: u32, slot: u32, start: u64) {
        self.elapsed = start;
        if let Some(occupied) = self.occupied.get_mut(level as usize) {
            *occupied &= !(1 << slot);
        }
        let to = if level == 0 {
            self.due()
        } else {
            self.cascade()
        };
        self.splice(self.head(level, slot), to);
    }

    fn node(&self, i: u32) -> Node {
        self.nodes.get(i as usize).copied().unwrap_or_default()
    }

    fn is_empty(&self, head: u32) -> bool {
        self.node(head).next == head
    }

    fn connect(&mut self, prev: u32, next: u32) {
        if let Some(node) = self.nodes.get_mut(prev as usize) {
            node.next = next;
        }
        if let Some(node) = self.nodes.get_mut(next as usize) {
            node.prev = prev;
        }
    }

    fn push_back(&mut self, head: u32, id: u32) {
        let last = self.node(head).prev;
        self.connect(last, id);
        self.connect(id, head);
    }

    fn pop_front(&mut self, head: u32) -> Option<u32> {
        let first = self.node(head).next;
        if first == head {
            return None;
        }
        self.unlink(first);
        Some(first)
    }

    fn unlink(&mut self, id: u32) {
        let Node { prev, next, .. } = self.node(id);
        self.connect(prev, next);
        self.connect(id, id);
        // Alone in its list until now: `prev` is the head of a list that is empty from here on.
        if prev == next && prev >= self.timers && prev < self.due() {
            let place = prev - self.timers;
            if let Some(occupied) = self.occupied.get_mut((place / SLOTS) as usize) {
                *occupied &= !(1 << (place % SLOTS));
            }
        }
    }

    /// Moves all of list `from` behind list `to`.
    fn splice(&mut self, from: u32, to: u32) {
        let Node {
            prev: last,
            next: first,
            ..
        } = self.node(from);
        if first == from {
            return;
        }
        let end = self.node(to).prev;
        self.connect(end, first);
        self.connect(last, to);
        self.connect(from, from);
    }
}

const fn slot_of(at: u64, level: u32) -> u32 {
    ((at >> (level * BITS)) & 0x3f) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn ms(ms: u64) -> Now {
        Now::from_millis(ms)
    }

    fn fired(wheel: &mut Wheel, now: Now) -> Vec<u32> {
        std::iter::from_fn(|| wheel.pop(now)).collect()
    }

    #[test]
    fn timer_fires_once_at_its_time_and_not_before() {
        let mut wheel = Wheel::new(4, ms(1_000));
        wheel.schedule(2, ms(1_500));
        assert_eq!(fired(&mut wheel, ms(1_499)), []);
        assert!(wheel.is_scheduled(2));
        assert_eq!(fired(&mut wheel, ms(1_500)), [2]);
        assert!(!wheel.is_scheduled(2));
        assert_eq!(fired(&mut wheel, ms(9_999)), []);
        assert_eq!(wheel.next_deadline(), None);
    }

    #[test]
    fn part_of_a_millisecond_is_waited_for() {
        let mut wheel = Wheel::new(1, Now::ZERO);
        wheel.schedule(0, Now::from_nanos(5_000_001));
        assert_eq!(wheel.pop(Now::from_nanos(5_999_999)), None);
        assert_eq!(wheel.pop(ms(6)), Some(0));
    }

    #[test]
    fn rescheduled_timer_fires_only_at_its_new_time() {
        let mut wheel = Wheel::new(1, Now::ZERO);
        wheel.schedule(0, ms(10));
        wheel.schedule(0, ms(100_000));
        assert_eq!(wheel.pop(ms(99_999)), None);
        wheel.schedule(0, ms(100_001));
        assert_eq!(wheel.pop(ms(100_000)), None);
        assert_eq!(wheel.pop(ms(100_001)), Some(0));
    }

    #[test]
    fn timer_scheduled_by_a_time_keeps_a_sooner_one() {
        let mut wheel = Wheel::new(1, Now::ZERO);
        wheel.schedule_by(0, ms(50));
        wheel.schedule_by(0, ms(90));
        assert_eq!(wheel.pop(ms(49)), None);
        assert_eq!(wheel.pop(ms(50)), Some(0));
        wheel.schedule_by(0, ms(90));
        wheel.schedule_by(0, ms(60));
        assert_eq!(wheel.pop(ms(60)), Some(0));
        wheel.schedule_by(7, ms(70));
        assert_eq!(wheel.pop(ms(1_000)), None);
    }

    #[test]
    fn cancelled_timer_does_not_fire() {
        let mut wheel = Wheel::new(3, Now::ZERO);
        for id in 0..3 {
            wheel.schedule(id, ms(70));
        }
        wheel.cancel(1);
        wheel.cancel(1);
        wheel.cancel(77);
        assert_eq!(fired(&mut wheel, ms(70)), [0, 2]);
    }

    #[test]
    fn timer_set_for_the_past_waits_for_the_next_tick() {
        let mut wheel = Wheel::new(1, ms(0));
        assert_eq!(wheel.pop(ms(5_000)), None);
        wheel.schedule(0, ms(10));
        assert_eq!(wheel.pop(ms(5_000)), None);
        assert_eq!(wheel.pop(ms(5_001)), Some(0));
        wheel.schedule(7, ms(10));
        assert_eq!(wheel.pop(ms(6_000)), None);
    }

    #[test]
    fn timers_of_hours_and_of_ages_fire() {
        let mut wheel = Wheel::new(2, ms(12_345));
        wheel.schedule(0, ms(12_345 + 9 * 3_600_000));
        wheel.schedule(1, Now::from_nanos(u64::MAX));
        assert_eq!(wheel.pop(ms(12_344 + 9 * 3_600_000)), None);
        assert_eq!(wheel.pop(ms(12_345 + 9 * 3_600_000)), Some(0));
        assert_eq!(wheel.pop(Now::from_nanos(u64::MAX - 1_000_000)), None);
    }

    #[test]
    fn ten_thousand_timers_of_one_time_move_down_in_parts() {
        let mut wheel = Wheel::new(10_000, Now::ZERO);
        for id in 0..10_000 {
            wheel.schedule(id, ms(5_000));
        }
        let mut calls = 0;
        let mut count = 0;
        while count < 10_000 {
            calls += 1;
            count += fired(&mut wheel, ms(5_000)).len();
        }
        assert!(calls > 10_000 / CASCADE_MAX, "{calls}");
    }

    #[test]
    fn waking_at_each_deadline_reaches_a_far_timer_in_a_few_steps() {
        let mut wheel = Wheel::new(2, ms(100));
        wheel.schedule(0, ms(100 + 3_600_000));
        wheel.schedule(1, ms(120));
        assert_eq!(wheel.next_deadline(), Some(ms(120)));
        assert_eq!(wheel.pop(ms(120)), Some(1));
        let mut wakes = 0;
        while let Some(at) = wheel.next_deadline() {
            wakes += 1;
            if wheel.pop(at).is_some() {
                assert_eq!(at, ms(100 + 3_600_000));
            }
        }
        assert!(wakes <= LEVELS, "{wakes}");
    }

    proptest! {
        #[test]
        fn wheel_agrees_with_a_sorted_map(
            start in prop_oneof![Just(0_u64), any::<u32>().prop_map(u64::from)],
            steps in prop::collection::vec(
                (0_u32..12, prop_oneof![0_u64..3, 0_u64..100, 0_u64..5_000, 0_u64..20_000_000], 0_u8..8),
                1..200,
            ),
        ) {
            let mut wheel = Wheel::new(12, ms(start));
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            let mut now = start;
            for (id, delay, step) in steps {
                match step {
                    0 => {
                        wheel.cancel(id);
                        model.remove(&id);
                    }
                    1..=4 => {
                        wheel.schedule(id, ms(now + delay));
                        model.insert(id, (now + delay).max(now + 1));
                    }
                    _ => {
                        now += delay;
                        let mut got = fired(&mut wheel, ms(now));
                        got.sort_unstable();
                        let due: Vec<u32> =
                            model.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
                        prop_assert_eq!(&got, &due);
                        model.retain(|_, at| *at > now);
                    }
                }
                for id in 0..12 {
                    prop_assert_eq!(wheel.is_scheduled(id), model.contains_key(&id));
                }
                match (wheel.next_deadline(), model.values().min()) {
                    (None, None) => {}
                    (Some(told), Some(&first)) => {
                        prop_assert!(told <= ms(first));
                        prop_assert!(told > ms(now));
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }
}
