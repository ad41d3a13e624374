//! The sources (SSRCs) of one direction of one protocol, each with its own indices.

use core::time::Duration;

use abi::{Now, Reason};

use crate::replay::Window;
use crate::{WindowSize, replay};

/// Sources given up whose highest index a receiver still knows.
const RECEIVED_MAX: usize = 64;

/// Sources given up whose highest index a sender still knows: as many as come in eleven hours when
/// there is a new one every five seconds. They take 16 octets each, so 128 KiB in all, and none
/// while no source is given up.
const SENT_MAX: usize = 8192;

/// How long a source must have been silent before another may take its place.
const KEEP: Duration = Duration::from_secs(4);

/// One source.
#[derive(Debug)]
pub(crate) struct Source {
    ssrc: u32,
    used: Now,
    window: Window,
}

/// A source that gave up its place; everything up to `highest` counts as seen.
#[derive(Clone, Copy, Debug)]
struct Retired {
    ssrc: u32,
    /// Its place in the order in which they were given up.
    turn: u32,
    highest: u64,
}

/// What to do when no more retired sources can be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// Forget the oldest: a receiver then risks taking a packet of long ago once more.
    Forget,
    /// Take no new source: a sender must never use an index twice under one key.
    Refuse,
}

impl WhenFull {
    /// How many retired sources are remembered.
    const fn retired_max(self) -> usize {
        match self {
            Self::Forget => RECEIVED_MAX,
            Self::Refuse => SENT_MAX,
        }
    }
}

/// How sources are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// The replay window.
    pub(crate) window: WindowSize,
    /// Sources with a window of their own at a time, at least one.
    pub(crate) live_max: u8,
    /// See [`WhenFull`].
    pub(crate) full: WhenFull,
}

/// The sources of one direction of one protocol. The first stands inline: nearly all streams
/// have no other.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    first: Option<Source>,
    others: Option<Box<Others>>,
}

/// All sources but the first.
#[derive(Debug, Default)]
struct Others {
    live: Vec<Source>,
    /// By SSRC. Grows as sources are retired, which is rare: at most `live_max` of them in
    /// [`KEEP`]. No packet of a live source comes here.
    retired: Vec<Retired>,
    /// Sources retired so far.
    turns: u32,
}

/// What is known of a source.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known<'a> {
    /// It has a window.
    Live(&'a Window),
    /// It had one; everything up to this index counts as seen.
    Retired(u64),
    /// Nothing.
    Nothing,
}

impl Known<'_> {
    /// The highest index so far.
    #[inline]
    pub(crate) const fn highest(self) -> Option<u64> {
        match self {
            Self::Live(window) => Some(window.highest()),
            Self::Retired(highest) => Some(highest),
            Self::Nothing => None,
        }
    }

    /// Whether a packet with `index` may be accepted.
    #[inline]
    pub(crate) fn check(self, index: u64, size: WindowSize) -> Result<(), Reason> {
        match self {
            Self::Live(window) => window.check(index, size).map_err(reason),
            Self::Retired(highest) if index <= highest => Err(Reason::SrtpReplayed),
            Self::Retired(_) | Self::Nothing => Ok(()),
        }
    }
}

impl Sources {
    /// What is known of a source.
    #[inline]
    pub(crate) fn known(&self, ssrc: u32) -> Known<'_> {
        match &self.first {
            Some(first) if first.ssrc == ssrc => Known::Live(&first.window),
            _ => self
                .others
                .as_ref()
                .map_or(Known::Nothing, |others| others.known(ssrc)),
        }
    }

    /// Takes note of an index, and of the source if it is new. Returns whether the index is the
    /// highest of its source.
    #[inline(always)]
    pub(crate) fn accept(
        &mut self,
        ssrc: u32,
        index: u64,
        rules: Rules,
        now: Now,
    ) -> Result<bool, Reason> {
        match &mut self.first {
            Some(first) if first.ssrc == ssrc => first.accept(index, rules.window, now),
            Some(_) => self.accept_other(ssrc, index, rules, now),
            None => {
                self.begin(ssrc, index, rules, now);
                Ok(true)
            }
        }
    }

    #[cold]
    fn begin(&mut self, ssrc: u32, index: u64, rules: Rules, now: Now) {
        let window = Window::starting_at(index, rules.window);
        self.first = Some(Source::new(ssrc, window, now));
    }

    #[inline(never)]
    fn accept_other(
        &mut self,
        ssrc: u32,
        index: u64,
        rules: Rules,
        now: Now,
    ) -> Result<bool, Reason> {
        let others = self.others.get_or_insert_default();
        if let Some(source) = others.live.iter_mut().find(|source| source.ssrc == ssrc) {
            return source.accept(index, rules.window, now);
        }
        let known = others.known(ssrc);
        known.check(index, rules.window)?;
        let window = match known {
            Known::Retired(highest) => {
                let mut window = Window::closed_at(highest, rules.window);
                window.accept(index);
                window
            }
            _ => Window::starting_at(index, rules.window),
        };
        let source = Source::new(ssrc, window, now);
        if others.live.len() + 1 < usize::from(rules.live_max) {
            others.live.push(source);
        } else {
            self.replace_oldest(source, now, rules.full)?;
        }
        Ok(true)
    }

    /// Live sources with their highest indices.
    pub(crate) fn live(&self) -> impl Iterator<Item = (u32, u64)> {
        let others = self.others.iter().flat_map(|others| &others.live);
        let live = self.first.iter().chain(others);
        live.map(|source| (source.ssrc, source.window.highest()))
    }

    /// Retires the source silent for longest.
    #[cold]
    fn replace_oldest(&mut self, source: Source, now: Now, full: WhenFull) -> Result<(), Reason> {
        let others = &mut **self.others.get_or_insert_default();
        let live = self.first.iter_mut().chain(&mut others.live);
        let oldest = live.min_by_key(|live| live.used);
        let oldest = oldest.filter(|oldest| now.since(oldest.used) >= KEEP);
        let oldest = oldest.ok_or(Reason::SrtpTooManySources)?;
        make_room(&mut others.retired, source.ssrc, full)?;
        let gone = core::mem::replace(oldest, source);
        others.turns = others.turns.saturating_add(1);
        let gone = Retired {
            ssrc: gone.ssrc,
            turn: others.turns,
            highest: gone.window.highest(),
        };
        let (Ok(at) | Err(at)) = position(&others.retired, gone.ssrc);
        others.retired.insert(at, gone);
        Ok(())
    }
}

