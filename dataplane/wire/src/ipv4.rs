//! IPv4 headers (RFC 791).

use core::net::Ipv4Addr;

use abi::Reason;

use crate::{
    checksum::{Sum, update},
    field::{array_mut, be16, put},
};

/// Octets of a header without options.
pub const HEADER_LEN: usize = 20;
/// Offset of the checksum.
pub(crate) const CHECKSUM: usize = 10;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;
/// The bits of the fragment field that only a fragment has set.
pub(crate) const FRAGMENT_MASK: u16 = MORE_FRAGMENTS | OFFSET_MASK;

/// A packet whose header and total length fit the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4View<'a> {
    header: &'a [u8; HEADER_LEN],
    /// The whole packet, cut to its total length.
    packet: &'a [u8],
}

impl<'a> Ipv4View<'a> {
    /// Checks version, lengths and addresses; what follows the total length is padding.
    ///
    /// The header checksum is not looked at, see [`has_valid_checksum`](Self::has_valid_checksum).
    ///
    /// # Errors
    /// [`Reason::IpTruncated`], [`Reason::IpMalformed`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Reason> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Reason::IpTruncated)?;
        let view = Self {
            header,
            packet: bytes,
        };
        let (header_len, total_len) = (view.header_len(), usize::from(view.total_len()));
        if header[0] >> 4 != 4 || header_len < HEADER_LEN || total_len < header_len {
            return Err(Reason::IpMalformed);
        }
        let packet = bytes.get(..total_len).ok_or(Reason::IpTruncated)?;
        Ok(Self { header, packet })
    }

    /// Octets of the header with its options.
    #[inline]
    #[must_use]
    pub const fn header_len(&self) -> usize {
        (self.header[0] & 0x0f) as usize * 4
    }

    /// Octets of the packet.
    #[inline]
    #[must_use]
    pub const fn total_len(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// DSCP and ECN.
    #[must_use]
    pub const fn traffic_class(&self) -> u8 {
        self.header[1]
    }

    /// Names the packet that a fragment is of.
    #[must_use]
    pub const fn ident(&self) -> u16 {
        u16::from_be_bytes([self.header[4], self.header[5]])
    }

    /// Whether routers may not fragment the packet.
    #[must_use]
    pub const fn dont_fragment(&self) -> bool {
        self.fragment_field() & DONT_FRAGMENT != 0
    }

    /// Whether the packet is a part of one.
    #[inline]
    #[must_use]
    pub const fn is_fragment(&self) -> bool {
        self.fragment_field() & FRAGMENT_MASK != 0
    }

    /// Whether other fragments lie behind this one.
    #[must_use]
    pub const fn more_fragments(&self) -> bool {
        self.fragment_field() & MORE_FRAGMENTS != 0
    }

    /// Place of the payload in the whole packet's payload, in octets.
    #[must_use]
    pub const fn fragment_offset(&self) -> u32 {
        (self.fragment_field() & OFFSET_MASK) as u32 * 8
    }

    /// Hops that are left.
    #[must_use]
    pub const fn hop_limit(&self) -> u8 {
        self.header[8]
    }

    /// What the payload is.
    #[inline]
    #[must_use]
    pub const fn protocol(&self) -> u8 {
        self.header[9]
    }

    /// Source address.
    #[inline]
    #[must_use]
    pub const fn src(&self) -> Ipv4Addr {
        Ipv4Addr::new(
            self.header[12],
            self.header[13],
            self.header[14],
            self.header[15],
        )
    }

    /// Destination address.
    #[inline]
    #[must_use]
    pub const fn dst(&self) -> Ipv4Addr {
        Ipv4Addr::new(
            self.header[16],
            self.header[17],
            self.header[18],
            self.header[19],
        )
    }

    /// Whether the header checksum is right.
    #[inline]
    #[must_use]
    pub fn has_valid_checksum(&self) -> bool {
        let sum = Sum::new().add_bytes(self.header);
        match self.packet.get(HEADER_LEN..self.header_len()) {
            Some(options) if !options.is_empty() => sum.add_bytes(options).is_valid(),
            _ => sum.is_valid(),
        }
    }

    /// What the packet carries.
    #[inline]
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.packet.get(self.header_len()..).unwrap_or_default()
    }

    /// The whole packet, without padding behind it.
    #[must_use]
    pub const fn packet(&self) -> &'a [u8] {
        self.packet
    }

    const fn fragment_field(&self) -> u16 {
        u16::from_be_bytes([self.header[6], self.header[7]])
    }
}

