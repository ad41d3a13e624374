//! Arithmetic on addresses and networks.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use abi::policy::Prefix;

/// The first and last address of a network, as numbers of 128 bits within its family.
pub(crate) fn bounds(prefix: Prefix) -> (u128, u128) {
    let host_bits = bits(prefix.address).saturating_sub(u32::from(prefix.len));
    let mask = 1u128
        .checked_shl(host_bits)
        .map_or(u128::MAX, |size| size - 1);
    let number = number(prefix.address);
    (number & !mask, number | mask)
}

/// Whether `address` lies in the network of `prefix`.
pub(crate) fn contains(prefix: Prefix, address: IpAddr) -> bool {
    let (first, last) = bounds(prefix);
    same_family(prefix.address, address) && (first..=last).contains(&number(address))
}

/// The network of `prefix`, without host bits.
pub(crate) fn network(prefix: Prefix) -> Prefix {
    let (first, _) = bounds(prefix);
    let address = match prefix.address {
        IpAddr::V4(_) => Ipv4Addr::from(u32::try_from(first).unwrap_or(0)).into(),
        IpAddr::V6(_) => Ipv6Addr::from(first).into(),
    };
    Prefix { address, ..prefix }
}

/// Whether both are IPv4 or both IPv6.
pub(crate) const fn same_family(a: IpAddr, b: IpAddr) -> bool {
    a.is_ipv4() == b.is_ipv4()
}

/// `IPv4` or `IPv6`.
pub(crate) const fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}

/// Why an address cannot be one of a host; `None` when it can.
pub(crate) fn not_a_host(address: IpAddr) -> Option<&'static str> {
    if address.is_unspecified() {
        return Some("the unspecified address");
    }
    if address.is_loopback() {
        return Some("a loopback address");
    }
    if address.is_multicast() {
        return Some("a multicast address");
    }
    match address {
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Some("an IPv4-mapped address"),
        _ => None,
    }
}

/// The same for the address of an interface, which also may not be its network's own.
pub(crate) fn not_an_interface(prefix: Prefix) -> Option<&'static str> {
    let hosts = bits(prefix.address) - u32::from(prefix.len);
    let (first, last) = bounds(prefix);
    let number = number(prefix.address);
    not_a_host(prefix.address).or(match prefix.address {
        IpAddr::V4(_) if hosts > 1 && number == first => Some("the address of the network itself"),
        IpAddr::V4(_) if hosts > 1 && number == last => Some("the network's broadcast address"),
        _ => None,
    })
}

const fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
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

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        let rows = [
            ("192.0.2.1/24", "192.0.2.255", true),
            ("192.0.2.1/24", "192.0.3.0", false),
            ("192.0.2.1/32", "192.0.2.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::1/64", "2001:db8::ffff", true),
            ("2001:db8::1/64", "2001:db8:0:1::", false),
        ];
        for (net, address, inside) in rows {
            let address = address.parse().unwrap();
            assert_eq!(contains(prefix(net), address), inside, "{net} {address}");
        }
    }

    #[test]
    fn host_bits_are_cleared() {
        assert_eq!(network(prefix("192.0.2.77/26")), prefix("192.0.2.64/26"));
        assert_eq!(network(prefix("2001:db8::7/32")), prefix("2001:db8::/32"));
        assert_eq!(network(prefix("192.0.2.7/0")), prefix("0.0.0.0/0"));
    }

    #[test]
    fn addresses_that_no_interface_can_have_are_told_apart() {
        for bad in [
            "192.0.2.0/24",
            "192.0.2.255/24",
            "127.0.0.1/8",
            "ff02::1/64",
            "::/64",
        ] {
            assert!(not_an_interface(prefix(bad)).is_some(), "{bad}");
        }
        for good in [
            "192.0.2.0/31",
            "192.0.2.1/31",
            "192.0.2.0/32",
            "2001:db8::/64",
        ] {
            assert_eq!(not_an_interface(prefix(good)), None, "{good}");
        }
    }
}
