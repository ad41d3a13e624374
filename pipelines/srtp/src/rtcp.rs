//! The part of an RTCP packet that SRTCP needs, and the SRTCP index (RFC 3711 §3.4).

use abi::Reason;

/// Octets at the start of a compound packet that stay clear.
pub(crate) const CLEAR_LEN: usize = CLEAR as usize;
/// The same as an offset in a packet.
pub(crate) const CLEAR: u16 = 8;

/// Octets of the word that carries the E flag and the index.
pub(crate) const WORD_LEN: usize = WORD as usize;
/// The same as an offset in a packet.
pub(crate) const WORD: u16 = 4;

/// Indices are 31 bits wide.
pub(crate) const INDEX_MAX: u32 = (1 << 31) - 1;

/// The flag of an encrypted packet.
const ENCRYPTED: u32 = 1 << 31;

/// The sender of the compound packet, which is that of its first part.
#[inline]
pub(crate) fn sender(packet: &[u8]) -> Result<u32, Reason> {
    let clear: &[u8; CLEAR_LEN] = packet.first_chunk().ok_or(Reason::RtcpInvalidLength)?;
    let [flags, _, _, _, s0, s1, s2, s3] = *clear;
    if flags >> 6 != 2 {
        return Err(Reason::RtcpInvalidVersion);
    }
    Ok(u32::from_be_bytes([s0, s1, s2, s3]))
}

/// The E flag and the index in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) encrypted: bool,
    pub(crate) index: u32,
}

impl Word {
    pub(crate) const fn from_wire(octets: [u8; WORD_LEN]) -> Self {
        let word = u32::from_be_bytes(octets);
        Self {
            encrypted: word & ENCRYPTED != 0,
            index: word & INDEX_MAX,
        }
    }

    /// The word of a packet. Indices are 31 bits wide, so none is cut.
    pub(crate) const fn new(encrypted: bool, index: u64) -> Self {
        let [_, _, _, _, a, b, c, d] = index.to_be_bytes();
        Self {
            encrypted,
            index: u32::from_be_bytes([a, b, c, d]),
        }
    }

    pub(crate) const fn bits(self) -> u32 {
        let flag = if self.encrypted { ENCRYPTED } else { 0 };
        flag | self.index & INDEX_MAX
    }

    pub(crate) const fn to_wire(self) -> [u8; WORD_LEN] {
        self.bits().to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_round_trips() {
        for octets in [
            [0x80, 0, 5, 0xd4],
            [0, 0, 5, 0xd4],
            [0xff; 4],
            [0x7f, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(Word::from_wire(octets).to_wire(), octets);
        }
    }

    #[test]
    fn short_or_foreign_packets_have_no_sender() {
        let packet = [0x81, 200, 0, 1, 1, 2, 3, 4];
        assert_eq!(sender(&packet), Ok(0x0102_0304));
        assert_eq!(sender(&packet[..7]), Err(Reason::RtcpInvalidLength));
        assert_eq!(sender(&[0; 8]), Err(Reason::RtcpInvalidVersion));
    }
}
