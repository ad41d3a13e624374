//! Rings between workers: a frame that reached the wrong one goes to its owner.
//!
//! One ring for each ordered pair, so each has one producer and one consumer. A full ring drops,
//! counted by the caller; nobody waits.

use std::sync::Arc;

use abi::records::Depth;
use crossbeam_queue::ArrayQueue;
use ip::NeighborEvent;

/// What one worker tells another.
#[derive(Debug)]
pub enum Message<F> {
    /// A received frame that the other worker owns, and the port it came in by.
    Received {
        /// Index of the port.
        nic: usize,
        /// The frame, from its Ethernet header on.
        frame: F,
    },
    /// A finished frame to send by a port on which only the other worker has a queue.
    Transmit {
        /// Index of the port.
        nic: usize,
        /// The frame.
        frame: F,
    },
    /// News of a neighbour.
    Neighbor(NeighborEvent),
}

/// Messages that fit in one ring.
const DEPTH: usize = 1024;

/// One worker's ends of the rings. Its ring to itself exists and stays empty.
#[derive(Debug)]
pub struct Handoff<F> {
    to: Vec<Arc<ArrayQueue<Message<F>>>>,
    from: Vec<Arc<ArrayQueue<Message<F>>>>,
}

impl<F> Handoff<F> {
    /// The ends for each of `workers` workers.
    #[must_use]
    pub fn mesh(workers: usize) -> Vec<Self> {
        let rings: Vec<Vec<Arc<ArrayQueue<Message<F>>>>> = (0..workers)
            .map(|_| {
                (0..workers)
                    .map(|_| Arc::new(ArrayQueue::new(DEPTH)))
                    .collect()
            })
            .collect();
        (0..workers)
            .map(|me| Self {
                to: rings.get(me).cloned().unwrap_or_default(),
                from: rings
                    .iter()
                    .filter_map(|row| row.get(me).cloned())
                    .collect(),
            })
            .collect()
    }

    /// Gives `message` to `worker`; back again when its ring is full.
    ///
    /// # Errors
    /// The message, when it was not taken.
    pub fn send(&self, worker: usize, message: Message<F>) -> Result<(), Message<F>> {
        match self.to.get(worker) {
            Some(ring) => ring.push(message),
            None => Err(message),
        }
    }

    /// The next message from any other worker.
    #[inline]
    pub fn receive(&self) -> Option<Message<F>> {
        // Asked first because an empty ring's `pop` waits for all stores before it.
        let mut rings = self.from.iter().filter(|ring| !ring.is_empty());
        rings.find_map(|ring| ring.pop())
    }

    /// Messages that wait for this worker: in all rings, and in the fullest.
    #[must_use]
    pub fn depths(&self) -> (Depth, Depth) {
        let depth = |waiting, rings: usize| Depth {
            waiting,
            room: (rings * DEPTH) as u64,
        };
        let others = self.from.len().saturating_sub(1);
        let lens = self.from.iter().map(|ring| ring.len() as u64);
        let (all, fullest) = lens.fold((0, 0), |(all, most), len| (all + len, len.max(most)));
        (depth(all, others), depth(fullest, others.min(1)))
    }

    /// How many workers there are.
    #[must_use]
    pub const fn workers(&self) -> usize {
        self.to.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reaches_its_worker_alone() {
        let mesh = Handoff::<u32>::mesh(3);
        mesh[0]
            .send(2, Message::Received { nic: 1, frame: 7 })
            .unwrap();
        assert!(mesh[0].receive().is_none() && mesh[1].receive().is_none());
        mesh[1]
            .send(2, Message::Received { nic: 0, frame: 8 })
            .unwrap();
        let (all, fullest) = mesh[2].depths();
        assert_eq!((all.waiting, all.room), (2, 2 * DEPTH as u64));
        assert_eq!((fullest.waiting, fullest.room), (1, DEPTH as u64));
        assert!(matches!(
            mesh[2].receive(),
            Some(Message::Received { nic: 1, frame: 7 })
        ));
        assert!(mesh[2].receive().is_some() && mesh[2].receive().is_none());
    }

    #[test]
    fn a_full_ring_gives_the_message_back() {
        let mesh = Handoff::<u32>::mesh(2);
        for n in 0..DEPTH {
            let frame = u32::try_from(n).unwrap();
            mesh[0]
                .send(1, Message::Transmit { nic: 0, frame })
                .unwrap();
        }
        assert!(
            mesh[0]
                .send(1, Message::Transmit { nic: 0, frame: 0 })
                .is_err()
        );
    }
}
