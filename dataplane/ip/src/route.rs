//! Where a destination is reached: longest prefix match over connected and static routes.

use core::net::IpAddr;
use std::collections::HashMap;

use abi::policy::Prefix;

/// How a destination is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of the interface.
    pub interface: u16,
    /// Next router; `None` when the destination is on the link.
    pub via: Option<IpAddr>,
}

/// A routing table for both address families.
///
/// Lookups cost one hash probe for each prefix length in use; the media path looks up once a
/// stream and keeps the neighbour.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    v4: Vec<Level>,
    v6: Vec<Level>,
}

/// Every route of one prefix length; a table is sorted by length, longest first.
#[derive(Clone, Debug)]
struct Level {
    len: u8,
    targets: HashMap<u128, Target>,
}

impl Routes {
    /// Adds a route; one for the same prefix is replaced.
    pub fn insert(&mut self, prefix: Prefix, target: Target) {
        let (levels, bits) = match prefix.address {
            IpAddr::V4(_) => (&mut self.v4, 32),
            IpAddr::V6(_) => (&mut self.v6, 128),
        };
        let len = prefix.len.min(bits);
        let network = masked(prefix.address, len);
        let at = levels.partition_point(|level| level.len > len);
        if levels.get(at).is_none_or(|level| level.len != len) {
            levels.insert(
                at,
                Level {
                    len,
                    targets: HashMap::new(),
                },
            );
        }
        if let Some(level) = levels.get_mut(at) {
            level.targets.insert(network, target);
        }
    }

    /// The most specific route to `destination`.
    #[must_use]
    pub fn lookup(&self, destination: IpAddr) -> Option<Target> {
        let levels = if destination.is_ipv4() {
            &self.v4
        } else {
            &self.v6
        };
        levels
            .iter()
            .find_map(|level| level.targets.get(&masked(destination, level.len)).copied())
    }
}

/// Whether `address` lies within `prefix`.
#[must_use]
pub fn contains(prefix: Prefix, address: IpAddr) -> bool {
    prefix.address.is_ipv4() == address.is_ipv4()
        && masked(prefix.address, prefix.len) == masked(address, prefix.len)
}

/// The first `len` bits of an address, left-aligned.
fn masked(address: IpAddr, len: u8) -> u128 {
    let bits = match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    };
    match len {
        0 => 0,
        1..=127 => bits & !(u128::MAX >> len),
        _ => bits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        let (address, len) = text.split_once('/').unwrap();
        Prefix {
            address: address.parse().unwrap(),
            len: len.parse().unwrap(),
        }
    }

    fn table(routes: &[(&str, u16)]) -> Routes {
        let mut table = Routes::default();
        for &(text, interface) in routes {
            table.insert(
                prefix(text),
                Target {
                    interface,
                    via: None,
                },
            );
        }
        table
    }

    fn hit(table: &Routes, text: &str) -> Option<u16> {
        table.lookup(text.parse().unwrap()).map(|t| t.interface)
    }

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let routes = table(&[("0.0.0.0/0", 1), ("192.0.2.128/25", 3), ("192.0.2.0/24", 2)]);
        assert_eq!(hit(&routes, "192.0.2.200"), Some(3));
        assert_eq!(hit(&routes, "192.0.2.1"), Some(2));
        assert_eq!(hit(&routes, "203.0.113.9"), Some(1));
    }

    #[test]
    fn families_do_not_mix() {
        let routes = table(&[("::/0", 1), ("2001:db8::/32", 2)]);
        assert_eq!(hit(&routes, "192.0.2.1"), None);
        assert_eq!(hit(&routes, "2001:db8::1"), Some(2));
        assert_eq!(hit(&routes, "2001:db9::1"), Some(1));
    }

    #[test]
    fn a_host_route_matches_its_host_alone() {
        let routes = table(&[("2001:db8::7/128", 7), ("192.0.2.7/32", 4)]);
        assert_eq!(hit(&routes, "2001:db8::7"), Some(7));
        assert_eq!(hit(&routes, "2001:db8::8"), None);
        assert_eq!(hit(&routes, "192.0.2.7"), Some(4));
    }

    #[test]
    fn a_later_route_replaces_an_equal_one() {
        let routes = table(&[("192.0.2.0/24", 1), ("192.0.2.77/24", 2)]);
        assert_eq!(hit(&routes, "192.0.2.5"), Some(2));
    }

    #[test]
    fn membership_respects_length_and_family() {
        assert!(contains(
            prefix("192.0.2.0/24"),
            "192.0.2.255".parse().unwrap()
        ));
        assert!(!contains(
            prefix("192.0.2.0/24"),
            "192.0.3.0".parse().unwrap()
        ));
        assert!(!contains(prefix("0.0.0.0/0"), "::".parse().unwrap()));
        assert!(contains(prefix("::/0"), "2001:db8::".parse().unwrap()));
    }
}
