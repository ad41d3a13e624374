//! One message cut out of the stream, its header fields found but not interpreted.

use core::fmt;

use crate::{Cause, Limits, Name, SipError, Span, scan::is_token, scan::number};

/// Largest Content-Length that is believed at all.
const LENGTH_MAX: u64 = 1 << 31;

/// A header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// What it is called.
    pub name: Name,
    /// The name as written.
    pub name_span: Span,
    /// The value without white space at its ends; folding inside stays.
    pub value: Span,
    /// The whole field with its line endings.
    pub line: Span,
}

/// A message as it came, and where its parts stand.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    pub(crate) bytes: Vec<u8>,
    pub(crate) start: Span,
    pub(crate) fields: Vec<Field>,
    pub(crate) body_at: usize,
}

impl Frame {
    /// Finds the fields of a header block that ends at `body_at`. Every line in it ends with
    /// CRLF, which the framer has seen to.
    pub(crate) fn index(bytes: Vec<u8>, body_at: usize) -> Result<Self, SipError> {
        let (start, fields) = find_fields(&bytes, body_at)?;
        Ok(Self {
            bytes,
            start,
            fields,
            body_at,
        })
    }

    /// The head of this message alone, as a message without a body. It keeps its Content-Length.
    #[must_use]
    pub fn to_head(&self) -> Self {
        let head = self.bytes.get(..self.body_at).unwrap_or_default();
        Self {
            bytes: head.to_vec(),
            start: self.start,
            fields: self.fields.clone(),
            body_at: self.body_at,
        }
    }

    /// The start line without its ending.
    #[must_use]
    pub fn start_line(&self) -> &[u8] {
        self.start.of(&self.bytes)
    }

    /// The whole message.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> Span {
        Span::new(self.body_at, self.bytes.len())
    }

    /// All header fields, in order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The header fields called `name`, in order.
    pub fn fields_named(&self, name: Name) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(move |f| f.name == name)
    }

    /// The value of the first header field called `name`.
    #[must_use]
    pub fn value(&self, name: Name) -> Option<Span> {
        self.fields_named(name).next().map(|f| f.value)
    }

    /// The octets of the first header field called `name`.
    #[must_use]
    pub fn text(&self, name: Name) -> Option<&[u8]> {
        self.value(name).map(|v| v.of(&self.bytes))
    }

    /// The values of all header fields called `name`, taken apart at commas where the field is a
    /// list.
    ///
    /// # Errors
    /// [`Cause::Unbalanced`] for a quote or bracket that is not closed.
    pub fn values(&self, name: Name) -> Result<Vec<Span>, SipError> {
        let mut found = Vec::new();
        for field in self.fields_named(name) {
            if name.is_list() {
                split_list(&self.bytes, field.value, &mut found)?;
            } else {
                found.push(field.value);
            }
        }
        Ok(found)
    }

    /// Octets of body that the header block announces.
    pub(crate) fn content_length(&self, limits: &Limits) -> Result<usize, SipError> {
        let mut length = None;
        for field in self.fields_named(Name::ContentLength) {
            let said = number(field.value.of(&self.bytes)).filter(|n| *n < LENGTH_MAX);
            let said = said.and_then(|n| usize::try_from(n).ok());
            let said = said.ok_or_else(|| Cause::LengthImpossible.at(field.value.start))?;
            if length.is_some_and(|l| l != said) {
                return Err(Cause::LengthDoubled.at(field.value.start));
            }
            length = Some(said);
        }
        match length {
            Some(length) => Ok(length),
            None if limits.lenient => Ok(0),
            None => Err(Cause::LengthMissing.at(self.body_at)),
        }
    }
}

/// Shows sizes alone: a message holds credentials and keys.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("head", &self.body_at)
            .field("fields", &self.fields.len())
            .field("body", &self.body().len())
            .finish()
    }
}

fn find_fields(bytes: &[u8], body_at: usize) -> Result<(Span, Vec<Field>), SipError> {
    let start_end = line_end(bytes, 0, body_at);
    let start = Span::new(0, start_end.saturating_sub(2));
    let last = body_at.saturating_sub(2);
    let mut fields = Vec::new();
    let mut at = start_end;
    while at < last {
        let mut end = line_end(bytes, at, last);
        while matches!(bytes.get(end), Some(b' ' | b'\t')) && end < last {
            end = line_end(bytes, end, last);
        }
        fields.push(read_field(bytes, Span::new(at, end))?);
        at = end;
    }
    Ok((start, fields))
}

fn read_field(bytes: &[u8], line: Span) -> Result<Field, SipError> {
    let bad = Cause::NotField.at(line.start);
    let colon = line.of(bytes).iter().position(|b| *b == b':').ok_or(bad)? + line.start;
    // White space may stand before the colon (RFC 3261 §25.1, HCOLON), but no name begins with
    // it: that would be a fold of nothing.
    let name_span = Span::new(line.start, colon).trimmed(bytes);
    let name = name_span.of(bytes);
    if name_span.start != line.start || name.is_empty() || !name.iter().all(|b| is_token(*b)) {
        return Err(bad);
    }
    let value = Span::new(colon + 1, line.end).trimmed(bytes);
    Ok(Field {
        name: Name::from_text(name),
        name_span,
        value,
        line,
    })
}

/// Position behind the line feed that ends the line at `at`.
fn line_end(bytes: &[u8], at: usize, limit: usize) -> usize {
    let rest = bytes.get(at..limit).unwrap_or_default();
    rest.iter()
        .position(|b| *b == b'\n')
        .map_or(limit, |i| at + i + 1)
}

/// Splits `value` at commas outside quotes and angle brackets; empty elements are passed over.
fn split_list(bytes: &[u8], value: Span, found: &mut Vec<Span>) -> Result<(), SipError> {
    let mut scan = crate::scan::Scan::new(bytes, value);
    let mut start = value.start;
    let mut bracket = None;
    while let Some(byte) = scan.peek() {
        match byte {
            b'"' if bracket.is_none() => {
                scan.quoted()?;
                continue;
            }
            b'<' => bracket = bracket.or_else(|| Some(scan.at())),
            b'>' => bracket = None,
            b',' if bracket.is_none() => {
                push_trimmed(bytes, Span::new(start, scan.at()), found);
                start = scan.at() + 1;
            }
            _ => {}
        }
        scan.bump();
    }
    if let Some(at) = bracket {
        return Err(Cause::Unbalanced.at(at));
    }
    push_trimmed(bytes, Span::new(start, value.end), found);
    Ok(())
}

fn push_trimmed(bytes: &[u8], span: Span, found: &mut Vec<Span>) {
    let span = span.trimmed(bytes);
    if !span.is_empty() {
        found.push(span);
    }
}
