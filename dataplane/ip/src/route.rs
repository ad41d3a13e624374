//! Routes: longest prefix match.

use core::net::IpAddr;

use crate::InterfaceId;

/// Where packets for a prefix go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Via {
    pub(crate) interface: InterfaceId,
    /// Next router; `None` when the destination itself is on the link.
    pub(crate) router: Option<IpAddr>,
}

/// The routes of both families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RouteTable {
    v4: Family,
    v6: Family,
}

impl RouteTable {
    /// Adds a route to the `len` leading bits of `address`. The first one for a prefix stays.
    pub(crate) fn insert(&mut self, address: IpAddr, len: u8, via: Via) {
        match address {
            IpAddr::V4(a) => self.v4.insert(left_aligned(a.to_bits()), len.min(32), via),
            IpAddr::V6(a) => self.v6.insert(a.to_bits(), len.min(128), via),
        }
    }

    /// The route with the longest prefix that `dst` is in.
    pub(crate) fn lookup(&self, dst: IpAddr) -> Option<Via> {
        match dst {
            IpAddr::V4(a) => self.v4.lookup(left_aligned(a.to_bits())),
            IpAddr::V6(a) => self.v6.lookup(a.to_bits()),
        }
    }
}

/// Routes grouped by prefix length, longest first. A table has few lengths, so a lookup is a
/// few binary searches, however many routes there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Family {
    groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    len: u8,
    /// Sorted by prefix.
    routes: Vec<(u128, Via)>,
}

impl Family {
    fn insert(&mut self, address: u128, len: u8, via: Via) {
        let at = self.groups.partition_point(|g| g.len > len);
        if self.groups.get(at).is_none_or(|g| g.len != len) {
            self.groups.insert(
                at,
                Group {
                    len,
                    routes: Vec::new(),
                },
            );
        }
        if let Some(group) = self.groups.get_mut(at) {
            let prefix = address & mask(len);
            if let Err(at) = group.routes.binary_search_by_key(&prefix, |&(p, _)| p) {
                group.routes.insert(at, (prefix, via));
            }
        }
    }

    fn lookup(&self, address: u128) -> Option<Via> {
        self.groups.iter().find_map(|group| {
            let prefix = address & mask(group.len);
            let at = group
                .routes
                .binary_search_by_key(&prefix, |&(p, _)| p)
                .ok()?;
            group.routes.get(at).map(|&(_, via)| via)
        })
    }
}

/// An IPv4 address at the top of 128 bits, so that both families share the code.
const fn left_aligned(v4: u32) -> u128 {
    (v4 as u128) << 96
}

/// The `len` leading bits.
const fn mask(len: u8) -> u128 {
    match u128::MAX.checked_shl(128 - len as u32) {
        Some(mask) => mask,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn via(n: u16) -> Via {
        Via {
            interface: InterfaceId(n),
            router: None,
        }
    }

    fn table(routes: &[(&str, u8)]) -> RouteTable {
        let mut table = RouteTable::default();
        for (n, &(address, len)) in (0..).zip(routes) {
            table.insert(address.parse().unwrap(), len, via(n));
        }
        table
    }

    #[test]
    fn longest_prefix_wins_in_any_order() {
        let routes = [
            ("0.0.0.0", 0),
            ("10.1.0.0", 16),
            ("10.0.0.0", 8),
            ("10.1.2.3", 32),
            ("::", 0),
            ("2001:db8::", 32),
            ("2001:db8:1::", 48),
            ("2001:db8:1::1", 128),
        ];
        let table = table(&routes);
        for (dst, wanted) in [
            ("192.0.2.1", 0),
            ("10.9.9.9", 2),
            ("10.1.9.9", 1),
            ("10.1.2.3", 3),
            ("2002::1", 4),
            ("2001:db8:2::1", 5),
            ("2001:db8:1::2", 6),
            ("2001:db8:1::1", 7),
        ] {
            assert_eq!(
                table.lookup(dst.parse().unwrap()),
                Some(via(wanted)),
                "{dst}"
            );
        }
    }

    #[test]
    fn without_default_route_there_may_be_none() {
        let table = table(&[("10.0.0.0", 8)]);
        assert_eq!(table.lookup("11.0.0.1".parse().unwrap()), None);
        assert_eq!(table.lookup("::1".parse().unwrap()), None);
    }

    #[test]
    fn first_route_for_a_prefix_stays_and_host_bits_do_not_matter() {
        let table = table(&[("10.1.2.3", 8), ("10.0.0.0", 8)]);
        assert_eq!(table.lookup("10.200.0.1".parse().unwrap()), Some(via(0)));
    }

    proptest! {
        #[test]
        fn lookup_equals_a_linear_search(
            routes in proptest::collection::vec((any::<u32>(), 0u8..=32), 0..40),
            pick in any::<prop::sample::Index>(),
            noise in any::<u32>(),
        ) {
            let mut table = RouteTable::default();
            for (n, &(bits, len)) in (0u16..).zip(&routes) {
                table.insert(IpAddr::V4(bits.into()), len, via(n));
            }
            let near = routes.get(pick.index(routes.len().max(1))).map_or(0, |r| r.0);
            for dst in [noise, near, near ^ (noise & 0xff)] {
                let mask = |len: u8| u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
                let wanted = (0u16..)
                    .zip(&routes)
                    .filter(|(_, (bits, len))| (bits ^ dst) & mask(*len) == 0)
                    .max_by_key(|(n, (_, len))| (*len, u16::MAX - n))
                    .map(|(n, _)| via(n));
                prop_assert_eq!(table.lookup(IpAddr::V4(dst.into())), wanted);
            }
        }
    }
}
