//! Where one message ends and the next begins on a stream (RFC 3261 §18.3, RFC 5626 §3.5.1).

use crate::{Cause, Frame, Limits, SipError, scan::is_token, start::looks_like_sip};

/// What the framer found.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The input is used up, and at least so many octets are missing.
    Need(usize),
    /// Empty lines between messages.
    Blank {
        /// How many.
        lines: usize,
        /// How many keepalive pings (two empty lines) they complete.
        pings: usize,
    },
    /// A message.
    Frame(Frame),
}

/// Why the stream cannot be followed any further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct FramingError {
    /// What is wrong, with its position in the message.
    pub error: SipError,
    /// The header block, if it is sound, so that it can be answered.
    pub head: Option<Box<Frame>>,
}

/// Cuts messages out of a stream.
///
/// Every octet is looked at once, however the stream is cut into reads, and nothing is kept
/// between messages.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Before a start line.
    Between { cr: bool, lines: usize },
    /// In a header block.
    Head(Head),
    /// In a body, of which `missing` octets have not come.
    Body { frame: Frame, missing: usize },
    /// After an error.
    Failed(SipError),
}

#[derive(Debug, Default)]
struct Head {
    bytes: Vec<u8>,
    line_at: usize,
    fields: usize,
}

impl Framer {
    /// A framer at the start of a stream.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::between(),
        }
    }

    /// Takes from `input` up to the next thing worth telling. Call again until
    /// [`Parsed::Need`].
    ///
    /// # Errors
    /// The stream is lost, and every further call says so again.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Parsed, FramingError> {
        let state = core::mem::replace(&mut self.state, State::between());
        let result = match state {
            State::Between { cr, lines } => self.read_between(cr, lines, input),
            State::Head(head) => self.read_head(head, input),
            State::Body { frame, missing } => Ok(self.read_body(frame, missing, input)),
            State::Failed(error) => Err(FramingError { error, head: None }),
        };
        if let Err(failed) = &result {
            self.state = State::Failed(failed.error);
        }
        result
    }

    /// Whether the stream may end here without cutting a message short.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        matches!(self.state, State::Between { .. })
    }

    /// Octets held of a message that is not complete.
    #[must_use]
    pub fn held(&self) -> usize {
        match &self.state {
            State::Head(head) => head.bytes.len(),
            State::Body { frame, .. } => frame.bytes.len(),
            State::Between { .. } | State::Failed(_) => 0,
        }
    }

    fn read_between(
        &mut self,
        mut cr: bool,
        before: usize,
        input: &mut &[u8],
    ) -> Result<Parsed, FramingError> {
        let mut lines = before;
        while let Some((&byte, rest)) = input.split_first() {
            match byte {
                b'\r' if !cr => cr = true,
                b'\n' if cr || self.limits.lenient => {
                    cr = false;
                    lines += 1;
                }
                // What came before is told first, so that cutting the stream changes nothing.
                _ if lines > before => break,
                _ if cr || !is_token(byte) => return Err(lost(Cause::NotSip, 0)),
                _ => break,
            }
            *input = rest;
        }
        if lines > before {
            self.state = State::Between {
                cr,
                lines: lines % 2,
            };
            return Ok(Parsed::Blank {
                lines: lines - before,
                pings: lines / 2,
            });
        }
        if input.is_empty() {
            self.state = State::Between { cr, lines };
            return Ok(Parsed::Need(1));
        }
        self.read_head(Head::default(), input)
    }

    fn read_head(&mut self, mut head: Head, input: &mut &[u8]) -> Result<Parsed, FramingError> {
        while !input.is_empty() {
            let line_feed = input.iter().position(|b| *b == b'\n');
            let take = line_feed.map_or(input.len(), |i| i + 1);
            let (piece, rest) = input.split_at_checked(take).unwrap_or((input, &[]));
            head.push(piece, &self.limits)?;
            *input = rest;
            if line_feed.is_some() && head.end_line(&self.limits)? {
                return self.end_head(head, input);
            }
        }
        self.state = State::Head(head);
        Ok(Parsed::Need(1))
    }

    fn end_head(&mut self, head: Head, input: &mut &[u8]) -> Result<Parsed, FramingError> {
        let body_at = head.bytes.len();
        let frame = Frame::index(head.bytes, body_at)
            .map_err(|error| FramingError { error, head: None })?;
        let length = match frame.content_length(&self.limits) {
            Ok(length) if body_at + length <= self.limits.message => length,
            Ok(_) => return Err(answerable(Cause::MessageTooLong.at(body_at), frame)),
            Err(error) => return Err(answerable(error, frame)),
        };
        Ok(self.read_body(frame, length, input))
    }

    fn read_body(&mut self, mut frame: Frame, missing: usize, input: &mut &[u8]) -> Parsed {
        let (piece, rest) = input.split_at_checked(missing).unwrap_or((input, &[]));
        let missing = missing - piece.len();
        frame.bytes.extend_from_slice(piece);
        *input = rest;
        if missing > 0 {
            self.state = State::Body { frame, missing };
            return Parsed::Need(missing);
        }
        Parsed::Frame(frame)
    }
}

