//! A cursor over a stretch of a message.

use crate::{Cause, SipError, Span, span::is_lws};

/// Reads `bytes` from `at` up to `end`, remembering positions in the whole message.
#[derive(Clone, Debug)]
pub(crate) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(bytes: &'a [u8], span: Span) -> Self {
        Self {
            bytes,
            at: span.start,
            end: span.end.min(bytes.len()),
        }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn is_done(&self) -> bool {
        self.at >= self.end
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> Span {
        Span::new(self.at, self.end.max(self.at))
    }

    /// The octets of `span`.
    pub(crate) fn text(&self, span: Span) -> &'a [u8] {
        span.of(self.bytes)
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        if self.is_done() {
            None
        } else {
            self.bytes.get(self.at).copied()
        }
    }

    pub(crate) fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Takes `wanted` if it comes next.
    pub(crate) fn eat(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn skip_lws(&mut self) {
        self.take_while(is_lws);
    }

    pub(crate) fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> Span {
        let start = self.at;
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
        Span::new(start, self.at)
    }

    /// Takes a token (RFC 3261 §25.1); empty when none comes next.
    pub(crate) fn token(&mut self) -> Span {
        self.take_while(is_token)
    }

    /// Takes a quoted string, whose opening quote comes next, with both quotes.
    pub(crate) fn quoted(&mut self) -> Result<Span, SipError> {
        let start = self.at;
        if !self.eat(b'"') {
            return Err(Cause::Unbalanced.at(start));
        }
        loop {
            match self.bump() {
                Some(b'"') => return Ok(Span::new(start, self.at)),
                Some(b'\\') => {
                    self.bump();
                }
                Some(_) => {}
                None => return Err(Cause::Unbalanced.at(start)),
            }
        }
    }
}

pub(crate) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        )
}

/// A decimal number that fits; `None` for anything else, signs included.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')))
}
