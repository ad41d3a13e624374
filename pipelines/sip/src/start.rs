//! The start line (RFC 3261 §7.1, §7.2).

use crate::{Cause, Method, SipError, Span, scan::is_token};

/// What the start line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A request.
    Request {
        /// The method.
        method: Method,
        /// The method's name.
        method_span: Span,
        /// The Request-URI.
        uri: Span,
    },
    /// A response.
    Response {
        /// Status code, 100 to 699.
        status: u16,
    },
}

impl Start {
    /// Reads the start line that `span` holds without its ending.
    ///
    /// # Errors
    /// [`Cause::StartLine`], [`Cause::Version`] or [`Cause::StatusCode`].
    pub(crate) fn parse(bytes: &[u8], span: Span) -> Result<Self, SipError> {
        let text = span.of(bytes);
        if is_version(text.split(|b| *b == b' ').next().unwrap_or_default()) {
            return Self::status_line(text).map_err(|cause| cause.at(span.start));
        }
        let mut parts = text.split(|b| *b == b' ');
        let mut next = || parts.next().ok_or_else(|| Cause::StartLine.at(span.start));
        let (method, uri, version) = (next()?, next()?, next()?);
        let well_formed = parts.next().is_none()
            && !method.is_empty()
            && method.iter().all(|b| is_token(*b))
            && !uri.is_empty()
            && is_version(version);
        if !well_formed {
            return Err(Cause::StartLine.at(span.start));
        }
        if !version.eq_ignore_ascii_case(b"SIP/2.0") {
            return Err(Cause::Version.at(span.end - version.len()));
        }
        let method_span = Span::new(span.start, span.start + method.len());
        let uri = Span::new(method_span.end + 1, method_span.end + 1 + uri.len());
        Ok(Self::Request {
            method: Method::from_text(method),
            method_span,
            uri,
        })
    }

    fn status_line(text: &[u8]) -> Result<Self, Cause> {
        let mut parts = text.splitn(3, |b| *b == b' ');
        let version = parts.next().unwrap_or_default();
        if !version.eq_ignore_ascii_case(b"SIP/2.0") {
            return Err(Cause::Version);
        }
        let code = parts.next().ok_or(Cause::StartLine)?;
        let status = match code {
            [b'1'..=b'6', _, _] => crate::scan::number(code).and_then(|n| u16::try_from(n).ok()),
            _ => None,
        };
        // The space before the phrase is there even when the phrase is not (RFC 4475 §3.1.1.13);
        // senders that leave it out do no harm.
        Ok(Self::Response {
            status: status.ok_or(Cause::StatusCode)?,
        })
    }
}

/// Whether `text` is `SIP/<digits>.<digits>`.
fn is_version(text: &[u8]) -> bool {
    let Some((name, version)) = text.split_at_checked(4) else {
        return false;
    };
    if !name.eq_ignore_ascii_case(b"SIP/") {
        return false;
    }
    let mut halves = version.split(|b| *b == b'.');
    let digits = |half: Option<&[u8]>| {
        half.is_some_and(|h| !h.is_empty() && h.iter().all(u8::is_ascii_digit))
    };
    digits(halves.next()) && digits(halves.next()) && halves.next().is_none()
}

/// Whether a first line belongs to SIP at all, well formed or not. What does not is another
/// protocol, and there is nobody to answer.
pub(crate) fn looks_like_sip(line: &[u8]) -> bool {
    let mut words = line
        .split(|b| matches!(b, b' ' | b'\t'))
        .filter(|w| !w.is_empty());
    let first = words.next().unwrap_or_default();
    is_version(first) || words.next_back().is_some_and(is_version)
}