impl State {
    const fn between() -> Self {
        Self::Between {
            cr: false,
            lines: 0,
        }
    }
}

impl Head {
    /// Takes a piece that holds at most one line's end.
    fn push(&mut self, piece: &[u8], limits: &Limits) -> Result<(), FramingError> {
        let at = self.bytes.len();
        if at - self.line_at + piece.len() > limits.line {
            return Err(lost(Cause::LineTooLong, self.line_at));
        }
        if at + piece.len() > limits.header_block {
            return Err(lost(Cause::HeaderBlockTooLong, limits.header_block));
        }
        self.bytes.extend_from_slice(piece);
        // The first line tells whether the peer speaks SIP at all: there, anything binary does.
        if self.line_at == 0 {
            let is_binary = |b: &u8| *b < b' ' && !matches!(b, b'\t' | b'\r' | b'\n');
            let found = piece.iter().position(is_binary);
            return found.map_or(Ok(()), |i| Err(lost(Cause::NotSip, at + i)));
        }
        // A NUL may stand in a quoted pair (RFC 4475 §3.1.1.2), and nowhere else.
        for (i, _) in piece.iter().enumerate().filter(|(_, b)| **b == 0) {
            let before = (at + i)
                .checked_sub(1)
                .and_then(|before| self.bytes.get(before));
            if before != Some(&b'\\') {
                return Err(lost(Cause::BadCharacter, at + i));
            }
        }
        Ok(())
    }

    /// Looks at the line that has just ended; `true` when it was the empty one.
    fn end_line(&mut self, limits: &Limits) -> Result<bool, FramingError> {
        if !self.bytes.ends_with(b"\r\n") {
            if !limits.lenient {
                return Err(lost(Cause::BadCharacter, self.bytes.len() - 1));
            }
            self.bytes.truncate(self.bytes.len() - 1);
            self.bytes.extend_from_slice(b"\r\n");
        }
        let line_at = core::mem::replace(&mut self.line_at, self.bytes.len());
        let line = self
            .bytes
            .get(line_at..self.bytes.len() - 2)
            .unwrap_or_default();
        if line.contains(&b'\r') {
            return Err(lost(Cause::BadCharacter, line_at));
        }
        match line.first() {
            None => return Ok(true),
            _ if line_at == 0 => {
                if !looks_like_sip(line) {
                    return Err(lost(Cause::NotSip, 0));
                }
            }
            Some(b' ' | b'\t') => {}
            Some(_) => self.fields += 1,
        }
        if self.fields > limits.headers {
            return Err(lost(Cause::TooManyHeaders, line_at));
        }
        Ok(false)
    }
}

fn lost(cause: Cause, offset: usize) -> FramingError {
    FramingError {
        error: cause.at(offset),
        head: None,
    }
}

fn answerable(error: SipError, frame: Frame) -> FramingError {
    FramingError {
        error,
        head: Some(Box::new(frame)),
    }
}
