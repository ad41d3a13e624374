//! What a worker does when a turn found nothing to do.

use core::time::Duration;

use abi::policy::Idle;

/// Empty turns spent pausing before the first sleep.
const PAUSES: u32 = 256;
/// The first sleep; each one after it is twice as long, up to the policy's longest.
const FIRST_SLEEP: Duration = Duration::from_micros(10);

/// How long to rest, decided after each turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    policy: Idle,
    empty_turns: u32,
    sleep: Duration,
}

/// What to do before the next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Go on at once.
    None,
    /// Let the sibling hardware thread have the core for a moment.
    Pause,
    /// Give the core back to the system for this long.
    Sleep(Duration),
}

impl Backoff {
    /// Rests as `policy` says.
    #[must_use]
    pub(crate) const fn new(policy: Idle) -> Self {
        Self {
            policy,
            empty_turns: 0,
            sleep: FIRST_SLEEP,
        }
    }

    /// Decides after a turn; `wanted_in` tells the time to the next timer, if any.
    pub(crate) fn after_turn(
        &mut self,
        busy: bool,
        wanted_in: impl FnOnce() -> Option<Duration>,
    ) -> Rest {
        if busy {
            (self.empty_turns, self.sleep) = (0, FIRST_SLEEP);
            return Rest::None;
        }
        self.empty_turns = self.empty_turns.saturating_add(1);
        match self.policy {
            Idle::Busy => Rest::Pause,
            Idle::Backoff { .. } if self.empty_turns <= PAUSES => Rest::Pause,
            Idle::Backoff { sleep_us_max } => {
                let max = Duration::from_micros(u64::from(sleep_us_max)).max(FIRST_SLEEP);
                let sleep = self.sleep.min(max);
                self.sleep = (self.sleep * 2).min(max);
                match sleep.min(wanted_in().unwrap_or(sleep)) {
                    Duration::ZERO => Rest::None,
                    sleep => Rest::Sleep(sleep),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exhausted(sleep_us_max: u32) -> Backoff {
        let mut backoff = Backoff::new(Idle::Backoff { sleep_us_max });
        for _ in 0..PAUSES {
            assert_eq!(backoff.after_turn(false, || None), Rest::Pause);
        }
        backoff
    }

    #[test]
    fn busy_policy_never_sleeps() {
        let mut backoff = Backoff::new(Idle::Busy);
        assert!((0..10_000).all(|_| backoff.after_turn(false, || None) == Rest::Pause));
    }

    #[test]
    fn sleeps_double_up_to_the_longest_and_work_resets_them() {
        let mut backoff = exhausted(35);
        let micros = |us| Rest::Sleep(Duration::from_micros(us));
        let sleeps: Vec<_> = (0..4).map(|_| backoff.after_turn(false, || None)).collect();
        assert_eq!(sleeps, [micros(10), micros(20), micros(35), micros(35)]);
        assert_eq!(backoff.after_turn(true, || None), Rest::None);
        assert_eq!(backoff.after_turn(false, || None), Rest::Pause);
    }

    #[test]
    fn a_timer_cuts_the_sleep_short() {
        let mut backoff = exhausted(1000);
        let soon = Duration::from_micros(3);
        assert_eq!(backoff.after_turn(false, || Some(soon)), Rest::Sleep(soon));
        assert_eq!(
            backoff.after_turn(false, || Some(Duration::ZERO)),
            Rest::None
        );
    }
}
