//! Bodies: media types and multipart (RFC 2046 §5.1, RFC 5621).

use crate::{Cause, Frame, Name, Params, SipError, Span, scan::Scan, scan::is_token};

/// How deep multipart bodies may nest.
const DEPTH_MAX: usize = 4;

/// Parts that a message may have, containers counted.
const PARTS_MAX: usize = 64;

/// Octets of a boundary (RFC 2046 §5.1.1).
const BOUNDARY_MAX: usize = 70;

/// A media type and where its parts stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// `application` of `application/sdp`.
    pub kind: Span,
    /// `sdp` of `application/sdp`.
    pub subtype: Span,
    /// The parameters.
    pub params: Params,
}

impl MediaType {
    /// Reads the value that `span` holds.
    ///
    /// # Errors
    /// [`Cause::ContentType`].
    pub fn parse(bytes: &[u8], span: Span) -> Result<Self, SipError> {
        let mut scan = Scan::new(bytes, span);
        let bad = Cause::ContentType.at(span.start);
        let kind = scan.token();
        scan.skip_lws();
        if !scan.eat(b'/') {
            return Err(bad);
        }
        scan.skip_lws();
        let subtype = scan.token();
        if kind.is_empty() || subtype.is_empty() {
            return Err(bad);
        }
        Ok(Self {
            kind,
            subtype,
            params: Params::of_header(bytes, scan.rest())?,
        })
    }

    /// Whether this is `kind/subtype`, in any case.
    #[must_use]
    pub fn is(&self, bytes: &[u8], kind: &str, subtype: &str) -> bool {
        self.is_kind(bytes, kind)
            && self
                .subtype
                .of(bytes)
                .eq_ignore_ascii_case(subtype.as_bytes())
    }

    fn is_kind(&self, bytes: &[u8], kind: &str) -> bool {
        self.kind.of(bytes).eq_ignore_ascii_case(kind.as_bytes())
    }

    /// The boundary of a multipart body, without quotes.
    fn boundary<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let value = self.params.value(bytes, "boundary")?;
        let inner = value
            .strip_prefix(b"\"")
            .and_then(|v| v.strip_suffix(b"\""));
        let boundary = inner.unwrap_or(value);
        (1..=BOUNDARY_MAX)
            .contains(&boundary.len())
            .then_some(boundary)
    }
}

/// A body, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The media type; `None` when the part does not say.
    pub media_type: Option<MediaType>,
    /// Whether a Content-Encoding other than `identity` hides what is inside.
    pub is_encoded: bool,
    /// The content.
    pub body: Span,
    /// The part's own Content-Length.
    pub length: Option<Span>,
    /// Whether other parts are inside.
    pub is_multipart: bool,
}

impl Frame {
    /// The body and all parts inside it, each container before its content. Nothing when there
    /// is no body.
    ///
    /// # Errors
    /// [`Cause::ContentType`] or [`Cause::Multipart`].
    pub fn parts(&self) -> Result<Vec<Part>, SipError> {
        let mut parts = Vec::new();
        if !self.body().is_empty() {
            let content_type = self.value(Name::ContentType);
            let mut encodings = self.fields_named(Name::ContentEncoding);
            let is_encoded = encodings.any(|f| hides(f.value.of(self.bytes())));
            let whole = Part::new(self.bytes(), content_type, is_encoded, self.body())?;
            walk(self.bytes(), whole, 1, &mut parts)?;
        }
        Ok(parts)
    }
}

impl Part {
    fn new(
        bytes: &[u8],
        content_type: Option<Span>,
        is_encoded: bool,
        body: Span,
    ) -> Result<Self, SipError> {
        let media_type = content_type
            .map(|s| MediaType::parse(bytes, s))
            .transpose()?;
        let is_multipart = !is_encoded
            && media_type
                .as_ref()
                .is_some_and(|t| t.is_kind(bytes, "multipart"));
        Ok(Self {
            media_type,
            is_encoded,
            body,
            length: None,
            is_multipart,
        })
    }

    /// Whether this is `kind/subtype`, encoded or not.
    #[must_use]
    pub fn is(&self, bytes: &[u8], kind: &str, subtype: &str) -> bool {
        self.media_type
            .as_ref()
            .is_some_and(|t| t.is(bytes, kind, subtype))
    }
}

