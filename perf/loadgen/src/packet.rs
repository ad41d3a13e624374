//! What media packets hold, made and checked: every octet of a packet follows from its stream
//! and its number, so that what comes back can be compared whole.

use srtp::Header;

use crate::synth::Keys;

/// Octets of an RTP header without contributing sources.
pub(crate) const RTP_HEADER: usize = 12;

/// Number and time at the front of each payload.
const STAMP: usize = 16;

/// Octets of a report: a sender report and a source description.
pub(crate) const REPORT_LEN: usize = 28 + 20;

/// Octets that payloads are cut from.
const PATTERN: usize = 4096;

/// Bits of an SSRC that say which talker it is.
const TALKER_BITS: u32 = 24;

/// SSRCs of the generator begin with this.
const SSRC_BASE: u32 = 0x40 << TALKER_BITS;

/// A kind of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// Octets of payload in each packet.
    pub payload: usize,
    /// RTP payload type.
    pub payload_type: u8,
    /// Units of the RTP clock from packet to packet.
    pub step: u32,
    /// Packets between two reports: five seconds of them (RFC 3550 §6.2).
    pub per_report: u32,
}

impl Media {
    /// G.711, 20 ms.
    pub const G711: Self = Self {
        payload: 160,
        payload_type: 0,
        step: 160,
        per_report: 250,
    };
    /// Opus at 32 kbit/s, 20 ms.
    pub const OPUS: Self = Self {
        payload: 80,
        payload_type: 111,
        step: 960,
        per_report: 250,
    };
    /// Video at 1 Mbit/s.
    pub const VIDEO: Self = Self {
        payload: 1_100,
        payload_type: 96,
        step: 792,
        per_report: 570,
    };
}

/// What streams carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mix {
    /// All of them G.711.
    #[default]
    G711,
    /// All of them Opus.
    Opus,
    /// All of them video.
    Video,
    /// Seven in ten G.711, two Opus, one video.
    Mixed,
}

impl Mix {
    /// The mix of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "g711" => Self::G711,
            "opus" => Self::Opus,
            "video" => Self::Video,
            "mixed" => Self::Mixed,
            _ => return None,
        })
    }

    /// What stream `number` carries.
    #[must_use]
    pub const fn media(self, number: u32) -> Media {
        match (self, number % 10) {
            (Self::G711, _) | (Self::Mixed, 0..=6) => Media::G711,
            (Self::Opus, _) | (Self::Mixed, 7 | 8) => Media::OPUS,
            (Self::Video, _) | (Self::Mixed, _) => Media::VIDEO,
        }
    }
}

/// The SSRC of a talker.
#[must_use]
pub(crate) const fn ssrc(talker: u32) -> u32 {
    SSRC_BASE | talker
}

/// The talker of an SSRC, if it is one of the generator's.
#[must_use]
pub(crate) const fn talker(ssrc: u32) -> Option<u32> {
    if ssrc >> TALKER_BITS == SSRC_BASE >> TALKER_BITS {
        Some(ssrc & ((1 << TALKER_BITS) - 1))
    } else {
        None
    }
}

/// Number and time of sending of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Packets of the same talker before it.
    pub number: u64,
    /// When it was made, in nanoseconds; 0 if it was made ahead of time.
    pub nanos: u64,
}

/// Makes and checks packets.
#[derive(Debug)]
pub(crate) struct Packets {
    pattern: Vec<u8>,
}

impl Default for Packets {
    fn default() -> Self {
        Self {
            pattern: Keys::new(0).take(PATTERN),
        }
    }
}

impl Packets {
    /// Writes an RTP packet to the front of `out`; `None` if it does not fit.
    pub(crate) fn write_rtp(
        &self,
        out: &mut [u8],
        media: Media,
        ssrc: u32,
        stamp: Stamp,
    ) -> Option<()> {
        let (header, rest) = out.split_first_chunk_mut::<RTP_HEADER>()?;
        *header = rtp_header(media, ssrc, stamp.number);
        let (number, rest) = rest.split_first_chunk_mut::<8>()?;
        *number = stamp.number.to_le_bytes();
        let (nanos, rest) = rest.split_first_chunk_mut::<8>()?;
        *nanos = stamp.nanos.to_le_bytes();
        let payload = rest.get_mut(..media.payload - STAMP)?;
        payload.copy_from_slice(self.pattern(media, ssrc, stamp.number)?);
        Some(())
    }

    /// The stamp of an RTP packet; `None` unless every octet is as it was written.
    #[must_use]
    pub(crate) fn check_rtp(&self, packet: &[u8], media: Media, ssrc: u32) -> Option<Stamp> {
        let (header, payload) = packet.split_first_chunk::<RTP_HEADER>()?;
        let (number, rest) = payload.split_first_chunk::<8>()?;
        let (nanos, rest) = rest.split_first_chunk::<8>()?;
        let stamp = Stamp {
            number: u64::from_le_bytes(*number),
            nanos: u64::from_le_bytes(*nanos),
        };
        let is_whole = *header == rtp_header(media, ssrc, stamp.number)
            && rest == self.pattern(media, ssrc, stamp.number)?;
        is_whole.then_some(stamp)
    }

