//! Compound RTCP packets (RFC 3550 §6.1), reduced-size ones included (RFC 5506).

use abi::Reason;

/// Octets of the header of each part.
const HEADER_LEN: usize = 4;

/// One part of a compound packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpView<'a> {
    /// Packet type: 200 is a sender report, 201 a receiver report.
    pub packet_type: u8,
    /// Report count, or what else the type keeps in its place.
    pub count: u8,
    /// What follows the header.
    pub body: &'a [u8],
}

/// The parts of a compound packet; ends at the first that is malformed.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The parts of `packet`.
    #[must_use]
    pub const fn new(packet: &'a [u8]) -> Self {
        Self { rest: packet }
    }

    fn part(&self) -> Result<(RtcpView<'a>, &'a [u8]), Reason> {
        let header: &[u8; HEADER_LEN] = self.rest.first_chunk().ok_or(Reason::RtcpInvalidLength)?;
        let [flags, packet_type, high, low] = *header;
        if flags >> 6 != 2 {
            return Err(Reason::RtcpInvalidVersion);
        }
        let body_len = 4 * usize::from(u16::from_be_bytes([high, low]));
        let rest = self.rest.get(HEADER_LEN..).unwrap_or_default();
        let (body, rest) = rest
            .split_at_checked(body_len)
            .ok_or(Reason::RtcpInvalidLength)?;
        Ok((
            RtcpView {
                packet_type,
                count: flags & 0x1f,
                body,
            },
            rest,
        ))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<RtcpView<'a>, Reason>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let part = self.part();
        self.rest = part.as_ref().map_or(&[], |&(_, rest)| rest);
        Some(part.map(|(view, _)| view))
    }
}

/// Whether `packet` is made of whole parts, the first of which names its sender.
///
/// # Errors
/// [`Reason::RtcpInvalidLength`] or [`Reason::RtcpInvalidVersion`].
pub fn check(packet: &[u8]) -> Result<(), Reason> {
    let mut parts = Parts::new(packet);
    let first = parts.next().ok_or(Reason::RtcpInvalidLength)??;
    if first.body.len() < 4 {
        return Err(Reason::RtcpInvalidLength);
    }
    parts.try_for_each(|part| part.map(|_| ()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A receiver report without reports, then a BYE without sources.
    const COMPOUND: [u8; 12] = [0x80, 201, 0, 1, 1, 2, 3, 4, 0x80, 203, 0, 0];

    #[test]
    fn parts_follow_one_another() {
        let parts: Vec<_> = Parts::new(&COMPOUND).map(Result::unwrap).collect();
        let bye = RtcpView {
            packet_type: 203,
            count: 0,
            body: &[],
        };
        assert_eq!(
            (parts.len(), parts[0].body, parts[1]),
            (2, &COMPOUND[4..8], bye)
        );
        assert_eq!(check(&COMPOUND), Ok(()));
    }

    #[test]
    fn every_truncated_packet_is_refused() {
        for len in (0..12).filter(|&len| len != 8) {
            assert_eq!(check(&COMPOUND[..len]), Err(Reason::RtcpInvalidLength));
        }
        assert_eq!(check(&[0x80, 203, 0, 0]), Err(Reason::RtcpInvalidLength));
    }

    #[test]
    fn every_part_must_be_of_version_two() {
        for at in [0, 8] {
            let mut packet = COMPOUND;
            packet[at] = 0x40;
            assert_eq!(check(&packet), Err(Reason::RtcpInvalidVersion));
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_to_their_end(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let parts = Parts::new(&octets).flatten().map(|part| part.body.len() + 4);
            prop_assert!(parts.sum::<usize>() <= octets.len());
            let _ = check(&octets);
        }
    }
}
