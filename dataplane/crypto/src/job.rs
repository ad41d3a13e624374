//! One packet's cipher job.

use core::hint::black_box;
use core::ops::Range;

use crate::Key;

/// Octets of the longest tag: a whole HMAC-SHA1.
pub const TAG_MAX: u8 = 20;

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
    #[must_use]
    pub fn range(self) -> Range<usize> {
        let start = usize::from(self.start);
        start..start + usize::from(self.len)
    }
}

/// An authentication tag of up to [`TAG_MAX`] octets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tag {
    octets: TagOctets,
    len: u8,
}

impl Tag {
    /// A tag to be filled with `len` octets; longer than [`TAG_MAX`] is cut.
    #[must_use]
    pub fn empty(len: u8) -> Self {
        Self {
            octets: TagOctets::default(),
            len: len.min(TAG_MAX),
        }
    }

    /// The tag that a packet carries; `None` if it is longer than [`TAG_MAX`].
    #[must_use]
    pub fn received(octets: &[u8]) -> Option<Self> {
        let mut tag = Self {
            octets: TagOctets::default(),
            len: u8::try_from(octets.len()).ok()?,
        };
        tag.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(tag)
    }

    /// The tag's octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Takes the leftmost octets of a computed tag (RFC 2104 §5).
    pub(crate) fn fill(&mut self, full: &[u8]) {
        let len = usize::from(self.len);
        for (i, (to, from)) in self.octets.iter_mut().zip(full).enumerate() {
            *to = if i < len { *from } else { 0 };
        }
    }

    /// Whether the leftmost octets of `full` are this tag, in time that depends on neither.
    pub(crate) fn matches(&self, full: &[u8]) -> bool {
        let mut other = Self::empty(self.len);
        other.fill(full);
        let pairs = self.octets.iter().zip(&other.octets);
        black_box(pairs.fold(0, |differing, (a, b)| differing | (a ^ b))) == 0 && self.len > 0
    }
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
    pub(crate) fn is_valid(&self) -> bool {
        let within = |span: Span| span.range().end <= self.packet.len();
        let tag_max = usize::from(if self.key.is_gcm() { 16 } else { TAG_MAX });
        // HMAC-SHA1 of nothing is never asked for, and the library does not take it.
        let auth = self.key.is_gcm() || self.auth.len > 0;
        within(self.cipher) && within(self.auth) && auth && {
            let len = self.tag.octets().len();
            len > 0 && len <= tag_max
        }
    }
}