/// A header without options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Repr {
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// What the payload is.
    pub protocol: u8,
    /// Octets of the payload.
    pub payload_len: u16,
    /// Hops that the packet may take.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Names the packet should a router fragment it; 0 where none may (RFC 6864 §4.1).
    pub ident: u16,
    /// Whether routers may not fragment the packet.
    pub dont_fragment: bool,
}

impl Ipv4Repr {
    /// Reads the header of a packet that is no fragment.
    #[must_use]
    pub fn of(view: &Ipv4View<'_>) -> Self {
        let header_len = u16::try_from(view.header_len()).unwrap_or(u16::MAX);
        Self {
            src: view.src(),
            dst: view.dst(),
            protocol: view.protocol(),
            payload_len: view.total_len().saturating_sub(header_len),
            hop_limit: view.hop_limit(),
            traffic_class: view.traffic_class(),
            ident: view.ident(),
            dont_fragment: view.dont_fragment(),
        }
    }

    /// Writes the header with its checksum to the front of `packet`; `None` if it does not fit
    /// or the packet would be longer than IPv4 can say.
    #[inline]
    pub fn emit(&self, packet: &mut [u8]) -> Option<()> {
        let header: &mut [u8; HEADER_LEN] = packet.first_chunk_mut()?;
        let [l0, l1] = self.payload_len.checked_add(20)?.to_be_bytes();
        let [i0, i1] = self.ident.to_be_bytes();
        let flags = if self.dont_fragment { 0x40 } else { 0 };
        let [s0, s1, s2, s3] = self.src.octets();
        let [d0, d1, d2, d3] = self.dst.octets();
        // Summed from the fields: reading octets back that were just written one by one would
        // wait for each of them.
        let [c0, c1] = Sum::new()
            .add_u16(u16::from_be_bytes([0x45, self.traffic_class]))
            .add_u16(u16::from_be_bytes([l0, l1]))
            .add_u16(self.ident)
            .add_u16(u16::from_be_bytes([flags, 0]))
            .add_u16(u16::from_be_bytes([self.hop_limit, self.protocol]))
            .add_u32(u32::from_be_bytes([s0, s1, s2, s3]))
            .add_u32(u32::from_be_bytes([d0, d1, d2, d3]))
            .finish()
            .to_be_bytes();
        *header = [
            0x45,
            self.traffic_class,
            l0,
            l1,
            i0,
            i1,
            flags,
            0,
            self.hop_limit,
            self.protocol,
            c0,
            c1,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
        ];
        Some(())
    }
}

