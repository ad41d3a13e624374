//! When to get a sender going that has stopped.

use core::time::Duration;

use abi::Now;

/// First wait, and longest one, of a sender that has stopped.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Notices a sender that waits for nothing.
///
/// smoltcp drops its retransmission timer when it falls due while the window is shut, and begins
/// no probes then; and it drops its probe timer when the window opens, though what is in flight
/// may be lost. A late segment with an old window, or a lost one with a new window, is enough for
/// either: nothing would be sent before the next keepalive, if ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nudge {
    due: Option<Now>,
    wait: Duration,
}

impl Default for Nudge {
    fn default() -> Self {
        Self {
            due: None,
            wait: FIRST,
        }
    }
}

impl Nudge {
    /// Takes note of whether the sender has stopped, and whether the peer has acknowledged
    /// something since the last time.
    pub(crate) fn update(&mut self, stopped: bool, progress: bool, now: Now) {
        if progress {
            *self = Self::default();
        }
        if !stopped {
            self.due = None;
        } else if self.due.is_none() {
            self.due = Some(now + self.wait);
            self.wait = (self.wait * 2).min(LONGEST);
        }
    }

    /// When the sender is to be nudged.
    pub(crate) const fn due(&self) -> Option<Now> {
        self.due
    }

    /// Whether the sender is to be nudged now; the time starts anew then.
    pub(crate) fn take(&mut self, now: Now) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sender_without_progress_is_nudged_less_and_less_often() {
        let mut nudge = Nudge::default();
        let mut now = Now::from_millis(500);
        for wait in [1, 2, 4, 8, 16, 30, 30] {
            nudge.update(true, false, now);
            assert!(!nudge.take(now));
            assert_eq!(nudge.due(), Some(now + Duration::from_secs(wait)));
            now = now + Duration::from_secs(wait);
            assert!(nudge.take(now) && !nudge.take(now));
        }
        nudge.update(true, true, now);
        assert_eq!(nudge.due(), Some(now + FIRST));
        nudge.update(false, false, now);
        assert_eq!(nudge.due(), None);
    }
}
