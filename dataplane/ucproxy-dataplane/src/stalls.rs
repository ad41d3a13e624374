//! Transmit queues that take nothing although the link is up: a peer that is connected with fewer
//! queues than there are workers, or one that reads no more. DPDK says nothing of either; a memif
//! in particular shows the queues that were asked for, not those that its peer agreed to.

use std::time::Duration;

use abi::Now;
use abi::records::PortQueues;

/// How long a queue takes nothing before it is told of. A peer may well pause for less.
const LONG: Duration = Duration::from_secs(1);

/// What was seen of one worker's transmit queue on one port.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stall {
    taken: u64,
    refused: u64,
    /// When it first refused a frame since it last took one.
    since: Option<Now>,
    told: bool,
}

impl Stall {
    /// Looks again; `true` once a stall, when it is time to tell of it.
    pub(crate) fn look(&mut self, queues: &PortQueues, link_up: bool, now: Now) -> bool {
        let PortQueues {
            tx_taken: taken,
            tx_refused: refused,
            ..
        } = *queues;
        if !link_up || taken != self.taken {
            *self = Self {
                taken,
                refused,
                ..Self::default()
            };
            return false;
        }
        if refused == self.refused {
            return false;
        }
        self.refused = refused;
        let since = *self.since.get_or_insert(now);
        let due = !self.told && now.since(since) >= LONG;
        self.told |= due;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at a queue that has taken and refused so many, every half second.
    fn told(looks: &[(u64, u64, bool)]) -> Vec<usize> {
        let mut stall = Stall::default();
        let mut due = Vec::new();
        for (at, &(tx_taken, tx_refused, link_up)) in looks.iter().enumerate() {
            let queues = PortQueues {
                tx_taken,
                tx_refused,
                ..PortQueues::default()
            };
            let now = Now::from_nanos(at as u64 * 500_000_000);
            if stall.look(&queues, link_up, now) {
                due.push(at);
            }
        }
        due
    }

    #[test]
    fn a_queue_that_takes_nothing_is_told_of_once() {
        let never = [1, 2, 3, 4, 5].map(|refused| (0, refused, true));
        assert_eq!(told(&never), [2]);
        let not_any_more = [(9, 0, true), (9, 1, true), (9, 5, true), (9, 7, true)];
        assert_eq!(told(&not_any_more), [3]);
    }

    #[test]
    fn a_queue_that_takes_some_or_is_offered_none_is_not() {
        let takes_some = [1, 2, 3, 4].map(|frames| (frames, frames, true));
        assert!(told(&takes_some).is_empty());
        assert!(told(&[(0, 1, true); 5]).is_empty());
    }

    #[test]
    fn without_a_link_nothing_is_expected() {
        let mut looks = [1, 2, 3, 4].map(|refused| (0, refused, false)).to_vec();
        assert!(told(&looks).is_empty());
        looks.extend([5, 6, 7].map(|refused| (0, refused, true)));
        assert_eq!(told(&looks), [6], "the time runs from the link on");
    }
}
