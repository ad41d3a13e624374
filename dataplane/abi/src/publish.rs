//! The two policy images and how one is put in force.
//!
//! Control writes the image that no worker uses, checksums it, then flips the generation with
//! Release; a death in mid-write leaves the old one in force. A reader takes a copy and believes
//! it only if the checksum holds and the generation has not moved on meanwhile.

use crate::sync::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

use crate::digest::Field;

/// Words before the two slots, padded to a cache line.
const HEAD_WORDS: usize = 8;
/// Words at the head of a slot, padded to a cache line; the image follows.
const SLOT_HEAD_WORDS: usize = 8;

/// What lies in the area, but for the images.
pub(crate) const FIELDS: &[Field] = &[
    Field::area("head", HEAD_WORDS, &[Field::word("generation")]),
    Field::area("first slot", SLOT_HEAD_WORDS, SLOT),
    Field::area("second slot", SLOT_HEAD_WORDS, SLOT),
];
const SLOT: &[Field] = &[
    Field::word("generation"),
    Field::word("octets"),
    Field::word("checksum"),
];

/// Words that publishing images of up to `image_words` words takes.
#[must_use]
pub const fn publish_words(image_words: usize) -> usize {
    HEAD_WORDS + 2 * (SLOT_HEAD_WORDS + image_words)
}

/// Why an image could not be published or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The image is larger than its slot.
    #[error("policy takes {needed} octets, the shared memory has room for {room}")]
    TooLarge {
        /// Octets of the image.
        needed: usize,
        /// Octets of a slot.
        room: usize,
    },
    /// The image in force does not match its checksum or its length.
    #[error("policy image of generation {generation} is damaged")]
    Damaged {
        /// The generation that the region says is in force.
        generation: u64,
    },
    /// Control changed the image while it was read; try again.
    #[error("policy changed while it was read")]
    Torn,
}

/// The publication area of the shared region.
#[derive(Clone, Copy, Debug)]
pub struct PolicySlots<'r> {
    head: &'r [AtomicU64],
    slots: [&'r [AtomicU64]; 2],
}

impl<'r> PolicySlots<'r> {
    /// A view over the area; `None` if it is too small for two slots.
    #[must_use]
    pub fn new(words: &'r [AtomicU64]) -> Option<Self> {
        let (head, rest) = words.split_at_checked(HEAD_WORDS)?;
        let slot_words = rest.len() / 2;
        if slot_words <= SLOT_HEAD_WORDS {
            return None;
        }
        let (first, rest) = rest.split_at_checked(slot_words)?;
        let (second, _) = rest.split_at_checked(slot_words)?;
        Some(Self {
            head,
            slots: [first, second],
        })
    }

    /// The generation in force; zero before the first policy.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.head.first().map_or(0, |w| w.load(Acquire))
    }

    /// Puts `image` in force and returns its generation. Only the one control process calls
    /// this, after every worker has acknowledged the generation before.
    ///
    /// # Errors
    /// [`PublishError::TooLarge`]; the policy in force stays.
    pub fn publish(&self, image: &[u8]) -> Result<u64, PublishError> {
        // Only a damaged region holds the largest number; begin anew then.
        let generation = self.generation().checked_add(1).unwrap_or(1);
        let slot = self.slot(generation);
        let (head, body) = slot.split_at(SLOT_HEAD_WORDS.min(slot.len()));
        let room = body.len() * 8;
        if image.len() > room {
            return Err(PublishError::TooLarge {
                needed: image.len(),
                room,
            });
        }
        // Whoever sees any of what follows also sees that the generation before was in force, and
        // so that the image which lay here is not.
        fence(Release);
        for (word, chunk) in body.iter().zip(image.chunks(8)) {
            word.store(pack(chunk), Relaxed);
        }
        let values = [generation, image.len() as u64, checksum(generation, image)];
        for (word, value) in head.iter().zip(values) {
            word.store(value, Relaxed);
        }
        if let Some(word) = self.head.first() {
            word.store(generation, Release);
        }
        Ok(generation)
    }

    /// Copies the image in force with its generation; `None` before the first.
    ///
    /// # Errors
    /// [`PublishError::Damaged`] when the image does not match its checksum,
    /// [`PublishError::Torn`] when another was published meanwhile.
    pub fn read(&self) -> Result<Option<(u64, Vec<u8>)>, PublishError> {
        let generation = self.generation();
        if generation == 0 {
            return Ok(None);
        }
        let slot = self.slot(generation);
        let (head, body) = slot.split_at(SLOT_HEAD_WORDS.min(slot.len()));
        let value = |i: usize| head.get(i).map_or(0, |w| w.load(Relaxed));
        let (stored, len, sum) = (value(0), value(1), value(2));
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let fits = stored == generation && len <= body.len() * 8;
        let image = if fits { unpack(body, len) } else { Vec::new() };
        // Pairs with the fence of `publish`.
        fence(Acquire);
        if self.generation() != generation {
            return Err(PublishError::Torn);
        }
        if !fits || checksum(generation, &image) != sum {
            return Err(PublishError::Damaged { generation });
        }
        Ok(Some((generation, image)))
    }

    fn slot(&self, generation: u64) -> &'r [AtomicU64] {
        let [first, second] = self.slots;
        if generation & 1 == 0 { first } else { second }
    }
}

