//! Neighbour discovery messages (RFC 4861), as much of them as address resolution needs.

use core::net::Ipv6Addr;

use abi::Reason;

use crate::{
    MacAddr,
    field::{array, be16, be32, put},
};

/// Hop limit of every message: one that has been forwarded cannot have it (RFC 4861 §7.1).
pub const HOP_LIMIT: u8 = 255;

const SOURCE_LINK: u8 = 1;
const TARGET_LINK: u8 = 2;
const LINK_OPTION_LEN: usize = 8;

/// A neighbour discovery message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NdpRepr {
    /// Which routers are there?
    RouterSolicit {
        /// Station address of the sender.
        source_mac: Option<MacAddr>,
    },
    /// A router is here.
    RouterAdvert {
        /// How long it may be a default router, in seconds; 0: not at all.
        lifetime_s: u16,
        /// Its station address.
        source_mac: Option<MacAddr>,
    },
    /// Who has the target address?
    NeighborSolicit {
        /// The address asked for.
        target: Ipv6Addr,
        /// Station address of the sender; absent while it checks its own address.
        source_mac: Option<MacAddr>,
    },
    /// The sender has the target address.
    NeighborAdvert {
        /// The sender is a router.
        router: bool,
        /// The advertisement answers a solicitation.
        solicited: bool,
        /// The station address replaces one known before.
        overrides: bool,
        /// The address.
        target: Ipv6Addr,
        /// Its station address.
        target_mac: Option<MacAddr>,
    },
}

impl NdpRepr {
    /// Reads a message with its ICMPv6 header, whose checksum the caller has checked.
    ///
    /// # Errors
    /// [`Reason::IcmpMalformed`] when it is too short, has an option of length 0 or beyond its
    /// end, or a multicast target.
    pub(crate) fn parse(message: &[u8]) -> Result<Self, Reason> {
        Self::read(message).ok_or(Reason::IcmpMalformed)
    }

    fn read(message: &[u8]) -> Option<Self> {
        match message.first()? {
            133 => Some(Self::RouterSolicit {
                source_mac: link_option(message, 8, SOURCE_LINK)?,
            }),
            134 => Some(Self::RouterAdvert {
                lifetime_s: be16(message, 6)?,
                source_mac: link_option(message, 16, SOURCE_LINK)?,
            }),
            135 => Some(Self::NeighborSolicit {
                target: target(message)?,
                source_mac: link_option(message, 24, SOURCE_LINK)?,
            }),
            136 => {
                let flags = be32(message, 4)?;
                Some(Self::NeighborAdvert {
                    router: flags & 1 << 31 != 0,
                    solicited: flags & 1 << 30 != 0,
                    overrides: flags & 1 << 29 != 0,
                    target: target(message)?,
                    target_mac: link_option(message, 24, TARGET_LINK)?,
                })
            }
            _ => None,
        }
    }

    /// Octets of the message.
    #[must_use]
    pub const fn len(&self) -> usize {
        let (fixed, mac) = match self {
            Self::RouterSolicit { source_mac } => (8, source_mac),
            Self::RouterAdvert { source_mac, .. } => (16, source_mac),
            Self::NeighborSolicit { source_mac, .. } => (24, source_mac),
            Self::NeighborAdvert { target_mac, .. } => (24, target_mac),
        };
        if mac.is_some() {
            fixed + LINK_OPTION_LEN
        } else {
            fixed
        }
    }

    /// Never: a message has its fixed part.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Writes the message with a checksum of 0, which takes all of `out`.
    pub(crate) fn emit(&self, out: &mut [u8]) -> Option<()> {
        out.fill(0);
        match *self {
            Self::RouterSolicit { source_mac } => {
                put(out, 0, [133])?;
                put_link_option(out, 8, SOURCE_LINK, source_mac)
            }
            Self::RouterAdvert {
                lifetime_s,
                source_mac,
            } => {
                put(out, 0, [134])?;
                put(out, 6, lifetime_s.to_be_bytes())?;
                put_link_option(out, 16, SOURCE_LINK, source_mac)
            }
            Self::NeighborSolicit { target, source_mac } => {
                put(out, 0, [135])?;
                put(out, 8, target.octets())?;
                put_link_option(out, 24, SOURCE_LINK, source_mac)
            }
            Self::NeighborAdvert {
                router,
                solicited,
                overrides,
                target,
                target_mac,
            } => {
                put(out, 0, [136])?;
                let flags =
                    u8::from(router) << 7 | u8::from(solicited) << 6 | u8::from(overrides) << 5;
                put(out, 4, [flags])?;
                put(out, 8, target.octets())?;
                put_link_option(out, 24, TARGET_LINK, target_mac)
            }
        }
    }
}

/// The solicited-node group of `address` (RFC 4291 §2.7.1).
#[must_use]
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low)
}