/// Takes one hop off the packet at the front of `packet` and mends its checksum.
///
/// # Errors
/// [`Reason::IpTtlExpired`] when none would be left; nothing changes then.
pub fn decrement_hop_limit(packet: &mut [u8]) -> Result<(), Reason> {
    let checksum = be16(packet, 10).ok_or(Reason::IpTruncated)?;
    let word: &mut [u8; 2] = array_mut(packet, 8).ok_or(Reason::IpTruncated)?;
    let old = *word;
    if word[0] <= 1 {
        return Err(Reason::IpTtlExpired);
    }
    word[0] -= 1;
    let new = *word;
    put(packet, 10, update(checksum, &old, &new).to_be_bytes()).ok_or(Reason::IpTruncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An RTP packet's header as a phone sends it: EF, DF, TTL 64, 172 octets of UDP payload.
    const HEADER: [u8; 20] = [
        0x45, 0xb8, 0x00, 0xc8, 0x1c, 0x46, 0x40, 0x00, 0x40, 0x11, 0x98, 0xde, 0xc0, 0x00, 0x02,
        0x0a, 0xc6, 0x33, 0x64, 0x01,
    ];

    fn packet() -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        bytes.resize(200, 0xaa);
        put(&mut bytes, 10, [0, 0]).unwrap();
        let sum = Sum::new().add_bytes(&bytes[..20]).finish();
        put(&mut bytes, 10, sum.to_be_bytes()).unwrap();
        bytes
    }

    #[test]
    fn header_is_understood_and_written_back() {
        let bytes = packet();
        let view = Ipv4View::parse(&bytes).unwrap();
        assert!(view.has_valid_checksum() && view.dont_fragment() && !view.is_fragment());
        assert_eq!(view.src(), Ipv4Addr::new(192, 0, 2, 10));
        assert_eq!(view.dst(), Ipv4Addr::new(198, 51, 100, 1));
        assert_eq!(
            (view.protocol(), view.hop_limit(), view.traffic_class()),
            (17, 64, 0xb8)
        );
        assert_eq!(view.payload(), [0xaa; 180]);
        let mut out = [0; 20];
        Ipv4Repr::of(&view).emit(&mut out).unwrap();
        assert_eq!(out, bytes[..20]);
    }

    #[test]
    fn padding_behind_the_total_length_is_cut() {
        let mut bytes = packet();
        bytes.extend_from_slice(&[0; 30]);
        assert_eq!(Ipv4View::parse(&bytes).unwrap().packet().len(), 200);
    }

    #[test]
    fn options_are_skipped_and_summed() {
        let mut bytes = packet();
        bytes[0] = 0x46;
        bytes.splice(20..20, [0x94, 0x04, 0, 0]);
        put(&mut bytes, 2, 204u16.to_be_bytes()).unwrap();
        put(&mut bytes, 10, [0, 0]).unwrap();
        let sum = Sum::new().add_bytes(&bytes[..24]).finish();
        put(&mut bytes, 10, sum.to_be_bytes()).unwrap();
        let view = Ipv4View::parse(&bytes).unwrap();
        assert!(view.has_valid_checksum());
        assert_eq!(view.payload(), [0xaa; 180]);
        bytes[21] ^= 1;
        assert!(!Ipv4View::parse(&bytes).unwrap().has_valid_checksum());
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let refusal = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = packet();
            change(&mut bytes);
            Ipv4View::parse(&bytes).unwrap_err()
        };
        assert_eq!(refusal(&|b| b.truncate(19)), Reason::IpTruncated);
        assert_eq!(refusal(&|b| b.truncate(199)), Reason::IpTruncated);
        assert_eq!(refusal(&|b| b[0] = 0x65), Reason::IpMalformed);
        assert_eq!(refusal(&|b| b[0] = 0x44), Reason::IpMalformed);
        assert_eq!(
            refusal(&|b| {
                b[2] = 0;
                b[3] = 19
            }),
            Reason::IpMalformed
        );
        assert_eq!(
            refusal(&|b| {
                b[0] = 0x4f;
                b[2] = 0;
                b[3] = 59
            }),
            Reason::IpMalformed
        );
    }

    #[test]
    fn fragments_are_told_from_whole_packets() {
        let mut bytes = packet();
        bytes[6] = 0x20;
        bytes[7] = 0x02;
        let view = Ipv4View::parse(&bytes).unwrap();
        assert!(view.is_fragment() && view.more_fragments() && !view.dont_fragment());
        assert_eq!(view.fragment_offset(), 16);
        bytes[6] = 0;
        let last = Ipv4View::parse(&bytes).unwrap();
        assert!(last.is_fragment() && !last.more_fragments());
    }

    #[test]
    fn hop_limit_falls_and_the_checksum_follows() {
        let mut bytes = packet();
        for left in (1..64).rev() {
            decrement_hop_limit(&mut bytes).unwrap();
            let view = Ipv4View::parse(&bytes).unwrap();
            assert!(view.has_valid_checksum());
            assert_eq!(view.hop_limit(), left);
        }
        let before = bytes.clone();
        assert_eq!(decrement_hop_limit(&mut bytes), Err(Reason::IpTtlExpired));
        assert_eq!(bytes, before);
        assert_eq!(decrement_hop_limit(&mut [0; 9]), Err(Reason::IpTruncated));
    }
}