/// Where a source stands among those retired, or would stand.
fn position(retired: &[Retired], ssrc: u32) -> Result<usize, usize> {
    retired.binary_search_by_key(&ssrc, |retired| retired.ssrc)
}

/// Makes room for one more among those retired. A source that comes back leaves it.
fn make_room(retired: &mut Vec<Retired>, back: u32, full: WhenFull) -> Result<(), Reason> {
    let gone = match position(retired, back) {
        Ok(at) => Some(at),
        Err(_) if retired.len() < full.retired_max() => None,
        Err(_) if full == WhenFull::Refuse => return Err(Reason::SrtpTooManySources),
        Err(_) => {
            let turns = retired.iter().enumerate();
            let oldest = turns.min_by_key(|(_, retired)| retired.turn);
            oldest.map(|(at, _)| at)
        }
    };
    if let Some(at) = gone {
        retired.remove(at);
    }
    Ok(())
}

impl Source {
    const fn new(ssrc: u32, window: Window, now: Now) -> Self {
        Self {
            ssrc,
            used: now,
            window,
        }
    }

    #[inline(always)]
    fn accept(&mut self, index: u64, size: WindowSize, now: Now) -> Result<bool, Reason> {
        self.window.check(index, size).map_err(reason)?;
        let is_newest = index > self.window.highest();
        self.window.accept(index);
        self.used = now;
        Ok(is_newest)
    }
}

impl Others {
    fn known(&self, ssrc: u32) -> Known<'_> {
        if let Some(source) = self.live.iter().find(|source| source.ssrc == ssrc) {
            return Known::Live(&source.window);
        }
        let at = position(&self.retired, ssrc).ok();
        let retired = at.and_then(|at| self.retired.get(at));
        retired.map_or(Known::Nothing, |retired| Known::Retired(retired.highest))
    }
}

