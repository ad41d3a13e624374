//! Reading one fragment.

use core::net::IpAddr;

use abi::Reason;
use wire::{
    Packet,
    ipv4::Ipv4View,
    ipv6::{self, FragmentHeader, Ipv6View},
};

use crate::InterfaceId;

/// Octets of link and IP header that a whole packet may have: what fits ahead of the payload in
/// a frame's headroom.
const MAX_HEADER_LEN: usize = 112;

/// Names the packet that a fragment is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) interface: InterfaceId,
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) ident: u32,
    /// 0 for IPv6, where only the first fragment's protocol counts (RFC 8200 §4.5).
    pub(super) protocol: u8,
}

impl Key {
    const fn new(
        interface: InterfaceId,
        src: IpAddr,
        dst: IpAddr,
        ident: u32,
        protocol: u8,
    ) -> Self {
        Self {
            interface,
            src,
            dst,
            ident,
            protocol,
        }
    }
}

/// A fragment in the frame that it came in.
#[derive(Debug)]
pub(super) struct Fragment<'a> {
    pub(super) key: Key,
    /// Place of `data` in the whole payload.
    pub(super) offset: usize,
    /// Whether other fragments lie behind this one.
    pub(super) more: bool,
    pub(super) data: &'a [u8],
    /// Octets of link header.
    pub(super) link_len: usize,
    /// Link and IP header.
    head: &'a [u8],
    /// The fragment header of IPv6, and the protocol that it names.
    v6: Option<(FragmentHeader, u8)>,
}

impl<'a> Fragment<'a> {
    /// Reads the fragment that `packet` found in `frame`.
    pub(super) fn parse(
        frame: &'a [u8],
        packet: &Packet,
        interface: InterfaceId,
    ) -> Result<Self, Reason> {
        let bytes = frame.get(packet.ip_range()).ok_or(Reason::IpTruncated)?;
        let (src, dst) = (packet.src, packet.dst);
        let link_len = usize::from(packet.l3);
        let mut fragment = match src {
            IpAddr::V4(_) => {
                let view = Ipv4View::parse(bytes)?;
                Self {
                    key: Key::new(interface, src, dst, view.ident().into(), view.protocol()),
                    offset: view.fragment_offset() as usize,
                    more: view.more_fragments(),
                    data: view.payload(),
                    link_len,
                    head: &[],
                    v6: None,
                }
            }
            IpAddr::V6(_) => {
                let view = Ipv6View::parse(bytes)?;
                let upper = view.upper_layer()?;
                let header = upper.fragment.ok_or(Reason::IpMalformed)?;
                Self {
                    key: Key::new(interface, src, dst, header.ident, 0),
                    offset: header.offset.into(),
                    more: header.more,
                    data: bytes.get(upper.offset..).unwrap_or_default(),
                    link_len,
                    head: &[],
                    v6: Some((header, upper.protocol)),
                }
            }
        };
        let head_len = fragment
            .v6
            .map_or_else(|| packet.l4.into(), |(h, _)| link_len + h.header_at);
        fragment.head = frame.get(..head_len).ok_or(Reason::IpTruncated)?;
        fragment.check()?;
        Ok(fragment)
    }

    /// Lengths that no honest sender makes.
    fn check(&self) -> Result<(), Reason> {
        let len = self.data.len();
        let is_ragged = self.more && !len.is_multiple_of(8);
        let is_beyond = self.offset + len > usize::from(u16::MAX);
        if len == 0 || is_ragged || is_beyond || self.head.len() > MAX_HEADER_LEN {
            return Err(Reason::IpMalformed);
        }
        Ok(())
    }

    /// Link and IP header as the whole packet has them, but for length and checksum.
    pub(super) fn header(&self) -> Result<Vec<u8>, Reason> {
        let mut header = self.head.to_vec();
        let ip = header.get_mut(self.link_len..).ok_or(Reason::IpTruncated)?;
        let done = match self.v6 {
            None => ip.get_mut(6..8).map(|field| field.fill(0)),
            Some((fragment, protocol)) => drop_fragment_header(ip, fragment, protocol),
        };
        done.ok_or(Reason::IpMalformed)?;
        Ok(header)
    }
}

/// Makes the header ahead of the fragment header name what is behind it.
fn drop_fragment_header(ip: &mut [u8], fragment: FragmentHeader, protocol: u8) -> Option<()> {
    let (mut at, mut name_at) = (ipv6::HEADER_LEN, 6);
    while at < fragment.header_at {
        name_at = at;
        at += 8 + 8 * usize::from(*ip.get(at + 1)?);
    }
    *ip.get_mut(name_at)? = protocol;
    Some(())
}
