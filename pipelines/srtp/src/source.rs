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
    more: Vec<Source>,
    retired: Vec<Retired>,
}

impl Sources {
    /// The highest index of a source; `None` if it is not known.
    #[inline]
    pub(crate) fn highest(&self, ssrc: u32) -> Option<u64> {
        match self.find(ssrc) {
            Some(source) => Some(source.window.highest()),
            None => self.retired(ssrc),
        }
    }

    /// Whether a packet of `ssrc` with `index` may be accepted.
    #[inline]
    pub(crate) fn check(&self, ssrc: u32, index: u64, size: WindowSize) -> Result<(), Reason> {
        match self.find(ssrc) {
            Some(source) => source.window.check(index, size).map_err(reason),
            None if self.retired(ssrc).is_some_and(|highest| index <= highest) => {
                Err(Reason::SrtpReplayed)
            }
            None => Ok(()),
        }
    }

    /// Takes note of an index, and of the source if it is new. Returns whether the index is the
    /// highest of its source.
    #[inline]
    pub(crate) fn accept(
        &mut self,
        ssrc: u32,
        index: u64,
        rules: Rules,
        now: Now,
    ) -> Result<bool, Reason> {
        let mut live = self.first.iter_mut().chain(&mut self.more);
        if let Some(source) = live.find(|source| source.ssrc == ssrc) {
            source.window.check(index, rules.window).map_err(reason)?;
            let is_newest = index > source.window.highest();
            source.window.accept(index);
            source.used = now;
            return Ok(is_newest);
        }
        self.check(ssrc, index, rules.window)?;
        self.admit(ssrc, index, rules, now)?;
        Ok(true)
    }

    /// Live sources with their highest indices.
    pub(crate) fn live(&self) -> impl Iterator<Item = (u32, u64)> {
        let live = self.first.iter().chain(&self.more);
        live.map(|source| (source.ssrc, source.window.highest()))
    }

    fn find(&self, ssrc: u32) -> Option<&Source> {
        self.first
            .iter()
            .chain(&self.more)
            .find(|source| source.ssrc == ssrc)
    }

    fn retired(&self, ssrc: u32) -> Option<u64> {
        let retired = self.retired.iter().find(|retired| retired.ssrc == ssrc);
        retired.map(|retired| retired.highest)
    }

    /// Makes a place for a source that has none.
    fn admit(&mut self, ssrc: u32, index: u64, rules: Rules, now: Now) -> Result<(), Reason> {
        let size = rules.window;
        let returning = self.retired.iter().position(|retired| retired.ssrc == ssrc);
        let window = match returning.and_then(|at| self.retired.get(at)) {
            Some(retired) => {
                let mut window = Window::closed_at(retired.highest, size);
                window.accept(index);
                window
            }
            None => Window::starting_at(index, size),
        };
        let source = Source {
            ssrc,
            used: now,
            window,
        };
        if self.first.is_none() {
            self.first = Some(source);
        } else if self.more.len() + 1 < usize::from(rules.live_max) {
            self.more.push(source);
        } else {
            self.replace_oldest(source, now, returning.is_some(), rules.full)?;
        }
        if let Some(at) = returning {
            self.retired.remove(at);
        }
        Ok(())
    }

    /// Retires the source silent for longest. `returning` says that `source` leaves the list of
    /// retired ones, so that there is room in it.
    fn replace_oldest(
        &mut self,
        source: Source,
        now: Now,
        returning: bool,
        full: WhenFull,
    ) -> Result<(), Reason> {
        let live = self.first.iter_mut().chain(&mut self.more);
        let oldest = live
            .min_by_key(|live| live.used)
            .ok_or(Reason::SrtpTooManySources)?;
        if now.since(oldest.used) < KEEP {
            return Err(Reason::SrtpTooManySources);
        }
        if self.retired.len() >= RETIRED_MAX && !returning {
            if full == WhenFull::Refuse {
                return Err(Reason::SrtpTooManySources);
            }
            self.retired.remove(0);
        }
        let gone = core::mem::replace(oldest, source);
        self.retired.push(Retired {
            ssrc: gone.ssrc,
            highest: gone.window.highest(),
        });
        Ok(())
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
        assert_eq!(sources.highest(0), Some(100));
        for index in [0, 99, 100] {
            assert_eq!(
                accept(&mut sources, 0, index, 90),
                Err(Reason::SrtpReplayed)
            );
        }
        accept(&mut sources, 0, 101, 90).unwrap();
        assert_eq!(accept(&mut sources, 0, 100, 90), Err(Reason::SrtpReplayed));
        assert_eq!(sources.check(1, 100, SIZE), Err(Reason::SrtpReplayed));
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
        assert_eq!(sender.highest(0), Some(1));
        assert_eq!(receiver.highest(0), None);
        assert_eq!(receiver.retired.len(), RETIRED_MAX);
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
