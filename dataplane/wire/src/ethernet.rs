//! Ethernet II with at most one 802.1Q tag.

use abi::Reason;

use crate::{
    MacAddr,
    field::{array, be16, put},
};

/// Octets of an untagged header.
pub const HEADER_LEN: usize = 14;
/// Octets of a tagged header.
pub const TAGGED_LEN: usize = 18;

/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ARP: u16 = 0x0806;
/// EtherType of an 802.1Q tag.
pub const VLAN: u16 = 0x8100;
/// EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;

/// An Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthernetRepr {
    /// Destination station.
    pub dst: MacAddr,
    /// Source station.
    pub src: MacAddr,
    /// VLAN identifier, 1 to 4094. A tag of VLAN 0 only carries a priority: it reads as `None`.
    pub vlan: Option<u16>,
    /// What follows.
    pub ethertype: u16,
}

impl EthernetRepr {
    /// Reads the header of `frame` and says how long it is.
    ///
    /// # Errors
    /// [`Reason::EthTruncated`]; [`Reason::VlanUnknown`] for the reserved VLAN 4095.
    #[inline]
    pub fn parse(frame: &[u8]) -> Result<(Self, usize), Reason> {
        let header: &[u8; HEADER_LEN] = frame.first_chunk().ok_or(Reason::EthTruncated)?;
        let [dst @ .., _, _, _, _, _, _, t0, t1] = header;
        let [_, _, _, _, _, _, src @ .., _, _] = header;
        let untagged = Self {
            dst: MacAddr(*dst),
            src: MacAddr(*src),
            vlan: None,
            ethertype: u16::from_be_bytes([*t0, *t1]),
        };
        if untagged.ethertype != VLAN {
            return Ok((untagged, HEADER_LEN));
        }
        let &[c0, c1, t0, t1] = array(frame, HEADER_LEN).ok_or(Reason::EthTruncated)?;
        let vlan = match u16::from_be_bytes([c0, c1]) & 0x0fff {
            0 => None,
            0x0fff => return Err(Reason::VlanUnknown),
            id => Some(id),
        };
        let ethertype = u16::from_be_bytes([t0, t1]);
        let tagged = Self {
            vlan,
            ethertype,
            ..untagged
        };
        Ok((tagged, TAGGED_LEN))
    }

    /// Octets of the header.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        if self.vlan.is_some() {
            TAGGED_LEN
        } else {
            HEADER_LEN
        }
    }

    /// Writes the header to the front of `frame`; `None` if it does not fit.
    #[inline]
    pub fn emit(&self, frame: &mut [u8]) -> Option<()> {
        put(frame, 0, self.dst.0)?;
        put(frame, 6, self.src.0)?;
        let Some(id) = self.vlan else {
            return put(frame, 12, self.ethertype.to_be_bytes());
        };
        put(frame, 12, VLAN.to_be_bytes())?;
        put(frame, 14, (id & 0x0fff).to_be_bytes())?;
        put(frame, 16, self.ethertype.to_be_bytes())
    }
}

/// The EtherType of a frame, behind its tag if it has one.
#[must_use]
pub fn ethertype(frame: &[u8]) -> Option<u16> {
    match be16(frame, 12)? {
        VLAN => be16(frame, 16),
        plain => Some(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DST: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const SRC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    #[test]
    fn headers_round_trip_with_and_without_a_tag() {
        for vlan in [None, Some(1), Some(100), Some(4094)] {
            let repr = EthernetRepr {
                dst: DST,
                src: SRC,
                vlan,
                ethertype: IPV6,
            };
            let mut frame = [0; TAGGED_LEN];
            repr.emit(&mut frame).unwrap();
            let len = repr.header_len();
            assert_eq!(EthernetRepr::parse(&frame[..len]), Ok((repr, len)));
            assert_eq!(ethertype(&frame), Some(IPV6));
            assert_eq!(
                EthernetRepr::parse(&frame[..len - 1]),
                Err(Reason::EthTruncated)
            );
        }
    }

    #[test]
    fn priority_bits_are_ignored_and_vlan_zero_is_untagged() {
        let mut frame = [0u8; TAGGED_LEN];
        let tagged = EthernetRepr {
            dst: DST,
            src: SRC,
            vlan: Some(5),
            ethertype: ARP,
        };
        tagged.emit(&mut frame).unwrap();
        frame[14] |= 0xf0;
        assert_eq!(EthernetRepr::parse(&frame).unwrap().0.vlan, Some(5));
        frame[15] = 0;
        assert_eq!(
            EthernetRepr::parse(&frame).unwrap(),
            (
                EthernetRepr {
                    vlan: None,
                    ..tagged
                },
                TAGGED_LEN
            )
        );
        frame[14] = 0x0f;
        frame[15] = 0xff;
        assert_eq!(EthernetRepr::parse(&frame), Err(Reason::VlanUnknown));
    }

    #[test]
    fn header_that_does_not_fit_is_not_written() {
        let repr = EthernetRepr {
            dst: DST,
            src: SRC,
            vlan: None,
            ethertype: IPV4,
        };
        assert_eq!(repr.emit(&mut [0; 13]), None);
    }
}