/// Words of one worker's acknowledgement, padded to a cache line.
pub(crate) const ACK_WORDS: usize = 8;

/// Which generation each worker obeys: its word says that it holds nothing of those before.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgements<'r> {
    words: &'r [AtomicU64],
}

impl<'r> Acknowledgements<'r> {
    /// A view over a cache line for each worker.
    #[must_use]
    pub const fn new(words: &'r [AtomicU64]) -> Self {
        Self { words }
    }

    /// The generation that `worker` last said it obeys.
    #[must_use]
    pub fn of(&self, worker: usize) -> u64 {
        self.word(worker).map_or(0, |w| w.load(Acquire))
    }

    /// Says that `worker` obeys `generation`. Only that worker calls this.
    pub fn set(&self, worker: usize, generation: u64) {
        if let Some(word) = self.word(worker) {
            word.store(generation, Release);
        }
    }

    /// Whether the first `workers` all obey `generation`, so that the slot of the one before may
    /// be written.
    #[must_use]
    pub fn by_all(&self, workers: usize, generation: u64) -> bool {
        workers > 0 && (0..workers).all(|worker| self.of(worker) >= generation)
    }

    fn word(&self, worker: usize) -> Option<&'r AtomicU64> {
        self.words.get(worker.checked_mul(ACK_WORDS)?)
    }
}

fn pack(chunk: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(chunk) {
        *to = *from;
    }
    u64::from_le_bytes(bytes)
}

fn unpack(words: &[AtomicU64], len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::with_capacity(len.next_multiple_of(8));
    for word in words.iter().take(len.div_ceil(8)) {
        bytes.extend_from_slice(&word.load(Relaxed).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// FNV-1a over the generation, the length and the image. Guards against torn and truncated
/// writes by a trusted writer, not against forgery.
fn checksum(generation: u64, image: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    generation.to_le_bytes().into_iter().for_each(&mut eat);
    (image.len() as u64)
        .to_le_bytes()
        .into_iter()
        .for_each(&mut eat);
    image.iter().copied().for_each(&mut eat);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(image_words: usize) -> Vec<AtomicU64> {
        (0..publish_words(image_words))
            .map(|_| AtomicU64::new(0))
            .collect()
    }

    #[test]
    fn images_alternate_and_read_back() {
        let words = area(4);
        let slots = PolicySlots::new(&words).unwrap();
        assert_eq!(slots.read(), Ok(None));
        for n in 1..=5u8 {
            let image = vec![n; usize::from(n)];
            assert_eq!(slots.publish(&image), Ok(u64::from(n)));
            assert_eq!(slots.read(), Ok(Some((u64::from(n), image))));
        }
    }

    #[test]
    fn too_large_an_image_leaves_the_old_one() {
        let words = area(1);
        let slots = PolicySlots::new(&words).unwrap();
        slots.publish(b"12345678").unwrap();
        assert!(matches!(
            slots.publish(b"123456789"),
            Err(PublishError::TooLarge { .. })
        ));
        assert_eq!(slots.read(), Ok(Some((1, b"12345678".to_vec()))));
    }

    #[test]
    fn a_flipped_bit_anywhere_in_the_slot_is_noticed() {
        let words = area(2);
        let slots = PolicySlots::new(&words).unwrap();
        slots.publish(b"policy").unwrap();
        let used = HEAD_WORDS + SLOT_HEAD_WORDS + 2;
        for index in (used..used + 3).chain([used + SLOT_HEAD_WORDS]) {
            words[index].fetch_xor(1, Relaxed);
            assert!(slots.read().is_err(), "word {index}");
            words[index].fetch_xor(1, Relaxed);
        }
        assert!(slots.read().is_ok());
    }

    #[test]
    fn death_before_the_flip_leaves_the_old_policy() {
        let words = area(2);
        let slots = PolicySlots::new(&words).unwrap();
        slots.publish(b"old").unwrap();
        for word in slots.slot(2).iter() {
            word.store(u64::MAX, Relaxed);
        }
        assert_eq!(slots.read(), Ok(Some((1, b"old".to_vec()))));
    }
}
