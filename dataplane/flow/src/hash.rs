//! The keyed hash of flow keys.

use crate::FlowKey;

/// Secret of a table's hash: 64 random octets.
///
/// Peers choose their addresses and ports, so without a secret they could choose a thousand
/// flows that share one bucket.
#[derive(Clone, Copy)]
pub struct HashSeed([u64; 8]);

impl HashSeed {
    /// A seed from octets of a cryptographic random source.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 64]) -> Self {
        let mut words = [0; 8];
        let (chunks, _) = bytes.as_chunks::<8>();
        for (word, chunk) in words.iter_mut().zip(chunks) {
            *word = u64::from_le_bytes(*chunk);
        }
        Self(words)
    }

    /// Hashes `key`.
    ///
    /// NH of UMAC (RFC 4418 §5.2) over the key's words, then one more keyed multiplication that
    /// folds its 128 bits into 64. For any two keys chosen without the seed, the chance that NH
    /// gives the same is at most 2^-64; three multiplications cost about 2 ns.
    #[inline]
    pub(crate) fn hash(&self, key: &FlowKey) -> u64 {
        let [k0, k1, k2, k3, k4, k5, k6, k7] = self.0;
        let [a, b, c, d, e] = key.words();
        let nh = multiply(a.wrapping_add(k0), b.wrapping_add(k1))
            .wrapping_add(multiply(c.wrapping_add(k2), d.wrapping_add(k3)))
            .wrapping_add(multiply(e.wrapping_add(k4), k5));
        let folded = multiply(low(nh) ^ k6, high(nh) ^ k7);
        low(folded) ^ high(folded)
    }
}

impl core::fmt::Debug for HashSeed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("HashSeed(..)")
    }
}

#[inline]
fn multiply(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}

#[inline]
const fn low(x: u128) -> u64 {
    (x & 0xffff_ffff_ffff_ffff) as u64
}

#[inline]
const fn high(x: u128) -> u64 {
    (x >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TCP;
    use core::net::SocketAddr;

    fn seed(n: u8) -> HashSeed {
        let mut byte = n;
        HashSeed::from_bytes(&[0; 64].map(|_: u8| {
            byte = byte.wrapping_mul(73).wrapping_add(157);
            byte
        }))
    }

    fn key(host: u16, port: u16) -> FlowKey {
        let [high, low] = host.to_be_bytes();
        FlowKey::new(
            TCP,
            SocketAddr::from(([192, 0, 2, 1], 5061)),
            SocketAddr::from(([198, 51, high, low], port)),
        )
    }

    #[test]
    fn neighbouring_keys_spread_over_the_buckets() {
        const BUCKETS: usize = 1 << 10;
        let mut load = [0_u32; BUCKETS];
        for host in 0..64 {
            for port in 0..256 {
                load[(seed(1).hash(&key(host, port)) >> 32) as usize % BUCKETS] += 1;
            }
        }
        // 16 a bucket on average; a fair throw passes 45 about once in ten million buckets.
        assert!(load.iter().all(|&n| n < 45), "{:?}", load.iter().max());
    }

    #[test]
    fn another_seed_hashes_otherwise() {
        let same = (0..1_000)
            .filter(|&port| {
                seed(1).hash(&key(7, port)) & 0xff == seed(2).hash(&key(7, port)) & 0xff
            })
            .count();
        assert!(same < 30, "{same}");
    }
}
