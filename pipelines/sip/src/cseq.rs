//! CSeq (RFC 3261 §20.16).

use crate::{Cause, Method, SipError, Span, scan::Scan, scan::number};

/// Sequence number and method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// The number, below 2^31.
    pub number: u32,
    /// The method.
    pub method: Method,
    /// The method's name.
    pub method_span: Span,
}

impl CSeq {
    /// Reads the value that `span` holds.
    ///
    /// # Errors
    /// [`Cause::CSeq`].
    pub fn parse(bytes: &[u8], span: Span) -> Result<Self, SipError> {
        let span = span.trimmed(bytes);
        let bad = || Cause::CSeq.at(span.start);
        let mut scan = Scan::new(bytes, span);
        let digits = scan.take_while(|b| b.is_ascii_digit());
        scan.skip_lws();
        let method_span = scan.token();
        let number = number(digits.of(bytes))
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| *n < 1 << 31)
            .ok_or_else(bad)?;
        if method_span.is_empty() || !scan.is_done() {
            return Err(bad());
        }
        let method = Method::from_text(method_span.of(bytes));
        Ok(Self {
            number,
            method,
            method_span,
        })
    }
}