fn walk(bytes: &[u8], part: Part, depth: usize, parts: &mut Vec<Part>) -> Result<(), SipError> {
    let bad = Cause::Multipart.at(part.body.start);
    if parts.len() == PARTS_MAX || (part.is_multipart && depth > DEPTH_MAX) {
        return Err(bad);
    }
    let body = part.body;
    let boundary = match &part.media_type {
        Some(media_type) if part.is_multipart => Some(
            media_type
                .boundary(bytes)
                .ok_or_else(|| Cause::ContentType.at(media_type.kind.start))?,
        ),
        _ => None,
    };
    parts.push(part);
    let Some(boundary) = boundary else {
        return Ok(());
    };
    for inner in split_parts(bytes, body, boundary).ok_or(bad)? {
        walk(bytes, read_part(bytes, inner)?, depth + 1, parts)?;
    }
    Ok(())
}

/// What stands between the boundary lines; `None` unless a closing one ends it.
fn split_parts(bytes: &[u8], body: Span, boundary: &[u8]) -> Option<Vec<Span>> {
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    let mut at = body.start;
    while at < body.end {
        let rest = bytes.get(at..body.end)?;
        let line_len = rest
            .iter()
            .position(|b| *b == b'\n')
            .map_or(rest.len(), |i| i + 1);
        let line = rest.get(..line_len)?;
        if let Some(is_last) = delimiter(line, boundary) {
            if let Some(start) = open {
                let before = bytes.get(start..at)?;
                let ending = if before.ends_with(b"\r\n") { 2 } else { 1 };
                found.push(Span::new(start, (at - ending.min(before.len())).max(start)));
            }
            if is_last {
                return Some(found);
            }
            open = Some(at + line_len);
        }
        at += line_len;
    }
    None
}

/// Whether `line` is a boundary line, and if so whether the closing one.
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    let (is_last, padding) = match rest.strip_prefix(b"--") {
        Some(padding) => (true, padding),
        None => (false, rest),
    };
    padding
        .iter()
        .all(|b| crate::span::is_lws(*b))
        .then_some(is_last)
}

/// Takes the headers off a part.
fn read_part(bytes: &[u8], span: Span) -> Result<Part, SipError> {
    let (mut content_type, mut is_encoded, mut length) = (None, false, None);
    let mut at = span.start;
    loop {
        let line = part_line(bytes, at, span.end);
        let text = line.trimmed(bytes);
        at = line.end;
        if text.is_empty() {
            break;
        }
        let (name, value) =
            split_field(bytes, text).ok_or_else(|| Cause::Multipart.at(text.start))?;
        match name {
            Name::ContentType if content_type.is_some() => {
                return Err(Cause::Multipart.at(text.start));
            }
            Name::ContentType => content_type = Some(value),
            Name::ContentEncoding => is_encoded |= hides(value.of(bytes)),
            Name::ContentLength => length = Some(value),
            _ => {}
        }
    }
    let mut part = Part::new(bytes, content_type, is_encoded, Span::new(at, span.end))?;
    part.length = length;
    Ok(part)
}

/// Whether what is encoded so cannot be read.
fn hides(encoding: &[u8]) -> bool {
    !encoding.eq_ignore_ascii_case(b"identity")
}

/// The line at `at` with the folds that belong to it.
fn part_line(bytes: &[u8], at: usize, limit: usize) -> Span {
    let next = |from: usize| {
        let rest = bytes.get(from..limit).unwrap_or_default();
        rest.iter()
            .position(|b| *b == b'\n')
            .map_or(limit, |i| from + i + 1)
    };
    let mut end = next(at);
    let is_blank = Span::new(at, end).trimmed(bytes).is_empty();
    while !is_blank && end < limit && matches!(bytes.get(end), Some(b' ' | b'\t')) {
        end = next(end);
    }
    Span::new(at, end)
}

fn split_field(bytes: &[u8], text: Span) -> Option<(Name, Span)> {
    let colon = text.of(bytes).iter().position(|b| *b == b':')? + text.start;
    let name = Span::new(text.start, colon).trimmed(bytes).of(bytes);
    let is_name = !name.is_empty() && name.iter().all(|b| is_token(*b));
    let value = Span::new(colon + 1, text.end).trimmed(bytes);
    is_name.then(|| (Name::from_text(name), value))
}
