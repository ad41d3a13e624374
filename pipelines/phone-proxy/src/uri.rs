//! Writing a URI with another host.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sip::{Scheme, Span, Uri};

use crate::addresses::Transport;

/// What a URI is to become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) host: IpAddr,
    pub(crate) port: Option<u16>,
    /// Transport of the leg that the URI goes to, and whether to write it where the URI names
    /// none.
    pub(crate) transport: Transport,
    pub(crate) names_transport: bool,
    /// Transport that the URI names now if it names the leg that it comes from.
    pub(crate) before: Transport,
}

/// The parameter by which a URI that we gave out for a hidden one is known again.
pub(crate) const HIDDEN: &str = "hidden";

/// The URI with the change made; whatever else it holds stays, but for parameters that name an
/// address: they speak of the side that they come from, and `maddr` would count for more than the
/// new host.
pub(crate) fn rewrite(bytes: &[u8], uri: &Uri, change: &Change) -> Vec<u8> {
    let mut out = Vec::with_capacity(uri.span.len() + 48);
    // A secure URI would promise TLS where there is none (RFC 3261 §26.2.2).
    let drops_sips = uri.scheme == Scheme::Sips && change.transport == Transport::Tcp;
    if drops_sips {
        out.extend_from_slice(b"sip");
    } else {
        out.extend_from_slice(uri.scheme_span.of(bytes));
    }
    out.push(b':');
    if let Some(user) = uri.user {
        out.extend_from_slice(user.of(bytes));
        out.push(b'@');
    }
    out.extend_from_slice(authority(change.host, change.port).as_bytes());
    let is_sips = uri.scheme == Scheme::Sips && !drops_sips;
    let mut named = false;
    for param in uri.params.iter() {
        let is = |name: &[u8]| param.name.of(bytes).eq_ignore_ascii_case(name);
        let is_transport = is(b"transport");
        let value = param.value.map(|v| v.of(bytes)).unwrap_or_default();
        named |= is_transport;
        if is(b"maddr") || names_address(value) {
            continue;
        }
        if is_transport && !is_sips && is_replaced(value, change) {
            out.push(b';');
            out.extend_from_slice(param.name.of(bytes));
            out.push(b'=');
            out.extend_from_slice(change.transport.param().as_bytes());
        } else {
            out.extend_from_slice(param.span.of(bytes));
        }
    }
    if change.names_transport && !named && !is_sips {
        out.extend_from_slice(b";transport=");
        out.extend_from_slice(change.transport.param().as_bytes());
    }
    out.extend_from_slice(bytes.get(uri.params_end..uri.span.end).unwrap_or_default());
    out
}

/// A URI that must lead here names our transport, whatever it named; any other keeps a transport
/// that is none of the leg's.
fn is_replaced(value: &[u8], change: &Change) -> bool {
    change.names_transport || value.eq_ignore_ascii_case(change.before.param().as_bytes())
}

/// The URI without its headers.
pub(crate) fn core_of(uri: &Uri) -> Span {
    Span::new(uri.span.start, uri.params_end)
}

/// The address that `maddr` names, and where.
pub(crate) fn maddr(uri: &Uri, bytes: &[u8]) -> Option<(Span, IpAddr)> {
    let value = uri.params.find(bytes, "maddr")?.value?;
    let text = core::str::from_utf8(value.of(bytes)).ok()?;
    let inner = text.trim_start_matches('[').trim_end_matches(']');
    Some((value, inner.parse().ok()?))
}

/// Whether `text` is or holds an IP address.
pub(crate) fn names_address(text: &[u8]) -> bool {
    let parses = |piece: &[u8]| core::str::from_utf8(piece).ok().map(str::parse::<Ipv4Addr>);
    let mut pieces = text.split(|b| !b.is_ascii_digit() && *b != b'.');
    let is_v6 = |piece: &[u8]| {
        let text = core::str::from_utf8(piece).ok();
        text.is_some_and(|t| t.parse::<Ipv6Addr>().is_ok())
    };
    pieces.any(|piece| matches!(parses(piece), Some(Ok(_))))
        || text.split(|b| matches!(b, b'[' | b']')).any(is_v6)
}

/// `host` or `host:port` as a URI writes it.
pub(crate) fn authority(host: IpAddr, port: Option<u16>) -> String {
    match (host, port) {
        (_, Some(port)) => core::net::SocketAddr::new(host, port).to_string(),
        (IpAddr::V4(v4), None) => v4.to_string(),
        (IpAddr::V6(v6), None) => format!("[{v6}]"),
    }
}
