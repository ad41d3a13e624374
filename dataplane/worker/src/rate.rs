//! A limit on log lines that peers can cause.

use abi::Now;

/// Lines that one worker may write in one second on behalf of peers.
const LINES_PER_SECOND: u32 = 10;

/// Admits a few lines each second and says how many it held back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogRate {
    second: u64,
    lines: u32,
    held_back: u64,
}

impl LogRate {
    /// Whether a line may be written at `now`.
    pub(crate) fn admits(&mut self, now: Now) -> bool {
        let second = now.millis() / 1_000;
        if second != self.second {
            if self.held_back > 0 {
                tracing::info!(lines = self.held_back, "log lines held back");
            }
            *self = Self {
                second,
                lines: 0,
                held_back: 0,
            };
        }
        self.lines += 1;
        let admitted = self.lines <= LINES_PER_SECOND;
        self.held_back += u64::from(!admitted);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_lines_a_second_and_more_in_the_next() {
        let mut rate = LogRate::default();
        let admitted = (0..100)
            .filter(|_| rate.admits(Now::from_millis(500)))
            .count();
        assert_eq!(admitted, 10);
        assert_eq!(rate.held_back, 90);
        assert!(rate.admits(Now::from_millis(1_000)));
    }
}
