//! Made-up streams: addresses in a row, keys from a seed.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use abi::Suite;

use crate::{Side, Stream};

/// Port pairs of one address of a peer or the proxy.
pub const PAIRS_PER_ADDRESS: u32 = 16_384;

/// Addresses of the proxy in each network, and as many of peers.
const ADDRESSES: u32 = 98;

/// Streams that there are addresses for.
pub const STREAMS_MAX: u32 = ADDRESSES * PAIRS_PER_ADDRESS;

/// First of the ports of an address.
pub const FIRST_PORT: u16 = 16_384;

/// What streams to make up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synth {
    /// How many, at most [`STREAMS_MAX`].
    pub count: u32,
    /// Suite towards the client; clear if absent.
    pub client_suite: Option<Suite>,
    /// Suite towards the server; clear if absent.
    pub server_suite: Option<Suite>,
    /// Whether addresses are IPv6.
    pub v6: bool,
    /// Where keys come from.
    pub seed: u64,
}

impl Default for Synth {
    fn default() -> Self {
        Self {
            count: 1_000,
            client_suite: Some(Suite::AesCm128HmacSha1_80),
            server_suite: None,
            v6: false,
            seed: 1,
        }
    }
}

/// Which network an address is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The proxy's and the clients': 198.51.100.0/24, 2001:db8:1::/64.
    Outside,
    /// The proxy's and the servers': 192.0.2.0/24, 2001:db8:2::/64.
    Inside,
}

impl Network {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Outside, Self::Inside];

    /// Host `number` of the network. The proxy's addresses begin at 1, the peers' at 101.
    #[must_use]
    pub const fn host(self, number: u8, v6: bool) -> IpAddr {
        if v6 {
            let subnet = match self {
                Self::Outside => 1,
                Self::Inside => 2,
            };
            return IpAddr::V6(Ipv6Addr::new(
                0x2001,
                0xdb8,
                subnet,
                0,
                0,
                0,
                0,
                number as u16,
            ));
        }
        IpAddr::V4(match self {
            Self::Outside => Ipv4Addr::new(198, 51, 100, number),
            Self::Inside => Ipv4Addr::new(192, 0, 2, number),
        })
    }
}

/// First host number of the peers.
const PEERS_FROM: u8 = 101;
/// First host number of the proxy's media addresses.
pub const LOCALS_FROM: u8 = 2;

/// Makes streams up: the same for the same request.
#[must_use]
pub fn streams(synth: &Synth) -> Vec<Stream> {
    let mut keys = Keys(synth.seed);
    (0..synth.count)
        .map(|number| Stream {
            client: side(
                Network::Outside,
                number,
                synth.client_suite,
                synth.v6,
                &mut keys,
            ),
            server: side(
                Network::Inside,
                number,
                synth.server_suite,
                synth.v6,
                &mut keys,
            ),
        })
        .collect()
}

fn side(network: Network, number: u32, suite: Option<Suite>, v6: bool, keys: &mut Keys) -> Side {
    let place = number % PAIRS_PER_ADDRESS;
    let host = u8::try_from(number / PAIRS_PER_ADDRESS % ADDRESSES).unwrap_or(0);
    let port = FIRST_PORT + u16::try_from(2 * place).unwrap_or(0);
    let len = suite.map_or(0, Suite::key_salt_len);
    Side {
        local: SocketAddr::new(network.host(LOCALS_FROM + host, v6), port),
        peer: SocketAddr::new(network.host(PEERS_FROM + host, v6), port),
        rtcp_mux: false,
        suite,
        receive: keys.take(len),
        transmit: keys.take(len),
    }
}

/// Octets that look random (SplitMix64): keys of tests, and of nothing else.
#[derive(Clone, Debug)]
pub struct Keys(u64);

impl Keys {
    /// Octets from a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next eight octets as a number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next `len` octets.
    pub fn take(&mut self, len: usize) -> Vec<u8> {
        let mut octets = Vec::with_capacity(len + 8);
        while octets.len() < len {
            octets.extend(self.next().to_le_bytes());
        }
        octets.truncate(len);
        octets
    }

    /// Puts `items` into another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u64::try_from(last + 1).unwrap_or(1);
            let other = usize::try_from(self.next() % bound).unwrap_or(0);
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn streams_share_neither_addresses_nor_keys() {
        let synth = Synth {
            count: 40_000,
            server_suite: Some(Suite::AeadAes128Gcm),
            ..Synth::default()
        };
        let made = streams(&synth);
        let sides = || made.iter().flat_map(|s| [&s.client, &s.server]);
        let addresses: HashSet<_> = sides().flat_map(|s| [s.local, s.peer]).collect();
        assert_eq!(addresses.len(), 160_000);
        let keys: HashSet<_> = sides().flat_map(|s| [&s.receive, &s.transmit]).collect();
        assert_eq!(keys.len(), 160_000);
        assert!(sides().all(|s| s.local.port() % 2 == 0 && s.local.port() >= FIRST_PORT));
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<u32> = (0..1_000).collect();
        Keys::new(5).shuffle(&mut items);
        assert!(!items.is_sorted());
        items.sort_unstable();
        assert_eq!(items, (0..1_000).collect::<Vec<_>>());
    }
}
