//! Octets waiting for a reader, held in no more memory than they need.

/// What waits to be taken, first in first out; owns no memory while it is empty.
#[derive(Default)]
pub(crate) struct Pending {
    octets: Vec<u8>,
    /// How much of the front has been taken.
    taken: usize,
}

impl Pending {
    pub(crate) fn len(&self) -> usize {
        self.octets.len() - self.taken
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.compact();
        self.octets.extend_from_slice(octets);
    }

    /// Appends what `write` puts into `room` fresh octets; it returns how many it wrote.
    pub(crate) fn push_with<E>(
        &mut self,
        room: usize,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        self.compact();
        let start = self.octets.len();
        self.octets.resize(start + room, 0);
        let fresh = self.octets.get_mut(start..).unwrap_or_default();
        let written = write(fresh);
        let kept = written.as_ref().map_or(0, |&n| n.min(room));
        self.octets.truncate(start + kept);
        self.release_if_empty();
        written.map(|_| ())
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.octets.get(self.taken..).unwrap_or_default()
    }

    /// The last `n` octets, or as many as there are.
    pub(crate) fn last_mut(&mut self, n: usize) -> &mut [u8] {
        let start = self.octets.len() - n.min(self.len());
        self.octets.get_mut(start..).unwrap_or_default()
    }

    /// Forgets the first `n` octets.
    pub(crate) fn consume(&mut self, n: usize) {
        self.taken += n.min(self.len());
        self.release_if_empty();
    }

    /// Offers what waits to `take` until it takes nothing more; returns how much it took.
    pub(crate) fn drain_to(&mut self, take: &mut dyn FnMut(&[u8]) -> usize) -> usize {
        let mut total = 0;
        while !self.is_empty() {
            let n = take(self.as_slice()).min(self.len());
            if n == 0 {
                break;
            }
            self.consume(n);
            total += n;
        }
        total
    }

    fn release_if_empty(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Drops the taken front once it is half of everything, so that a reader who is always a
    /// little behind does not make the buffer grow.
    fn compact(&mut self) {
        if self.taken > self.octets.len() / 2 {
            self.octets.drain(..self.taken);
            self.taken = 0;
        }
    }
}

/// Octets of an incoming record's header: type, version, length (RFC 8446 §5.1).
const HEADER: usize = 5;
/// Longest record body of TLS 1.2, the laxer of the two (RFC 5246 §6.2.3).
const BODY_MAX: usize = (1 << 14) + 2048;

/// What follows in an [`Incoming`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A record that lacks at least this many octets.
    Need(usize),
    /// A whole record of this many octets.
    Record(usize),
    /// No record can begin like this.
    Malformed,
}

/// Ciphertext on its way into rustls, which wants whole records in one piece.
#[derive(Default)]
pub(crate) struct Incoming {
    octets: Vec<u8>,
    /// Front part made of whole records that rustls has read and still needs, because a handshake
    /// message in them goes on in the next record.
    seen: usize,
}

impl Incoming {
    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.octets
    }

    /// Where the next record ends, if all of it is there.
    pub(crate) fn next_end(&self) -> Option<usize> {
        match self.next() {
            Next::Record(len) => Some(self.seen + len),
            Next::Need(_) | Next::Malformed => None,
        }
    }

    /// Forgets the first `n` octets.
    pub(crate) fn discard(&mut self, n: usize) {
        if n >= self.octets.len() {
            *self = Self::default();
        } else if n > 0 {
            self.octets.drain(..n);
            self.seen = self.seen.saturating_sub(n);
        }
    }

    /// Notes that rustls has read the first `n` octets, of whole records, and still needs them.
    pub(crate) const fn mark_seen(&mut self, n: usize) {
        self.seen = n;
    }

    /// What follows the records that rustls has read.
    pub(crate) fn next(&self) -> Next {
        let rest = self.octets.get(self.seen..).unwrap_or_default();
        let &[kind, major, _, high, low, ..] = rest else {
            return Next::Need(HEADER - rest.len());
        };
        let body = usize::from(u16::from_be_bytes([high, low]));
        if !(20..=24).contains(&kind) || major != 3 || body > BODY_MAX {
            return Next::Malformed;
        }
        let len = HEADER + body;
        match len.checked_sub(rest.len()) {
            None | Some(0) => Next::Record(len),
            Some(lacking) => Next::Need(lacking),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emptied_buffer_owns_no_memory() {
        let mut pending = Pending::default();
        pending.push(&[7; 5000]);
        assert_eq!(pending.drain_to(&mut |o| o.len().min(4000)), 5000);
        assert_eq!(pending.octets.capacity(), 0);

        let mut incoming = Incoming::default();
        incoming.push(&[23, 3, 3, 0, 1, 0]);
        incoming.discard(6);
        assert_eq!(incoming.octets.capacity(), 0);
    }

    #[test]
    fn reader_that_takes_nothing_leaves_everything() {
        let mut pending = Pending::default();
        pending.push(b"abc");
        assert_eq!(pending.drain_to(&mut |_| 0), 0);
        assert_eq!(pending.as_slice(), b"abc");
    }

    #[test]
    fn reader_that_lags_does_not_make_the_buffer_grow() {
        let mut pending = Pending::default();
        pending.push(&[1; 100]);
        for _ in 0..1000 {
            pending.push(&[2; 100]);
            pending.consume(100);
        }
        assert_eq!(pending.len(), 100);
        assert!(pending.octets.capacity() <= 800);
    }

    #[test]
    fn failed_write_appends_nothing() {
        let mut pending = Pending::default();
        pending.push(b"a");
        assert_eq!(pending.push_with(9, |_| Err::<usize, _>(())), Err(()));
        pending
            .push_with(4, |fresh| {
                fresh[0] = b'b';
                Ok::<_, ()>(1)
            })
            .unwrap();
        assert_eq!(pending.as_slice(), b"ab");
    }

    #[test]
    fn record_boundaries_are_found() {
        let mut incoming = Incoming::default();
        assert_eq!(incoming.next(), Next::Need(5));
        incoming.push(&[22, 3, 1, 0, 2]);
        assert_eq!(incoming.next(), Next::Need(2));
        incoming.push(&[1, 2, 23]);
        assert_eq!(incoming.next(), Next::Record(7));
        assert_eq!(incoming.next_end(), Some(7));
        incoming.mark_seen(7);
        assert_eq!(incoming.next(), Next::Need(4));
        incoming.discard(7);
        assert_eq!(incoming.next(), Next::Need(4));
    }

    #[test]
    fn other_protocols_are_no_record() {
        for octets in [
            &b"GET / HTTP/1.1"[..],
            b"REGISTER sip:",
            &[22, 3, 3, 0xff, 0xff],
        ] {
            let mut incoming = Incoming::default();
            incoming.push(octets);
            assert_eq!(incoming.next(), Next::Malformed, "{octets:?}");
        }
    }
}
