//! The sources (SSRCs) of one direction of one protocol, each with its own indices.

use core::time::Duration;

use abi::{Now, Reason};

use crate::replay::Window;
use crate::{WindowSize, replay};

/// Sources given up whose highest index is still known.
const RETIRED_MAX: usize = 64;

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
pub(crate) struct Retired {
    ssrc: u32,
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
    retired: Vec<Retired>,
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
    fn replace_oldest(&mut self, source: Source, now: Now, full: WhenFull) -> Result<(), Reason> {
        let Others { live, retired } = &mut **self.others.get_or_insert_default();
        let oldest = self
            .first
            .iter_mut()
            .chain(live)
            .min_by_key(|live| live.used);
        let oldest = oldest.ok_or(Reason::SrtpTooManySources)?;
        if now.since(oldest.used) < KEEP {
            return Err(Reason::SrtpTooManySources);
        }
        // One that comes back leaves its place in the list to the one that it replaces.
        if let Some(at) = retired
            .iter()
            .position(|retired| retired.ssrc == source.ssrc)
        {
            retired.remove(at);
        }
        if retired.len() >= RETIRED_MAX {
            if full == WhenFull::Refuse {
                return Err(Reason::SrtpTooManySources);
            }
            retired.remove(0);
        }
        let gone = core::mem::replace(oldest, source);
        retired.push(Retired {
            ssrc: gone.ssrc,
            highest: gone.window.highest(),
        });
        Ok(())
    }
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
        let retired = self.retired.iter().find(|retired| retired.ssrc == ssrc);
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

    #[test]
    fn sender_stops_and_receiver_forgets_when_too_many_have_come_and_gone() {
        let (mut sender, mut receiver) = (Sources::default(), Sources::default());
        let ssrcs = u32::try_from(8 + RETIRED_MAX).unwrap();
        for ssrc in 0..ssrcs + 5 {
            let now = Now::from_millis(u64::from(ssrc) * 10_000);
            let sent = sender.accept(ssrc, 1, SENDING, now);
            assert_eq!(sent.is_ok(), ssrc < ssrcs);
            receiver.accept(ssrc, 1, RECEIVING, now).unwrap();
        }
        assert_eq!(sender.known(0).highest(), Some(1));
        assert_eq!(receiver.known(0).highest(), None);
        assert_eq!(receiver.others.unwrap().retired.len(), RETIRED_MAX);
    }

    #[test]
    fn sources_do_not_share_indices() {
        let mut sources = Sources::default();
        accept(&mut sources, 1, 5, 0).unwrap();
        accept(&mut sources, 2, 5, 0).unwrap();
        assert_eq!(accept(&mut sources, 1, 5, 0), Err(Reason::SrtpReplayed));
        assert_eq!(accept(&mut sources, 2, 5, 0), Err(Reason::SrtpReplayed));
    }
}
