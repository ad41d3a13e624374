//! Addresses: o=, c= and a=rtcp.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Cause;

/// Where one stream's author receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// RTP.
    pub rtp: SocketAddr,
    /// RTCP. Equal to `rtp` when both share a port (RFC 5761).
    pub rtcp: SocketAddr,
}

impl Endpoint {
    /// RTP at `rtp` and RTCP at the next port; `None` if there is no next port.
    #[must_use]
    pub fn with_next_port(rtp: SocketAddr) -> Option<Self> {
        let rtcp = SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?);
        Some(Self { rtp, rtcp })
    }

    /// RTP and RTCP both at `rtp`.
    #[must_use]
    pub const fn muxed(rtp: SocketAddr) -> Self {
        Self { rtp, rtcp: rtp }
    }
}

/// The o= line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// User name, `-` for none.
    pub username: &'a [u8],
    /// Session id; with the other fields it names the session for ever.
    pub session_id: &'a [u8],
    /// Session version; rises when the description changes.
    pub version: &'a [u8],
    /// Address of the author; `None` when it is a host name.
    pub address: Option<IpAddr>,
}

impl<'a> Origin<'a> {
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self, Cause> {
        let mut fields = value.split(|&b| b == b' ').filter(|f| !f.is_empty());
        let mut next = || fields.next().ok_or(Cause::Origin);
        let (username, session_id, version) = (next()?, next()?, next()?);
        let (net, family, address) = (next()?, next()?, next()?);
        if fields.next().is_some() {
            return Err(Cause::Origin);
        }
        let family = Family::parse(net, family).ok_or(Cause::Origin)?;
        Ok(Self {
            username,
            session_id,
            version,
            address: family.address(address),
        })
    }

    /// The line's value with `address` in place of the one it has.
    pub(crate) fn to_value(self, address: IpAddr) -> Vec<u8> {
        let fields = [self.username, self.session_id, self.version];
        let mut out = fields.join(&b' ');
        out.push(b' ');
        out.extend_from_slice(address_value(address).as_bytes());
        out
    }
}

/// What a c= line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// A unicast address.
    Unicast(IpAddr),
    /// `0.0.0.0` or `::`: the author wants to receive nothing (RFC 3264 §8.4).
    Unspecified,
    /// A multicast group, everybody, or several addresses.
    Multicast,
    /// A host name.
    Name,
}

impl Connection {
    pub(crate) fn parse(value: &[u8]) -> Result<Self, Cause> {
        let mut fields = value.split(|&b| b == b' ').filter(|f| !f.is_empty());
        let mut next = || fields.next().ok_or(Cause::Connection);
        let family = Family::parse(next()?, next()?).ok_or(Cause::Connection)?;
        let text = next()?;
        if fields.next().is_some() {
            return Err(Cause::Connection);
        }
        let base = text.split(|&b| b == b'/').next().unwrap_or_default();
        let has_suffix = base.len() != text.len();
        match family.address(base) {
            Some(address) if has_suffix || is_group(address) => Ok(Self::Multicast),
            Some(address) if address.is_unspecified() => Ok(Self::Unspecified),
            Some(address) => Ok(Self::Unicast(address)),
            None if has_suffix || !is_host_name(base) => Err(Cause::Connection),
            None => Ok(Self::Name),
        }
    }
}

/// The value of a=rtcp (RFC 3605): a port, and an address if it is not that of the c= line.
pub(crate) fn parse_rtcp(value: &[u8]) -> Result<(u16, Option<IpAddr>), Cause> {
    let mut fields = value.split(|&b| b == b' ').filter(|f| !f.is_empty());
    let port = fields.next().and_then(port).ok_or(Cause::RtcpPort)?;
    let Some(net) = fields.next() else {
        return Ok((port, None));
    };
    let family = Family::parse(net, fields.next().unwrap_or_default()).ok_or(Cause::RtcpPort)?;
    let text = fields.next().ok_or(Cause::RtcpPort)?;
    if fields.next().is_some() {
        return Err(Cause::RtcpPort);
    }
    match family.address(text) {
        Some(address) if is_group(address) => Err(Cause::Multicast),
        Some(address) => Ok((port, Some(address))),
        None if is_host_name(text) => Err(Cause::AddressIsName),
        None => Err(Cause::RtcpPort),
    }
}

/// Whether packets to `address` reach many.
fn is_group(address: IpAddr) -> bool {
    address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// A UDP port in decimal.
pub(crate) fn port(text: &[u8]) -> Option<u16> {
    crate::crypto::number(text).and_then(|n| u16::try_from(n).ok())
}

/// `IN IP4 192.0.2.1`.
pub(crate) fn address_value(address: IpAddr) -> String {
    match address {
        IpAddr::V4(a) => format!("IN IP4 {a}"),
        IpAddr::V6(a) => format!("IN IP6 {a}"),
    }
}

#[derive(Clone, Copy)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn parse(net: &[u8], family: &[u8]) -> Option<Self> {
        if !net.eq_ignore_ascii_case(b"IN") {
            return None;
        }
        match family {
            _ if family.eq_ignore_ascii_case(b"IP4") => Some(Self::V4),
            _ if family.eq_ignore_ascii_case(b"IP6") => Some(Self::V6),
            _ => None,
        }
    }

    fn address(self, text: &[u8]) -> Option<IpAddr> {
        let text = core::str::from_utf8(text).ok()?;
        match self {
            Self::V4 => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            Self::V6 => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        }
    }
}

/// Whether `text` could be a host name. One whose last label is a number could not (RFC 1123
/// §2.1): it is an address that did not parse.
fn is_host_name(text: &[u8]) -> bool {
    let last_label = text
        .rsplit(|&b| b == b'.')
        .find(|l| !l.is_empty())
        .unwrap_or_default();
    !last_label.iter().all(u8::is_ascii_digit)
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}
