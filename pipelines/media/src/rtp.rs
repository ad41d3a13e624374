//! A view of an RTP packet (RFC 3550 §5.1).

use abi::Reason;
use srtp::Header;

/// A packet whose header lies within it.
#[derive(Clone, Copy, Debug)]
pub struct RtpView<'a> {
    packet: &'a [u8],
    header: Header,
}

impl<'a> RtpView<'a> {
    /// Checks the header of `packet`.
    ///
    /// # Errors
    /// [`Reason::RtpInvalidVersion`] or [`Reason::RtpInvalidLength`].
    pub fn parse(packet: &'a [u8]) -> Result<Self, Reason> {
        Ok(Self {
            packet,
            header: Header::parse(packet)?,
        })
    }

    /// Sequence number.
    #[must_use]
    pub const fn seq(&self) -> u16 {
        self.header.seq
    }

    /// Synchronisation source.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.header.ssrc
    }

    /// Whether the marker is set.
    #[must_use]
    pub fn marker(&self) -> bool {
        self.octet(1) & 0x80 != 0
    }

    /// Payload type.
    #[must_use]
    pub fn payload_type(&self) -> u8 {
        self.octet(1) & 0x7f
    }

    /// Timestamp, in units of the payload's clock.
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        u32::from_be_bytes([self.octet(4), self.octet(5), self.octet(6), self.octet(7)])
    }

    /// What follows the header, padding included.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.packet.get(self.header.len..).unwrap_or_default()
    }

    fn octet(&self, at: usize) -> u8 {
        self.packet.get(at).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_the_standard_puts_them() {
        let packet = [
            0x91, 0x88, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 0, 0, 0,
            0, 0x55, 0x66,
        ];
        let view = RtpView::parse(&packet).unwrap();
        assert!(view.marker());
        assert_eq!((view.payload_type(), view.seq()), (8, 0x1234));
        assert_eq!((view.timestamp(), view.ssrc()), (0x0102_0304, 0x0506_0708));
        assert_eq!(view.payload(), [0x55, 0x66]);
    }
}
