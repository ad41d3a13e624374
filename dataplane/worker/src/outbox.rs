//! Plaintext on its way to a leg.

use std::collections::VecDeque;

/// Octets in order. Gives its memory back when it runs empty, because most legs are idle.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    octets: VecDeque<u8>,
}

impl Outbox {
    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.octets.extend(octets);
    }

    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Offers what waits to `take`, which returns how much it took, until it takes nothing.
    /// Returns how much was taken in all.
    pub(crate) fn drain_to(&mut self, mut take: impl FnMut(&[u8]) -> usize) -> usize {
        let mut total = 0;
        while !self.octets.is_empty() {
            let (front, _) = self.octets.as_slices();
            let taken = take(front).min(front.len());
            if taken == 0 {
                break;
            }
            self.octets.drain(..taken);
            total += taken;
        }
        if self.octets.is_empty() {
            self.octets = VecDeque::new();
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_leave_in_order_and_memory_is_given_back() {
        let mut outbox = Outbox::default();
        outbox.push(b"abc");
        outbox.push(b"def");
        let mut seen = Vec::new();
        let mut room = 4;
        let taken = outbox.drain_to(|octets| {
            let n = octets.len().min(room);
            room -= n;
            seen.extend_from_slice(&octets[..n]);
            n
        });
        assert_eq!(
            (taken, outbox.len(), seen.as_slice()),
            (4, 2, b"abcd".as_slice())
        );
        outbox.drain_to(<[u8]>::len);
        assert!(outbox.is_empty());
        assert_eq!(outbox.octets.capacity(), 0);
    }
}
