//! Parameters behind a header value or inside a URI.

use crate::{Cause, SipError, Span, scan::Scan};

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// From the semicolon to the end of the value.
    pub span: Span,
    /// The name.
    pub name: Span,
    /// The value with its quotes, if there is one.
    pub value: Option<Span>,
}

/// The parameters of one value, in order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Params {
    list: Vec<Param>,
}

impl Params {
    /// Reads `;name=value` from `span` to its end, white space allowed around each part.
    pub(crate) fn of_header(bytes: &[u8], span: Span) -> Result<Self, SipError> {
        let mut scan = Scan::new(bytes, span);
        let mut list = Vec::new();
        loop {
            scan.skip_lws();
            let start = scan.at();
            if scan.is_done() {
                return Ok(Self { list });
            }
            if !scan.eat(b';') {
                return Err(Cause::Parameter.at(start));
            }
            scan.skip_lws();
            // One semicolon too many at the end does no harm, and occurs.
            if scan.is_done() && !list.is_empty() {
                return Ok(Self { list });
            }
            list.push(header_param(&mut scan, start)?);
        }
    }

    /// Reads `;name=value` of a URI from `span` to its end.
    pub(crate) fn of_uri(bytes: &[u8], span: Span) -> Self {
        let mut scan = Scan::new(bytes, span);
        let mut list = Vec::new();
        while scan.eat(b';') {
            let start = scan.at() - 1;
            let name = scan.take_while(|b| !matches!(b, b';' | b'='));
            let value = scan.eat(b'=').then(|| scan.take_while(|b| b != b';'));
            list.push(Param {
                span: Span::new(start, scan.at()),
                name,
                value,
            });
        }
        Self { list }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Param> {
        self.list.iter()
    }

    /// The first parameter called `name`, in any case.
    #[must_use]
    pub fn find(&self, bytes: &[u8], name: &str) -> Option<Param> {
        let is = |p: &&Param| p.name.of(bytes).eq_ignore_ascii_case(name.as_bytes());
        self.list.iter().find(is).copied()
    }

    /// The value of the first parameter called `name`.
    #[must_use]
    pub fn value<'a>(&self, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
        self.find(bytes, name)?.value.map(|v| v.of(bytes))
    }
}

fn header_param(scan: &mut Scan<'_>, start: usize) -> Result<Param, SipError> {
    let name = scan.take_while(|b| !crate::span::is_lws(b) && !matches!(b, b';' | b'=' | b'"'));
    if name.is_empty() {
        return Err(Cause::Parameter.at(start));
    }
    let mut ahead = scan.clone();
    ahead.skip_lws();
    if !ahead.eat(b'=') {
        return Ok(Param {
            span: Span::new(start, scan.at()),
            name,
            value: None,
        });
    }
    ahead.skip_lws();
    let value = if ahead.peek() == Some(b'"') {
        ahead.quoted()?
    } else {
        ahead.take_while(|b| !crate::span::is_lws(b) && !matches!(b, b';' | b'"'))
    };
    *scan = ahead;
    Ok(Param {
        span: Span::new(start, scan.at()),
        name,
        value: Some(value),
    })
}