    /// What follows the stamp.
    fn pattern(&self, media: Media, ssrc: u32, number: u64) -> Option<&[u8]> {
        let len = media.payload.checked_sub(STAMP)?;
        let places = u64::try_from(PATTERN - len).ok()?;
        let start = usize::try_from(u64::from(ssrc).wrapping_add(number) % places).ok()?;
        self.pattern.get(start..start + len)
    }
}

fn rtp_header(media: Media, ssrc: u32, number: u64) -> [u8; RTP_HEADER] {
    // Numbers begin anywhere below 2^15 (RFC 3711 §3.3.1), the clock anywhere.
    let seq = number.wrapping_add(u64::from(ssrc & 0x7fff));
    let [q0, q1, ..] = seq.to_le_bytes();
    let ticks = number
        .wrapping_mul(u64::from(media.step))
        .wrapping_add(u64::from(ssrc) << 4);
    let [t0, t1, t2, t3, ..] = ticks.to_le_bytes();
    let [s0, s1, s2, s3] = ssrc.to_be_bytes();
    [
        0x80,
        media.payload_type,
        q1,
        q0,
        t3,
        t2,
        t1,
        t0,
        s0,
        s1,
        s2,
        s3,
    ]
}

/// The report after `number` others of the talker.
#[must_use]
pub(crate) fn report(media: Media, ssrc: u32, number: u64) -> [u8; REPORT_LEN] {
    let mut out = [0; REPORT_LEN];
    let packets = number.wrapping_mul(u64::from(media.per_report));
    let octets = packets.wrapping_mul(u64::try_from(media.payload).unwrap_or(0));
    let low = |value: u64| -> [u8; 4] {
        let [.., a, b, c, d] = value.to_be_bytes();
        [a, b, c, d]
    };
    let parts: [&[u8]; 10] = [
        &[0x80, 200, 0, 6],
        &ssrc.to_be_bytes(),
        // The NTP timestamp is the report's number.
        &number.to_be_bytes(),
        &low(packets.wrapping_mul(u64::from(media.step))),
        &low(packets),
        &low(octets),
        &[0x81, 202, 0, 4],
        &ssrc.to_be_bytes(),
        b"\x01\x07loadgen",
        &[0; 3],
    ];
    let mut at = 0;
    for part in parts {
        if let Some(place) = out.get_mut(at..at + part.len()) {
            place.copy_from_slice(part);
        }
        at += part.len();
    }
    out
}

/// The number of a report; `None` unless every octet is as it was written.
#[must_use]
pub(crate) fn check_report(packet: &[u8], media: Media, ssrc: u32) -> Option<u64> {
    let number = u64::from_be_bytes(*packet.get(8..)?.first_chunk()?);
    (packet == report(media, ssrc, number)).then_some(number)
}

/// Whose packet it is, and whether it is a report; clear or protected.
#[must_use]
pub(crate) fn source(packet: &[u8]) -> Option<(u32, bool)> {
    let second = packet.get(1)? & 0x7f;
    if (64..=95).contains(&second) {
        let ssrc = packet.get(4..)?.first_chunk()?;
        return Some((u32::from_be_bytes(*ssrc), true));
    }
    Some((Header::parse(packet).ok()?.ssrc, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_octet_is_noticed() {
        let packets = Packets::default();
        for (media, number) in [(Media::G711, 0), (Media::OPUS, 70_000), (Media::VIDEO, 3)] {
            let mut packet = vec![0; RTP_HEADER + media.payload];
            let stamp = Stamp { number, nanos: 99 };
            packets
                .write_rtp(&mut packet, media, ssrc(7), stamp)
                .unwrap();
            assert_eq!(packets.check_rtp(&packet, media, ssrc(7)), Some(stamp));
            assert_eq!(source(&packet), Some((ssrc(7), false)));
            assert_eq!(packets.check_rtp(&packet, media, ssrc(8)), None);
            assert_eq!(
                packets.check_rtp(&packet[..packet.len() - 1], media, ssrc(7)),
                None
            );
            for at in 0..packet.len() {
                packet[at] ^= 1;
                // The time of sending is the one thing that a receiver cannot know.
                let is_time = (RTP_HEADER + 8..RTP_HEADER + 16).contains(&at);
                assert_eq!(
                    packets.check_rtp(&packet, media, ssrc(7)).is_some(),
                    is_time
                );
                packet[at] ^= 1;
            }
        }
    }

    #[test]
    fn reports_are_compound_packets_and_compared_whole() {
        let mut packet = report(Media::G711, ssrc(5), 3);
        assert_eq!(check_report(&packet, Media::G711, ssrc(5)), Some(3));
        assert_eq!(source(&packet), Some((ssrc(5), true)));
        let words =
            |at: usize| 4 + 4 * usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
        assert_eq!(words(2), 28);
        assert_eq!(28 + words(30), REPORT_LEN);
        packet[47] ^= 1;
        assert_eq!(check_report(&packet, Media::G711, ssrc(5)), None);
    }

    #[test]
    fn sequence_numbers_follow_one_another() {
        let seq = |number| {
            let [_, _, high, low, ..] = rtp_header(Media::G711, ssrc(9), number);
            u16::from_be_bytes([high, low])
        };
        assert!((0..100_000).all(|n| seq(n + 1) == seq(n).wrapping_add(1)));
    }

    #[test]
    fn talkers_are_told_by_their_ssrc() {
        for number in [0, 1, 199_999] {
            assert_eq!(talker(ssrc(number)), Some(number));
        }
        assert_eq!(talker(5), None);
    }
}
