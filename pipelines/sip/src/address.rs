//! A name and an address, as From, To, Contact and Route hold them (RFC 3261 §20.10).

use crate::{Cause, Params, SipError, Span, Uri, scan::Scan};

/// A name and an address, and where their parts stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// The URI.
    pub uri: Uri,
    /// Whether the URI stands in angle brackets. Where it does not, parameters cannot be added to
    /// it without adding brackets too.
    pub is_bracketed: bool,
    /// The field's own parameters: `tag`, `expires`, …
    pub params: Params,
}

impl NameAddr {
    /// Reads the value that `span` holds, all of it.
    ///
    /// # Errors
    /// [`Cause::Address`], [`Cause::Uri`], [`Cause::Unbalanced`] or [`Cause::Parameter`].
    pub fn parse(bytes: &[u8], span: Span) -> Result<Self, SipError> {
        let span = span.trimmed(bytes);
        let mut scan = Scan::new(bytes, span);
        let is_quoted = scan.peek() == Some(b'"');
        if is_quoted {
            scan.quoted()?;
            scan.skip_lws();
        } else {
            // A display name ought to be tokens, but what else it may be is plain to see (RFC
            // 4475 §3.1.2.15).
            let mut ahead = scan.clone();
            ahead.take_while(|b| !matches!(b, b'<' | b'"'));
            if ahead.peek() == Some(b'<') {
                scan = ahead;
            }
        }
        if scan.eat(b'<') {
            return Self::bracketed(bytes, scan);
        }
        if is_quoted {
            return Err(Cause::Address.at(span.start));
        }
        // Without brackets, semicolons belong to the field; a comma or question mark would be
        // ambiguous and is forbidden (RFC 3261 §20.10).
        let uri = scan.take_while(|b| b != b';' && !crate::span::is_lws(b));
        if uri.of(bytes).iter().any(|b| matches!(b, b',' | b'?')) {
            return Err(Cause::Address.at(uri.start));
        }
        Ok(Self {
            uri: Uri::parse(bytes, uri)?,
            is_bracketed: false,
            params: Params::of_header(bytes, scan.rest())?,
        })
    }

    fn bracketed(bytes: &[u8], mut scan: Scan<'_>) -> Result<Self, SipError> {
        let uri = scan.take_while(|b| b != b'>');
        if !scan.eat(b'>') {
            return Err(Cause::Unbalanced.at(uri.start));
        }
        Ok(Self {
            uri: Uri::parse(bytes, uri.trimmed(bytes))?,
            is_bracketed: true,
            params: Params::of_header(bytes, scan.rest())?,
        })
    }

    /// The tag, if there is one.
    #[must_use]
    pub fn tag<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        self.params
            .value(bytes, "tag")
            .filter(|tag| !tag.is_empty())
    }
}
