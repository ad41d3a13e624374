//! What tells flows apart.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;

const LOCAL_IS_V6: u64 = 1 << 32;
const REMOTE_IS_V6: u64 = 1 << 33;

/// Protocol, local address and port, remote address and port of a flow, IPv4 or IPv6.
///
/// Local is our side, whichever way a packet goes: the destination of one received, the source
/// of one sent. Kept as five words, so that hashing and comparing take no branch on the family.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey {
    words: [u64; 5],
}

impl FlowKey {
    /// Equal to no flow's key.
    pub(crate) const NONE: Self = Self {
        words: [u64::MAX; 5],
    };

    /// The key of the flow between `local` and `remote`; `protocol` is the number in the IP
    /// header.
    #[must_use]
    pub fn new(protocol: u8, local: SocketAddr, remote: SocketAddr) -> Self {
        let [local_high, local_low] = address_words(local.ip());
        let [remote_high, remote_low] = address_words(remote.ip());
        let mut meta =
            u64::from(protocol) << 40 | u64::from(local.port()) << 16 | u64::from(remote.port());
        if local.is_ipv6() {
            meta |= LOCAL_IS_V6;
        }
        if remote.is_ipv6() {
            meta |= REMOTE_IS_V6;
        }
        Self {
            words: [local_high, local_low, remote_high, remote_low, meta],
        }
    }

    /// Protocol number.
    #[must_use]
    pub const fn protocol(&self) -> u8 {
        (self.meta() >> 40 & 0xff) as u8
    }

    /// Our address and port.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        let [high, low, ..] = self.words;
        SocketAddr::new(
            address(high, low, self.meta() & LOCAL_IS_V6 != 0),
            self.local_port(),
        )
    }

    /// The peer's address and port.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        let [_, _, high, low, _] = self.words;
        SocketAddr::new(
            address(high, low, self.meta() & REMOTE_IS_V6 != 0),
            self.remote_port(),
        )
    }

    /// Our TCP or UDP port.
    #[must_use]
    pub const fn local_port(&self) -> u16 {
        (self.meta() >> 16 & 0xffff) as u16
    }

    /// The peer's TCP or UDP port.
    #[must_use]
    pub const fn remote_port(&self) -> u16 {
        (self.meta() & 0xffff) as u16
    }

    /// Whether the two are equal, without a branch for each word; `==` would call `memcmp`.
    #[inline]
    pub(crate) const fn same(&self, other: &Self) -> bool {
        let [a, b, c, d, e] = self.words;
        let [v, w, x, y, z] = other.words;
        (a ^ v) | (b ^ w) | (c ^ x) | (d ^ y) | (e ^ z) == 0
    }

    pub(crate) const fn words(&self) -> [u64; 5] {
        self.words
    }

    const fn meta(&self) -> u64 {
        let [.., meta] = self.words;
        meta
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} <> {}",
            self.protocol(),
            self.local(),
            self.remote()
        )
    }
}

/// An address as two words: the halves of an IPv6 address, or zero and an IPv4 address.
fn address_words(address: IpAddr) -> [u64; 2] {
    match address {
        IpAddr::V4(v4) => [0, u64::from(v4.to_bits())],
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            [(bits >> 64) as u64, (bits & 0xffff_ffff_ffff_ffff) as u64]
        }
    }
}

fn address(high: u64, low: u64, is_v6: bool) -> IpAddr {
    if is_v6 {
        IpAddr::V6(Ipv6Addr::from_bits(
            u128::from(high) << 64 | u128::from(low),
        ))
    } else {
        IpAddr::V4(Ipv4Addr::from_bits((low & 0xffff_ffff) as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn socket_addr() -> impl Strategy<Value = SocketAddr> {
        prop_oneof![
            any::<(Ipv4Addr, u16)>().prop_map(SocketAddr::from),
            any::<(Ipv6Addr, u16)>().prop_map(SocketAddr::from),
        ]
    }

    proptest! {
        #[test]
        fn key_gives_back_what_it_was_made_of(
            protocol: u8, local in socket_addr(), remote in socket_addr(),
        ) {
            let key = FlowKey::new(protocol, local, remote);
            prop_assert_eq!(
                (key.protocol(), key.local(), key.remote()),
                (protocol, local, remote)
            );
            prop_assert_eq!(key.local_port(), local.port());
            prop_assert_eq!(key.remote_port(), remote.port());
        }
    }

    #[test]
    fn ipv4_and_ipv6_with_equal_bits_are_other_flows() {
        let v4 = SocketAddr::from(([0, 0, 0, 1], 5060));
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 5060));
        assert_ne!(FlowKey::new(TCP, v4, v4), FlowKey::new(TCP, v6, v6));
        assert_ne!(FlowKey::new(TCP, v4, v4), FlowKey::new(UDP, v4, v4));
    }
}
