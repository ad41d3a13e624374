//! Where something stands in a message.

/// A run of octets, by position in the whole message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Position of the first octet.
    pub start: usize,
    /// Position behind the last octet.
    pub end: usize,
}

impl Span {
    /// From `start` up to `end`, which is not before it.
    #[must_use]
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Nothing, at `at`.
    #[must_use]
    pub const fn empty(at: usize) -> Self {
        Self { start: at, end: at }
    }

    /// The octets; none when `bytes` is too short.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// How many octets.
    #[must_use]
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether all of `inner` lies within.
    #[must_use]
    pub const fn contains(self, inner: Self) -> bool {
        self.start <= inner.start && inner.end <= self.end
    }

    /// Without white space at either end.
    #[must_use]
    pub fn trimmed(self, bytes: &[u8]) -> Self {
        let text = self.of(bytes);
        let front = text.iter().take_while(|b| is_lws(**b)).count();
        if front == text.len() {
            return Self::empty(self.start);
        }
        let back = text.iter().rev().take_while(|b| is_lws(**b)).count();
        Self::new(self.start + front, self.end - back)
    }
}

/// White space inside a header value. CR and LF occur there only as folding, which the frame has
/// checked.
pub(crate) const fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
