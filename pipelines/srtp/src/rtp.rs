//! The part of an RTP header that SRTP needs (RFC 3550 §5.1).

use abi::Reason;

/// Octets of a header with no contributing sources and no extension.
const FIXED_LEN: usize = 12;

/// What identifies an RTP packet, and where its payload begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Sequence number.
    pub seq: u16,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Octets of the whole header: fixed part, contributing sources and extension.
    pub len: usize,
}

impl Header {
    /// Reads the header at the start of `packet`.
    ///
    /// # Errors
    /// [`Reason::RtpInvalidVersion`], or [`Reason::RtpInvalidLength`] if the header says that it
    /// is longer than the packet.
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Self, Reason> {
        let fixed: &[u8; FIXED_LEN] = packet.first_chunk().ok_or(Reason::RtpInvalidLength)?;
        let [flags, _, seq_high, seq_low, _, _, _, _, s0, s1, s2, s3] = *fixed;
        if flags >> 6 != 2 {
            return Err(Reason::RtpInvalidVersion);
        }
        let mut len = FIXED_LEN + 4 * usize::from(flags & 0x0f);
        if flags & 0x10 != 0 {
            // Two octets for the profile's use, then the length in words (RFC 3550 §5.3.1).
            let extension = packet.get(len..).and_then(<[u8]>::first_chunk);
            let [_, _, high, low] = extension.ok_or(Reason::RtpInvalidLength)?;
            len += 4 + 4 * usize::from(u16::from_be_bytes([*high, *low]));
        }
        if len > packet.len() {
            return Err(Reason::RtpInvalidLength);
        }
        let seq = u16::from_be_bytes([seq_high, seq_low]);
        Ok(Self {
            seq,
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            len,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_extension_belong_to_the_header() {
        let case = vectors::srtp("csrc-extension");
        let header = Header::parse(case.get("rtp")).unwrap();
        assert_eq!(
            header,
            Header {
                seq: 1,
                ssrc: 0xcafe_babe,
                len: 28
            }
        );
    }

    #[test]
    fn every_truncated_header_is_refused() {
        let case = vectors::srtp("csrc-extension");
        let packet = &case.get("rtp")[..28];
        for len in 0..28 {
            assert_eq!(Header::parse(&packet[..len]), Err(Reason::RtpInvalidLength));
        }
        assert!(Header::parse(packet).is_ok());
    }

    #[test]
    fn other_versions_are_refused() {
        for version in [0, 1, 3] {
            let packet = [version << 6; 12];
            assert_eq!(Header::parse(&packet), Err(Reason::RtpInvalidVersion));
        }
    }
}
