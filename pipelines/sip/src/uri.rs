//! URIs (RFC 3261 §19.1), taken apart as far as rewriting needs.

use core::net::IpAddr;

use crate::{Cause, Params, SipError, Span, scan::Scan, scan::number};

/// A URI's scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip`.
    Sip,
    /// `sips`.
    Sips,
    /// Any other: `tel`, `urn`, `cid`, `http`, …
    Other,
}

/// A URI and where its parts stand. One of another scheme than `sip` and `sips` has no parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// All of it.
    pub span: Span,
    /// The scheme.
    pub scheme: Scheme,
    /// The scheme's name.
    pub scheme_span: Span,
    /// User and password, without the `@`.
    pub user: Option<Span>,
    /// Host, with its brackets if it is IPv6, and port.
    pub host_port: Span,
    /// Host, with its brackets if it is IPv6.
    pub host: Span,
    /// The host, if it is an address and no name.
    pub ip: Option<IpAddr>,
    /// The port, if there is one.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params,
    /// Position behind the last parameter, where another can be added.
    pub params_end: usize,
}

impl Uri {
    /// Reads the URI that `span` holds, all of it.
    ///
    /// # Errors
    /// [`Cause::Uri`] for anything that is none.
    pub fn parse(bytes: &[u8], span: Span) -> Result<Self, SipError> {
        let bad = || Cause::Uri.at(span.start);
        let text = span.of(bytes);
        let is_uri_byte = |b: &u8| !matches!(b, 0..=b' ' | 0x7f | b'<' | b'>' | b'"');
        let colon = text.iter().position(|b| *b == b':').ok_or_else(bad)?;
        let scheme_span = Span::new(span.start, span.start + colon);
        if !is_scheme(scheme_span.of(bytes)) || !text.iter().all(is_uri_byte) {
            return Err(bad());
        }
        let scheme = match scheme_span.of(bytes) {
            s if s.eq_ignore_ascii_case(b"sip") => Scheme::Sip,
            s if s.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
            _ => return Ok(Self::opaque(span, scheme_span)),
        };
        let after_scheme = scheme_span.end + 1;
        let at_sign = text.iter().position(|b| *b == b'@').map(|i| span.start + i);
        let user = at_sign.map(|at| Span::new(after_scheme, at));
        if user.is_some_and(Span::is_empty) {
            return Err(bad());
        }
        let host_start = at_sign.map_or(after_scheme, |at| at + 1);
        let mut scan = Scan::new(bytes, Span::new(host_start, span.end));
        let authority = Authority::read(&mut scan, false).ok_or_else(bad)?;
        let params_span = scan.take_while(|b| b != b'?');
        if !matches!(params_span.of(bytes).first(), None | Some(b';')) {
            return Err(bad());
        }
        Ok(Self {
            span,
            scheme,
            scheme_span,
            user,
            host_port: authority.span,
            host: authority.host,
            ip: authority.ip,
            port: authority.port,
            params: Params::of_uri(bytes, params_span),
            params_end: params_span.end,
        })
    }

    fn opaque(span: Span, scheme_span: Span) -> Self {
        let nowhere = Span::empty(span.end);
        Self {
            span,
            scheme: Scheme::Other,
            scheme_span,
            user: None,
            host_port: nowhere,
            host: nowhere,
            ip: None,
            port: None,
            params: Params::default(),
            params_end: span.end,
        }
    }

    /// Whether the scheme is `sip` or `sips`, so that the parts are there.
    #[must_use]
    pub fn is_sip(&self) -> bool {
        self.scheme != Scheme::Other
    }

    /// The user part; empty when there is none.
    #[must_use]
    pub fn user_text<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.user.map(|u| u.of(bytes)).unwrap_or_default()
    }
}

fn is_scheme(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic)
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// A host and port.
pub(crate) struct Authority {
    pub(crate) span: Span,
    pub(crate) host: Span,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) port: Option<u16>,
}

impl Authority {
    /// Reads `host[:port]`; with `spaced`, white space may stand around the colon (in Via).
    pub(crate) fn read(scan: &mut Scan<'_>, spaced: bool) -> Option<Self> {
        let (host, ip) = read_host(scan)?;
        let mut ahead = scan.clone();
        if spaced {
            ahead.skip_lws();
        }
        let mut port = None;
        if ahead.eat(b':') {
            if spaced {
                ahead.skip_lws();
            }
            let digits = ahead.take_while(|b| b.is_ascii_digit());
            port = Some(u16::try_from(number(ahead.text(digits))?).ok()?);
            *scan = ahead;
        }
        Some(Self {
            span: Span::new(host.start, scan.at()),
            host,
            ip,
            port,
        })
    }
}

fn read_host(scan: &mut Scan<'_>) -> Option<(Span, Option<IpAddr>)> {
    let start = scan.at();
    if scan.eat(b'[') {
        let inner = scan.take_while(|b| b != b']');
        let ip = core::str::from_utf8(scan.text(inner)).ok()?.parse().ok()?;
        return scan
            .eat(b']')
            .then(|| (Span::new(start, scan.at()), Some(IpAddr::V6(ip))));
    }
    let host = scan.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    if host.is_empty() {
        return None;
    }
    let text = core::str::from_utf8(scan.text(host)).ok()?;
    Some((host, text.parse().ok().map(IpAddr::V4)))
}