/// The station address that a multicast group has on Ethernet (RFC 2464 §7).
#[must_use]
pub const fn multicast_mac(group: Ipv6Addr) -> MacAddr {
    let [.., a, b, c, d] = group.octets();
    MacAddr([0x33, 0x33, a, b, c, d])
}

/// The link-local address of a station (RFC 4291, appendix A).
#[must_use]
pub const fn link_local(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    Ipv6Addr::from_octets([
        0xfe,
        0x80,
        0,
        0,
        0,
        0,
        0,
        0,
        a ^ 2,
        b,
        c,
        0xff,
        0xfe,
        d,
        e,
        f,
    ])
}

fn target(message: &[u8]) -> Option<Ipv6Addr> {
    let target = array(message, 8).copied().map(Ipv6Addr::from_octets)?;
    (!target.is_multicast()).then_some(target)
}

/// The link-layer address option `kind` among the options at `at`. `None` when an option does
/// not fit, which spoils the whole message (RFC 4861 §4.6).
fn link_option(message: &[u8], at: usize, kind: u8) -> Option<Option<MacAddr>> {
    let mut options = message.get(at..)?;
    let mut found = None;
    while !options.is_empty() {
        let len = usize::from(*options.get(1)?) * 8;
        let option = options.get(..len).filter(|o| !o.is_empty())?;
        if option.first() == Some(&kind) && len == LINK_OPTION_LEN && found.is_none() {
            found = array(option, 2).copied().map(MacAddr);
        }
        options = options.get(len..)?;
    }
    Some(found)
}

fn put_link_option(out: &mut [u8], at: usize, kind: u8, mac: Option<MacAddr>) -> Option<()> {
    let Some(MacAddr(mac)) = mac else {
        return Some(());
    };
    put(out, at, [kind, 1])?;
    put(out, at + 2, mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr([0x02, 0x42, 0xac, 0x11, 0x00, 0x02]);
    const TARGET: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0xab, 0xcdef);

    fn solicit() -> Vec<u8> {
        let repr = NdpRepr::NeighborSolicit {
            target: TARGET,
            source_mac: Some(MAC),
        };
        let mut bytes = vec![0xff; repr.len()];
        repr.emit(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn messages_round_trip() {
        for mac in [None, Some(MAC)] {
            for repr in [
                NdpRepr::RouterSolicit { source_mac: mac },
                NdpRepr::RouterAdvert {
                    lifetime_s: 1800,
                    source_mac: mac,
                },
                NdpRepr::NeighborSolicit {
                    target: TARGET,
                    source_mac: mac,
                },
                NdpRepr::NeighborAdvert {
                    router: true,
                    solicited: false,
                    overrides: true,
                    target: TARGET,
                    target_mac: mac,
                },
            ] {
                let mut bytes = vec![0xff; repr.len()];
                repr.emit(&mut bytes).unwrap();
                assert_eq!(NdpRepr::parse(&bytes), Ok(repr));
            }
        }
    }

    #[test]
    fn solicitation_is_laid_out_as_on_the_wire() {
        let bytes = solicit();
        assert_eq!(bytes[..8], [135, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[8..24], TARGET.octets());
        assert_eq!(bytes[24..], [1, 1, 0x02, 0x42, 0xac, 0x11, 0x00, 0x02]);
    }

    #[test]
    fn foreign_options_are_passed_over() {
        let mut bytes = solicit();
        bytes.splice(
            24..24,
            [14, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
        );
        let wanted = NdpRepr::NeighborSolicit {
            target: TARGET,
            source_mac: Some(MAC),
        };
        assert_eq!(NdpRepr::parse(&bytes), Ok(wanted));
    }

    #[test]
    fn bad_options_and_targets_spoil_the_message() {
        let refused = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = solicit();
            change(&mut bytes);
            NdpRepr::parse(&bytes) == Err(Reason::IcmpMalformed)
        };
        assert!(refused(&|b| b[25] = 0));
        assert!(refused(&|b| b[25] = 2));
        assert!(refused(&|b| b.truncate(25)));
        assert!(refused(&|b| b.truncate(23)));
        assert!(refused(&|b| b[8] = 0xff));
        assert!(refused(&|b| b[0] = 137));
    }

    #[test]
    fn derived_addresses_are_those_of_the_rfcs() {
        assert_eq!(
            solicited_node(TARGET),
            "ff02::1:ffab:cdef".parse::<Ipv6Addr>().unwrap()
        );
        let group = multicast_mac(solicited_node(TARGET));
        assert_eq!(group, MacAddr([0x33, 0x33, 0xff, 0xab, 0xcd, 0xef]));
        assert_eq!(
            link_local(MAC),
            "fe80::42:acff:fe11:2".parse::<Ipv6Addr>().unwrap()
        );
    }
}
