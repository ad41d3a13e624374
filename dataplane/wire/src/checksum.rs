//! The Internet checksum: whole (RFC 1071) and by difference (RFC 1624).

use core::net::IpAddr;

/// A one's complement sum in progress, kept in 64 bits: 2^64 - 1 is a multiple of 2^16 - 1, so the
/// sum of words four times as wide folds into that of the words (RFC 1071 §2(C)).
///
/// Its words are little-endian, as the processors' are that we run on: the sum does not care
/// (RFC 1071 §2(B)), and loads need no swapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// An empty sum.
    #[must_use]
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds `bytes`. Only the last piece added to a sum may have an odd length.
    #[inline]
    #[must_use]
    pub fn add_bytes(self, bytes: &[u8]) -> Self {
        let (blocks, rest) = bytes.as_chunks::<64>();
        let mut sum = Chain {
            sum: self.0,
            carries: 0,
        };
        for block in blocks {
            sum.add(block);
        }
        let rest = sum.add_first::<32>(rest);
        let rest = sum.add_first::<16>(rest);
        let rest = sum.add_first::<8>(rest);
        let Chain { sum, carries } = sum;
        Self(sum).add(last_word(bytes, rest.len())).add(carries)
    }

    /// Adds a word; what is carried out at the top comes in at the bottom.
    #[inline]
    const fn add(self, word: u64) -> Self {
        let (sum, carry) = self.0.overflowing_add(word);
        Self(sum.wrapping_add(carry as u64))
    }

    /// Adds one 16-bit word.
    #[inline]
    #[must_use]
    pub const fn add_u16(self, word: u16) -> Self {
        self.add(word.swap_bytes() as u64)
    }

    /// Adds one 32-bit word.
    #[inline]
    #[must_use]
    pub const fn add_u32(self, word: u32) -> Self {
        self.add(word.swap_bytes() as u64)
    }

    /// The sum in 16 bits: `0xffff` for data whose own checksum is right.
    #[inline]
    #[must_use]
    pub const fn fold(self) -> u16 {
        // Each half of a rotated word added to the other: the upper half is the sum of both.
        let halves = self.0.wrapping_add(self.0.rotate_left(32));
        let [.., a, b, c, d] = halves.to_le_bytes();
        let half = u32::from_le_bytes([a, b, c, d]);
        let halves = half.wrapping_add(half.rotate_left(16));
        let [.., low, high] = halves.to_le_bytes();
        u16::from_be_bytes([low, high])
    }

    /// The checksum field for data summed with that field at zero.
    #[inline]
    #[must_use]
    pub const fn finish(self) -> u16 {
        !self.fold()
    }

    /// Whether the data, its checksum field included, sums up as it must.
    #[inline]
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.fold() == 0xffff
    }
}

/// A sum whose carries are counted beside it.
struct Chain {
    sum: u64,
    carries: u64,
}

impl Chain {
    /// Adds a block of whole words. Within it each carry goes into the next addition: one
    /// instruction for a word.
    #[inline(always)]
    fn add(&mut self, block: &[u8]) {
        let (words, _) = block.as_chunks::<8>();
        let mut carry = false;
        for &word in words {
            (self.sum, carry) = self.sum.carrying_add(u64::from_le_bytes(word), carry);
        }
        self.carries += u64::from(carry);
    }

    /// Adds the first `N` octets if there are as many, and returns those behind.
    #[inline(always)]
    fn add_first<'a, const N: usize>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some((block, behind)) = bytes.split_first_chunk::<N>() else {
            return bytes;
        };
        self.add(block);
        behind
    }
}

/// The last `len` octets of `bytes`, fewer than eight, as a word with zeros behind them.
#[inline(always)]
fn last_word(bytes: &[u8], len: usize) -> u64 {
    match bytes.last_chunk::<8>() {
        _ if len == 0 => 0,
        // One load of octets that have been added before, which are pushed out again.
        Some(&word) => u64::from_le_bytes(word) >> (64 - 8 * len),
        None => short_word(bytes),
    }
}

/// Fewer than eight octets as a word, zeros behind them.
#[inline]
fn short_word(octets: &[u8]) -> u64 {
    let mut word = 0;
    for &octet in octets.iter().rev() {
        word = word << 8 | u64::from(octet);
    }
    word
}

/// The sum of the pseudo header that TCP, UDP and ICMPv6 checksums cover (RFC 9293 §3.1,
/// RFC 8200 §8.1). `len` counts the transport header and payload.
#[inline]
#[must_use]
pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, len: u32) -> Sum {
    let add = |sum: Sum, address: IpAddr| match address {
        IpAddr::V4(a) => sum.add_bytes(&a.octets()),
        IpAddr::V6(a) => sum.add_bytes(&a.octets()),
    };
    let sum = add(add(Sum::new(), src), dst);
    sum.add_u32(len).add_u16(u16::from(protocol))
}

/// The checksum after `old` became `new` in what it covers (RFC 1624 §3, equation 3). Both
/// begin at an even offset and have the same, even length, or are addresses of a pseudo header.
#[inline]
#[must_use]
pub fn update(checksum: u16, old: &[u8], new: &[u8]) -> u16 {
    let gone = !Sum::new().add_bytes(old).fold();
    Sum::new()
        .add_u16(!checksum)
        .add_u16(gone)
        .add_bytes(new)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, word by word.
    fn slow(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([
                pair[0],
                pair.get(1).copied().unwrap_or(0),
            ]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::try_from(sum).unwrap()
    }

    #[test]
    fn rfc_1071_example() {
        let sum = Sum::new().add_bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.fold(), 0xddf2);
        assert_eq!(sum.finish(), 0x220d);
    }

    #[test]
    fn rfc_1624_example_does_not_give_minus_zero() {
        // §4: 0xdd2f with 0x5555 becoming 0x3285 gives 0x0000.
        assert_eq!(update(0xdd2f, &[0x55, 0x55], &[0x32, 0x85]), 0x0000);
    }

    #[test]
    fn words_add_as_their_bytes() {
        let by_bytes = Sum::new().add_bytes(&[0x12, 0x34, 0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(
            Sum::new().add_u16(0x1234).add_u32(0xdead_beef).fold(),
            by_bytes.fold()
        );
    }

    #[test]
    fn longest_packet_of_ones_does_not_overflow() {
        assert_eq!(Sum::new().add_bytes(&[0xff; 65536]).fold(), 0xffff);
    }

    proptest! {
        #[test]
        fn fast_equals_slow(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(Sum::new().add_bytes(&bytes).fold(), slow(&bytes));
        }

        #[test]
        fn update_equals_recompute(
            mut bytes in proptest::collection::vec(any::<u8>(), 20..21),
            new in any::<[u8; 4]>(),
            at in (1usize..4).prop_map(|i| i * 4),
        ) {
            bytes[0] = 0x45; // a header is never all zero
            let before = Sum::new().add_bytes(&bytes).finish();
            let old: Vec<u8> = bytes[at..at + 4].to_vec();
            bytes[at..at + 4].copy_from_slice(&new);
            let after = Sum::new().add_bytes(&bytes).finish();
            prop_assert_eq!(update(before, &old, &new), after);
        }
    }
}
