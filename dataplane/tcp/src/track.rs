//! What both sides have said on the wire, as far as smoltcp does not tell.

use crate::segment::Segment;

/// Sequence numbers of one connection.
///
/// smoltcp keeps its own and does not show them. These are enough to tell a guessed reset from a
/// real one (RFC 5961 §3) and to hold a peer to the window that was announced to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Track {
    /// Sequence number of the first octet from the peer; meaningless until `opened`.
    first: u32,
    /// Octets from the peer that the owner has taken.
    taken: u32,
    /// End of the window that was announced.
    edge: u32,
    /// First of our sequence numbers that is not acknowledged.
    una: u32,
    /// After the last of our sequence numbers that was sent.
    sent: u32,
    /// Window that the peer announced last, not scaled.
    peer_window: u16,
    /// Scale of our window.
    shift: u8,
    opened: bool,
}

impl Track {
    pub(crate) const fn new(isn: u32) -> Self {
        Self {
            first: 0,
            taken: 0,
            edge: 0,
            una: isn,
            sent: isn,
            peer_window: 0,
            shift: 0,
            opened: false,
        }
    }

    /// The peer's SYN has been seen; our own SYN announced `window` octets, not scaled, and
    /// later windows are scaled by `shift`.
    pub(crate) const fn open(&mut self, peer_isn: u32, window: u16, shift: u8) {
        self.shift = shift;
        self.first = peer_isn.wrapping_add(1);
        self.edge = self.first.wrapping_add(window as u32);
        self.opened = true;
    }

    /// The owner has taken `len` octets.
    pub(crate) fn take(&mut self, len: usize) {
        self.taken = self.taken.wrapping_add(octets(len));
    }

    /// The next sequence number expected from the peer, when `unread` octets wait for the owner.
    pub(crate) fn next(&self, unread: usize, fin: bool) -> u32 {
        self.first
            .wrapping_add(self.taken)
            .wrapping_add(octets(unread))
            .wrapping_add(u32::from(fin))
    }

    /// First of our sequence numbers that is not acknowledged.
    pub(crate) const fn una(&self) -> u32 {
        self.una
    }

    /// Window that the peer announced last, not scaled.
    pub(crate) const fn peer_window(&self) -> u16 {
        self.peer_window
    }

    /// Whether a payload that ends before `end` goes beyond the announced window, while that is
    /// open. Into a closed window the peer may send a probe.
    pub(crate) const fn overruns(&self, end: u32, next: u32) -> bool {
        after(self.edge, next) && after(end, self.edge)
    }

    /// Whether `seq` lies in the announced window.
    pub(crate) const fn in_window(&self, seq: u32, next: u32) -> bool {
        !after(next, seq) && after(self.edge, seq)
    }

    /// Takes note of the acknowledgement in a segment from the peer; tells whether it is news.
    pub(crate) fn acknowledge(&mut self, segment: &Segment<'_>) -> bool {
        self.peer_window = segment.window;
        match segment.ack {
            Some(ack) if after(ack, self.una) && !after(ack, self.sent) => {
                self.una = ack;
                true
            }
            _ => false,
        }
    }

    /// Takes note of a segment that went out.
    pub(crate) fn emitted(&mut self, segment: &Segment<'_>) {
        if segment.syn && self.una == self.sent {
            (self.una, self.sent) = (segment.seq, segment.seq);
        }
        if after(segment.end(), self.sent) {
            self.sent = segment.end();
        }
        let Some(ack) = segment.ack.filter(|_| self.opened && !segment.rst) else {
            return;
        };
        let shift = if segment.syn { 0 } else { self.shift };
        let edge = ack.wrapping_add(u32::from(segment.window) << shift);
        if after(edge, self.edge) {
            self.edge = edge;
        }
    }
}

/// A number of octets in a buffer, which is far smaller than 2^32.
fn octets(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Whether sequence number `a` comes after `b` (RFC 9293 §3.4).
const fn after(a: u32, b: u32) -> bool {
    b.wrapping_sub(a).cast_signed() < 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_wraps_with_the_numbers() {
        assert!(after(1, 0));
        assert!(after(0, u32::MAX));
        assert!(!after(5, 5));
        assert!(!after(u32::MAX, 0));
    }

    #[test]
    fn window_is_judged_across_the_wrap() {
        let mut track = Track::new(7);
        track.open(u32::MAX - 10, 100, 0);
        let next = track.next(0, false);
        assert_eq!(next, u32::MAX - 9);
        assert!(track.in_window(next, next) && track.in_window(89, next));
        assert!(!track.in_window(90, next) && !track.in_window(next.wrapping_sub(1), next));
        assert!(!track.overruns(90, next) && track.overruns(91, next));
        track.take(20);
        assert_eq!(track.next(5, true), 16);
    }
}
