//! One packet's cipher job.

use core::hint::black_box;
use core::ops::Range;

use crate::Key;

/// Octets of the longest tag, that of AES-GCM.
pub const TAG_MAX: u8 = 16;

/// Room for any tag.
type TagOctets = [u8; TAG_MAX as usize];

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

    #[inline]
    pub(crate) fn is_within(self, packet: &[u8]) -> bool {
        self.range().end <= packet.len()
    }
}

/// An authentication tag of up to [`TAG_MAX`] octets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tag {
    /// Those past the tag mean nothing.
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
        // The usual lengths are read in one go.
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
        Self {
            octets: head.to_le_bytes(),
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

    /// Whether there is a tag.
    #[inline]
    pub(crate) const fn is_some(&self) -> bool {
        self.len > 0
    }

    /// Takes the leftmost octets of a computed tag (RFC 2104 §5).
    #[inline]
    pub(crate) const fn fill(&mut self, computed: u128) {
        self.octets = computed.to_le_bytes();
    }

    /// Whether the leftmost octets of `computed` are this tag, in time that depends on neither.
    #[inline]
    pub(crate) fn matches(&self, computed: u128) -> bool {
        let differing = (u128::from_le_bytes(self.octets) ^ computed) & mask(self.len);
        black_box(differing) == 0 && self.is_some()
    }
}

/// As many ones as a tag may have octets, then as many zeroes.
static ONES: [TagOctets; 2] = [[0xff; TAG_MAX as usize], [0; TAG_MAX as usize]];

/// Ones where a tag of `len` octets has octets, the first octet lowest.
#[inline]
fn mask(len: u8) -> u128 {
    let missing = usize::from(TAG_MAX.saturating_sub(len));
    let window = ONES.as_flattened().get(missing..);
    let window = window.and_then(<[u8]>::first_chunk);
    window.map_or(u128::MAX, |window| u128::from_le_bytes(*window))
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
    /// Sealing: an empty one of the length that is to be made. Opening and checking: the tag
    /// received.
    pub tag: Tag,
}

/// The end of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) op: Op,
    pub(crate) outcome: Outcome,
    /// The job's tag; where it has sealed, the one that was made.
    pub(crate) tag: Tag,
}

impl End {
    pub(crate) const NONE: Self = Self {
        op: Op::Check,
        outcome: Outcome::Pending,
        tag: Tag {
            octets: [0; TAG_MAX as usize],
            len: 0,
        },
    };

    /// Takes the computed tag, first octet lowest, of a sealed job, or judges an opened or checked one by it.
    #[inline(always)]
    pub(crate) fn settle(&mut self, computed: u128) {
        self.outcome = match self.op {
            Op::Seal => {
                self.tag.fill(computed);
                Outcome::Done
            }
            Op::Open | Op::Check if self.tag.matches(computed) => Outcome::Done,
            Op::Open | Op::Check => Outcome::Forged,
        };
    }
}

/// What became of a burst, in its jobs' order.
#[derive(Clone, Copy, Debug)]
pub struct Results<'a>(pub(crate) &'a [End]);

impl<'a> Results<'a> {
    /// What became of each job.
    #[inline]
    pub fn outcomes(self) -> impl Iterator<Item = Outcome> + use<'a> {
        self.0.iter().map(|end| end.outcome)
    }

    /// The tag of each job that has sealed.
    #[inline]
    pub fn tags(self) -> impl Iterator<Item = Option<&'a Tag>> + use<'a> {
        let sealed = |end: &&End| end.op == Op::Seal && end.outcome == Outcome::Done;
        self.0
            .iter()
            .map(move |end| Some(end).filter(sealed).map(|end| &end.tag))
    }
}
