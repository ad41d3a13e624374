//! Telling apart what shares a port (RFC 7983, RFC 5761).

use abi::Reason;
use srtp::Traffic;

/// One of a side's two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Component {
    /// The port for RTP, and for RTCP where they are multiplexed.
    Rtp,
    /// The port for RTCP alone.
    Rtcp,
}

impl Component {
    /// Both components.
    pub const BOTH: [Self; 2] = [Self::Rtp, Self::Rtcp];
}

/// The first and the last packet type of RTCP itself (RFC 3550 §12.1).
const SENDER_REPORT: u8 = 200;
const APPLICATION: u8 = 204;

/// The protocol of a packet that came to `component`.
///
/// # Errors
/// [`Reason::RtpUnknownDemux`] for STUN, DTLS and what else shares ports with RTP elsewhere, for
/// RTP on a port for RTCP, and for RTCP on a port for RTP; [`Reason::RtpInvalidVersion`] and
/// [`Reason::RtpInvalidLength`] for what is nothing at all.
#[inline]
pub(crate) fn traffic(packet: &[u8], component: Component, mux: bool) -> Result<Traffic, Reason> {
    let &[first, second, ..] = packet else {
        return Err(Reason::RtpInvalidLength);
    };
    match first {
        128..=191 => {}
        // STUN, ZRTP, DTLS and TURN channels (RFC 7983 §7).
        0..=3 | 16..=63 | 64..=79 => return Err(Reason::RtpUnknownDemux),
        _ => return Err(Reason::RtpInvalidVersion),
    }
    // The packet types of RTCP are payload types that RTP must not use (RFC 5761 §4).
    let is_rtcp = (64..=95).contains(&(second & 0x7f));
    match component {
        Component::Rtp if mux && is_rtcp => Ok(Traffic::Rtcp),
        // What RTP never uses (RFC 3551 §6): its peer multiplexes unasked, and would be taken for
        // a new source with every report.
        Component::Rtp if is_rtcp && (SENDER_REPORT..=APPLICATION).contains(&second) => {
            Err(Reason::RtpUnknownDemux)
        }
        Component::Rtp => Ok(Traffic::Rtp),
        Component::Rtcp if is_rtcp => Ok(Traffic::Rtcp),
        Component::Rtcp => Err(Reason::RtpUnknownDemux),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtcp_is_told_by_its_packet_type_where_it_is_multiplexed() {
        for packet_type in 192..=223 {
            let packet = [0x80, packet_type];
            assert_eq!(traffic(&packet, Component::Rtp, true), Ok(Traffic::Rtcp));
            assert_eq!(traffic(&packet, Component::Rtcp, false), Ok(Traffic::Rtcp));
        }
        for payload_type in (0..64).chain(96..128) {
            for marker in [0, 0x80] {
                let packet = [0x80, marker | payload_type];
                assert_eq!(traffic(&packet, Component::Rtp, true), Ok(Traffic::Rtp));
                let refused = Err(Reason::RtpUnknownDemux);
                assert_eq!(traffic(&packet, Component::Rtcp, true), refused);
            }
        }
    }

    #[test]
    fn without_multiplexing_reports_are_refused_and_the_rest_is_rtp() {
        for second in 0..=255 {
            let wanted = match second {
                200..=204 => Err(Reason::RtpUnknownDemux),
                _ => Ok(Traffic::Rtp),
            };
            assert_eq!(traffic(&[0x80, second], Component::Rtp, false), wanted);
        }
    }

    #[test]
    fn other_protocols_are_known_and_refused() {
        for first in [0, 3, 16, 20, 63, 64, 79] {
            let refused = traffic(&[first, 0], Component::Rtp, true);
            assert_eq!(refused, Err(Reason::RtpUnknownDemux));
        }
        for first in [4, 15, 80, 127, 192, 255] {
            let refused = traffic(&[first, 0], Component::Rtp, true);
            assert_eq!(refused, Err(Reason::RtpInvalidVersion));
        }
        assert_eq!(
            traffic(&[0x80], Component::Rtp, true),
            Err(Reason::RtpInvalidLength)
        );
    }
}
