//! TCP headers, read only: the stack of `tcp` writes its own (RFC 9293).

use core::net::IpAddr;

use abi::Reason;

use crate::{checksum::pseudo_header, proto};

/// Octets of a header without options.
pub const HEADER_LEN: usize = 20;

/// The control bits of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// The connection is gone.
    pub const RST: Self = Self(0x04);
    /// Hand the data over without delay.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number holds.
    pub const ACK: Self = Self(0x10);

    /// Whether every bit of `bits` is set.
    #[must_use]
    pub const fn contains(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }

    /// Whether the segment opens a connection: SYN, and neither ACK, RST nor FIN.
    #[must_use]
    pub const fn is_initial_syn(self) -> bool {
        self.0 & 0x17 == Self::SYN.0
    }
}

/// A segment whose header fits the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub struct TcpView<'a> {
    header: &'a [u8; HEADER_LEN],
    segment: &'a [u8],
}

impl<'a> TcpView<'a> {
    /// Checks the data offset. `bytes` is the whole payload of the IP packet.
    ///
    /// # Errors
    /// [`Reason::TcpMalformed`], also for port 0 and for bits that no sender sets together: SYN
    /// with FIN or RST.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Reason> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Reason::TcpMalformed)?;
        let view = Self {
            header,
            segment: bytes,
        };
        let len = view.header_len();
        let flags = view.flags();
        let contradicts = flags.contains(Flags::SYN) && flags.0 & 0x05 != 0;
        let has_port_zero = view.src_port() == 0 || view.dst_port() == 0;
        if len < HEADER_LEN || len > bytes.len() || contradicts || has_port_zero {
            return Err(Reason::TcpMalformed);
        }
        Ok(view)
    }

    /// Source port.
    #[inline]
    #[must_use]
    pub const fn src_port(&self) -> u16 {
        u16::from_be_bytes([self.header[0], self.header[1]])
    }

    /// Destination port.
    #[inline]
    #[must_use]
    pub const fn dst_port(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// Sequence number of the first octet, or of the SYN.
    #[must_use]
    pub const fn seq(&self) -> u32 {
        let h = self.header;
        u32::from_be_bytes([h[4], h[5], h[6], h[7]])
    }

    /// Next sequence number that the sender expects, if ACK is set.
    #[must_use]
    pub const fn ack(&self) -> u32 {
        let h = self.header;
        u32::from_be_bytes([h[8], h[9], h[10], h[11]])
    }

    /// Octets of the header with its options.
    #[inline]
    #[must_use]
    pub const fn header_len(&self) -> usize {
        (self.header[12] >> 4) as usize * 4
    }

    /// Control bits.
    #[inline]
    #[must_use]
    pub const fn flags(&self) -> Flags {
        Flags(self.header[13])
    }

    /// Octets that the sender takes, before scaling.
    #[must_use]
    pub const fn window(&self) -> u16 {
        u16::from_be_bytes([self.header[14], self.header[15]])
    }

    /// The options, not looked at.
    #[must_use]
    pub fn options(&self) -> &'a [u8] {
        self.segment
            .get(HEADER_LEN..self.header_len())
            .unwrap_or_default()
    }

    /// What the segment carries.
    #[inline]
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.segment.get(self.header_len()..).unwrap_or_default()
    }

    /// Whether the checksum is right.
    #[inline]
    #[must_use]
    pub fn has_valid_checksum(&self, src: IpAddr, dst: IpAddr) -> bool {
        u32::try_from(self.segment.len()).is_ok_and(|len| {
            pseudo_header(src, dst, proto::TCP, len)
                .add_bytes(self.segment)
                .is_valid()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A SYN with MSS, SACK permitted, timestamps and window scale, as Linux sends it from
    /// 192.0.2.10 to 192.0.2.1; the checksum is filled in by the test.
    const SYN: [u8; 40] = [
        0xc7, 0x22, 0x13, 0xc5, 0x4a, 0x8b, 0x11, 0x90, 0, 0, 0, 0, 0xa0, 0x02, 0xfa, 0xf0, 0, 0,
        0, 0, 0x02, 0x04, 0x05, 0xb4, 0x04, 0x02, 0x08, 0x0a, 0x9d, 0x20, 0x6c, 0x7e, 0, 0, 0, 0,
        0x01, 0x03, 0x03, 0x07,
    ];

    #[test]
    fn syn_is_understood() {
        let mut bytes = SYN;
        let (src, dst) = (IpAddr::from([192, 0, 2, 10]), IpAddr::from([192, 0, 2, 1]));
        let sum = pseudo_header(src, dst, 6, 40).add_bytes(&bytes).finish();
        bytes[16..18].copy_from_slice(&sum.to_be_bytes());
        let view = TcpView::parse(&bytes).unwrap();
        assert!(view.has_valid_checksum(src, dst));
        assert!(!view.has_valid_checksum(src, src));
        assert_eq!((view.src_port(), view.dst_port()), (50978, 5061));
        assert_eq!(
            (view.seq(), view.ack(), view.window()),
            (0x4a8b_1190, 0, 64240)
        );
        assert!(view.flags().is_initial_syn());
        assert_eq!((view.options().len(), view.payload().len()), (20, 0));
    }

    #[test]
    fn impossible_headers_are_refused() {
        let refusal = |at: usize, value: u8| {
            let mut bytes = SYN;
            bytes[at] = value;
            TcpView::parse(&bytes).map(|_| ()).unwrap_err()
        };
        assert_eq!(refusal(12, 0x40), Reason::TcpMalformed); // header of 16 octets
        assert_eq!(refusal(12, 0xf0), Reason::TcpMalformed); // longer than the segment
        assert_eq!(refusal(13, 0x03), Reason::TcpMalformed); // SYN and FIN
        assert_eq!(refusal(13, 0x06), Reason::TcpMalformed); // SYN and RST
        assert_eq!(
            TcpView::parse(&SYN[..19]).unwrap_err(),
            Reason::TcpMalformed
        );
        let mut port_zero = SYN;
        port_zero[2..4].fill(0);
        assert_eq!(
            TcpView::parse(&port_zero).unwrap_err(),
            Reason::TcpMalformed
        );
    }

    #[test]
    fn flags_are_told_apart() {
        assert!(!Flags(0x12).is_initial_syn());
        assert!(
            Flags(0xc2).is_initial_syn(),
            "ECN set-up bits do not matter"
        );
        assert!(Flags(0x12).contains(Flags::ACK) && !Flags(0x12).contains(Flags::FIN));
    }
}