/// The reason that a receiver gives.
const fn reason(stale: replay::Stale) -> Reason {
    match stale {
        replay::Stale::Replayed => Reason::SrtpReplayed,
        replay::Stale::TooOld => Reason::SrtpTooOld,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const SIZE: WindowSize = WindowSize::MIN;
    const SENDING: Rules = Rules {
        window: SIZE,
        live_max: 8,
        full: WhenFull::Refuse,
    };
    const RECEIVING: Rules = Rules {
        window: SIZE,
        live_max: 8,
        full: WhenFull::Forget,
    };

    fn accept(sources: &mut Sources, ssrc: u32, index: u64, seconds: u64) -> Result<(), Reason> {
        let now = Now::from_millis(seconds * 1000);
        sources.accept(ssrc, index, SENDING, now).map(|_| ())
    }

    #[test]
    fn ninth_source_waits_until_another_falls_silent() {
        let mut sources = Sources::default();
        for ssrc in 0..8 {
            accept(&mut sources, ssrc, 10, u64::from(ssrc)).unwrap();
        }
        accept(&mut sources, 0, 11, 8).unwrap();
        assert_eq!(
            accept(&mut sources, 8, 10, 4),
            Err(Reason::SrtpTooManySources)
        );
        accept(&mut sources, 8, 10, 8).unwrap();
        let mut live: Vec<u32> = sources.live().map(|(ssrc, _)| ssrc).collect();
        live.sort_unstable();
        assert_eq!(live, [0, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn retired_source_may_come_back_but_not_replay() {
        let mut sources = Sources::default();
        for ssrc in 0..9 {
            accept(&mut sources, ssrc, 100, u64::from(ssrc) * 10).unwrap();
        }
        assert_eq!(sources.known(0).highest(), Some(100));
        for index in [0, 99, 100] {
            assert_eq!(
                accept(&mut sources, 0, index, 90),
                Err(Reason::SrtpReplayed)
            );
        }
        accept(&mut sources, 0, 101, 90).unwrap();
        assert_eq!(accept(&mut sources, 0, 100, 90), Err(Reason::SrtpReplayed));
        assert_eq!(sources.known(1).check(100, SIZE), Err(Reason::SrtpReplayed));
    }

    /// SSRCs in no order, as sources choose them.
    fn ssrc(n: u32) -> u32 {
        n.wrapping_mul(0x9e37_79b1)
    }

    /// Lets that many sources come, each ten seconds after the one before.
    fn come_and_go(sources: &mut Sources, rules: Rules, many: u32) -> Result<(), Reason> {
        (0..many).try_for_each(|n| {
            let now = Now::from_millis(u64::from(n) * 10_000);
            sources.accept(ssrc(n), n.into(), rules, now).map(|_| ())
        })
    }

    #[test]
    fn sender_remembers_thousands_of_sources() {
        for many in [100, 5_000] {
            let mut sources = Sources::default();
            come_and_go(&mut sources, SENDING, many).unwrap();
            for n in 0..many {
                assert_eq!(sources.known(ssrc(n)).highest(), Some(n.into()));
                let again = accept(&mut sources, ssrc(n), n.into(), 100_000);
                assert_eq!(again, Err(Reason::SrtpReplayed));
            }
        }
    }

    #[test]
    fn sender_stops_when_it_can_remember_no_more_but_known_sources_go_on() {
        let all = u32::try_from(8 + SENT_MAX).unwrap();
        let mut sources = Sources::default();
        come_and_go(&mut sources, SENDING, all).unwrap();
        for n in all..all + 5 {
            let refused = accept(&mut sources, ssrc(n), 1, 100_000);
            assert_eq!(refused, Err(Reason::SrtpTooManySources));
        }
        assert_eq!(sources.known(ssrc(0)).highest(), Some(0));
        accept(&mut sources, ssrc(all - 1), u64::from(all), 100_000).unwrap();
        // One that comes back leaves the room that the one silent for longest then takes.
        for n in 0..3 {
            accept(&mut sources, ssrc(n), 1_000, 100_000).unwrap();
        }
        let others = sources.others.unwrap();
        assert_eq!(others.retired.len(), SENT_MAX);
        assert!(others.retired.is_sorted_by_key(|retired| retired.ssrc));
    }

    #[test]
    fn receiver_forgets_those_given_up_first() {
        let mut sources = Sources::default();
        let all = u32::try_from(8 + RECEIVED_MAX).unwrap();
        come_and_go(&mut sources, RECEIVING, all + 5).unwrap();
        for n in 0..all + 5 {
            let known = sources.known(ssrc(n)).highest();
            assert_eq!(known, (n >= 5).then_some(n.into()), "{n}");
        }
        assert_eq!(sources.others.unwrap().retired.len(), RECEIVED_MAX);
    }

    #[test]
    fn memory_of_a_retired_source_is_small_and_that_of_a_lone_one_none() {
        assert_eq!(size_of::<Retired>(), 16);
        let mut sources = Sources::default();
        accept(&mut sources, 1, 5, 0).unwrap();
        assert!(sources.others.is_none());
    }

    #[test]
    fn sources_do_not_share_indices() {
        let mut sources = Sources::default();
        accept(&mut sources, 1, 5, 0).unwrap();
        accept(&mut sources, 2, 5, 0).unwrap();
        assert_eq!(accept(&mut sources, 1, 5, 0), Err(Reason::SrtpReplayed));
        assert_eq!(accept(&mut sources, 2, 5, 0), Err(Reason::SrtpReplayed));
    }

    proptest! {
        #[test]
        fn no_index_of_any_source_is_sent_twice(
            steps in prop::collection::vec((0..12_u32, 0..20_u64, 0..9_u64), 1..400),
        ) {
            let rules = Rules { live_max: 3, ..SENDING };
            let (mut sources, mut sent, mut seconds) = (Sources::default(), BTreeSet::new(), 0);
            for (n, index, pause) in steps {
                seconds += pause;
                let now = Now::from_millis(seconds * 1000);
                if sources.accept(ssrc(n), index, rules, now).is_ok() {
                    prop_assert!(sent.insert((n, index)));
                }
            }
            let retired = sources.others.map_or_else(Vec::new, |others| others.retired);
            prop_assert!(retired.is_sorted_by(|a, b| a.ssrc < b.ssrc));
        }
    }
}
