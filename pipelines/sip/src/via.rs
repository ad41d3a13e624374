//! Via (RFC 3261 §20.42).

use core::net::IpAddr;

use crate::{Cause, Params, SipError, Span, scan::Scan, uri::Authority};

/// A Via value and where its parts stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// All of it.
    pub span: Span,
    /// The transport's name.
    pub transport: Span,
    /// Host and port of the sender.
    pub sent_by: Span,
    /// Host of the sender.
    pub host: Span,
    /// The host, if it is an address and no name.
    pub ip: Option<IpAddr>,
    /// The port, if there is one.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params,
}

impl Via {
    /// Reads the one value that `span` holds.
    ///
    /// # Errors
    /// [`Cause::Via`] or [`Cause::Parameter`].
    pub fn parse(bytes: &[u8], span: Span) -> Result<Self, SipError> {
        let span = span.trimmed(bytes);
        let mut scan = Scan::new(bytes, span);
        let transport = read_protocol(&mut scan).ok_or_else(|| Cause::Via.at(span.start))?;
        let authority = Authority::read(&mut scan, true).ok_or_else(|| Cause::Via.at(scan.at()))?;
        Ok(Self {
            span,
            transport,
            sent_by: authority.span,
            host: authority.host,
            ip: authority.ip,
            port: authority.port,
            params: Params::of_header(bytes, scan.rest())?,
        })
    }

    /// The branch; empty when there is none, as before RFC 3261.
    #[must_use]
    pub fn branch<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.params.value(bytes, "branch").unwrap_or_default()
    }
}

/// `SIP / 2.0 / transport` and the white space behind it.
fn read_protocol(scan: &mut Scan<'_>) -> Option<Span> {
    let name = scan.token();
    let slash = |scan: &mut Scan<'_>| {
        scan.skip_lws();
        let found = scan.eat(b'/');
        scan.skip_lws();
        found
    };
    if !scan.text(name).eq_ignore_ascii_case(b"SIP") || !slash(scan) {
        return None;
    }
    let version = scan.token();
    if scan.text(version) != b"2.0" || !slash(scan) {
        return None;
    }
    let transport = scan.token();
    let before = scan.at();
    scan.skip_lws();
    (!transport.is_empty() && scan.at() > before).then_some(transport)
}
