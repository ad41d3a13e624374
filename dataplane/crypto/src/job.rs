//! One packet's cipher job.

use core::hint::black_box;
use core::ops::Range;

use crate::Key;

/// Octets of the longest tag: a whole HMAC-SHA1.
pub const TAG_MAX: u8 = 20;

/// Room for any tag.
pub(crate) type TagOctets = [u8; TAG_MAX as usize];

/// A range of octets in a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first octet.
    pub start: u16,
    /// Number of octets.
    pub len: u16,
}

impl Span {
    /// The span as offsets of a slice.
    #[inline]
    #[must_use]
    pub fn range(self) -> Range<usize> {
        let start = usize::from(self.start);
        start..start + usize::from(self.len)
    }
}

/// An authentication tag of up to [`TAG_MAX`] octets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tag {
    /// Zero past the tag.
    octets: TagOctets,
    len: u8,
}

impl Tag {
    /// A tag to be filled with `len` octets; longer than [`TAG_MAX`] is cut.
    #[inline]
    #[must_use]
    pub fn empty(len: u8) -> Self {
        Self {
            octets: TagOctets::default(),
            len: len.min(TAG_MAX),
        }
    }

    /// The tag that a packet carries. With none, or one longer than [`TAG_MAX`], a job is invalid.
    #[inline(always)]
    #[must_use]
    pub fn received(octets: &[u8]) -> Self {
        // SRTP's own lengths are read in one go.
        let head = match *octets {
            [a, b, c, d] => u128::from(u32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h, i, j] => {
                let first = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
                u128::from(first) | u128::from(u16::from_le_bytes([i, j])) << 64
            }
            _ => match octets.try_into() {
                Ok(octets) => u128::from_le_bytes(octets),
                Err(_) => return Self::received_of_any_len(octets),
            },
        };
        let mut padded = TagOctets::default();
        let [first @ .., _, _, _, _] = &mut padded;
        *first = head.to_le_bytes();
        Self {
            octets: padded,
            len: u8::try_from(octets.len()).unwrap_or(0),
        }
    }

    #[cold]
    fn received_of_any_len(octets: &[u8]) -> Self {
        let mut padded = TagOctets::default();
        let place = padded.get_mut(..octets.len());
        let len = u8::try_from(octets.len()).ok();
        let (Some(place), Some(len)) = (place, len) else {
            return Self::default();
        };
        place.copy_from_slice(octets);
        Self {
            octets: padded,
            len,
        }
    }

    /// The tag's octets.
    #[inline]
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Takes the leftmost octets of a computed tag (RFC 2104 §5).
    #[inline]
    pub(crate) fn fill(&mut self, full: &TagOctets) {
        let (head, tail) = halves(full);
        let (head_mask, tail_mask) = halves(mask(self.len));
        let [first @ .., a, b, c, d] = &mut self.octets;
        *first = (head & head_mask).to_le_bytes();
        [*a, *b, *c, *d] = (tail & tail_mask).to_le_bytes();
    }

    /// Whether the leftmost octets of `full` are this tag, in time that depends on neither.
    #[inline]
    pub(crate) fn matches(&self, full: &TagOctets) -> bool {
        let ((head, tail), (computed_head, computed_tail)) = (halves(&self.octets), halves(full));
        let (head_mask, tail_mask) = halves(mask(self.len));
        let differing = (head ^ computed_head) & head_mask;
        let differing = differing | u128::from((tail ^ computed_tail) & tail_mask);
        black_box(differing) == 0 && self.len > 0
    }
}

/// The first sixteen octets and the last four, the first octet lowest.
#[inline]
fn halves(octets: &TagOctets) -> (u128, u32) {
    let [head @ .., a, b, c, d] = *octets;
    (u128::from_le_bytes(head), u32::from_le_bytes([a, b, c, d]))
}

/// As many ones as a tag may have octets, then as many zeroes.
static ONES: [TagOctets; 2] = [[0xff; TAG_MAX as usize], [0; TAG_MAX as usize]];

/// Ones where a tag of `len` octets has octets.
#[inline]
fn mask(len: u8) -> &'static TagOctets {
    let missing = usize::from(TAG_MAX.saturating_sub(len));
    let window = ONES.as_flattened().get(missing..);
    let [ones, _] = &ONES;
    window.and_then(<[u8]>::first_chunk).unwrap_or(ones)
}

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Encrypt and compute the tag.
    Seal,
    /// Verify the tag and, if it is right, decrypt.
    Open,
    /// Verify the tag and leave the packet as it is.
    Check,
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not run yet.
    Pending,
    /// Done: sealed, or opened or checked and authentic.
    Done,
    /// The tag is wrong; the packet is unchanged.
    Forged,
    /// A span lies outside the packet or does not suit the key; nothing was done.
    Invalid,
}

/// One packet to seal, open or check in place.
#[derive(Debug)]
pub struct Job<'a> {
    /// The key, made by the manager's [`crate::Manager::key`].
    pub key: &'a Key,
    /// What to do.
    pub op: Op,
    /// The packet, with whatever else must be authenticated already in its place.
    pub packet: &'a mut [u8],
    /// The initial counter block; AES-GCM takes its first twelve octets as the IV.
    pub iv: [u8; 16],
    /// What is encrypted. May be empty.
    pub cipher: Span,
    /// What HMAC-SHA1 covers after encryption; with AES-GCM the additional data.
    pub auth: Span,
    /// With AES-GCM: the additional data, in place of `auth`, where it is not in one piece.
    pub aad: Option<[u8; 12]>,
    /// Sealing: filled up to its length. Opening and checking: the tag received.
    pub tag: Tag,
    /// What became of it.
    pub outcome: Outcome,
}

impl Job<'_> {
    /// Whether the spans lie in the packet and the tag has a length that the cipher makes.
    #[inline]
    pub(crate) fn is_valid(&self) -> bool {
        let within = |span: Span| span.range().end <= self.packet.len();
        let is_gcm = self.key.is_gcm();
        let tag_max = if is_gcm { 16 } else { TAG_MAX };
        // HMAC-SHA1 of nothing is never asked for, and the library does not take it.
        let auth = is_gcm || self.auth.len > 0;
        let tag = self.tag.len.wrapping_sub(1) < tag_max;
        within(self.cipher) && within(self.auth) && auth && tag
    }
}
