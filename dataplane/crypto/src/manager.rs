//! Runs bursts of jobs.

use core::fmt;

use crate::ffi::{Ctr, Dispatch, Gcm, GcmData, GcmSize, Hmac, Library, Schedule};
use crate::job::TagOctets;
use crate::key::{CmKey, Form, PackedKey};
use crate::{Cipher, CryptoError, Job, Key, Op, Outcome, Span};

/// Jobs run together at most; longer slices are run in parts.
pub const BURST: usize = 32;

/// Messages below which the SHA instructions, two messages at a time, beat the widest SIMD,
/// whose cost is that of all sixteen lanes however few are used. Measured for 176-octet messages
/// on a Zen 5: from 122 against 405 ns for one message and 80 against 115 ns each for eight to
/// 77 against 63 ns each for sixteen.
const WIDE_MIN: usize = 12;

/// Messages that the widest SIMD hashes side by side.
const WIDE_LANES: usize = 16;

/// One worker's access to the ciphers. Not shared between threads.
pub struct Manager {
    wide: Library,
    /// For groups too small to fill `wide`; absent without SHA instructions.
    narrow: Option<Library>,
    tags: Box<[[u8; 20]; BURST]>,
    /// Where packed GCM keys are expanded.
    unpacked: Box<GcmData>,
}

impl Manager {
    /// Starts the library.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`], [`CryptoError::SelfTest`] or [`CryptoError::Version`]: SRTP cannot be served.
    pub fn new() -> Result<Self, CryptoError> {
        let wide = Library::new(Dispatch::Widest)?;
        let narrow = if wide.has_sha_instructions() {
            Some(Library::new(Dispatch::ShaInstructions)?)
        } else {
            None
        };
        let tags = Box::new([[0; 20]; BURST]);
        Ok(Self {
            wide,
            narrow,
            tags,
            unpacked: GcmData::zeroed(),
        })
    }

    /// Makes a key ready for many packets. `auth` is the HMAC key, empty for AES-GCM.
    ///
    /// # Errors
    /// [`CryptoError::KeyLength`] if `key` or `auth` is not as long as `cipher` asks for.
    pub fn key(&self, cipher: Cipher, key: &[u8], auth: &[u8]) -> Result<Key, CryptoError> {
        Ok(Key(match cipher {
            Cipher::AesCm128 => Form::Cm128(self.cm_key(key, auth)?),
            Cipher::AesCm192 => Form::Cm192(self.cm_key(key, auth)?),
            Cipher::AesCm256 => Form::Cm256(self.cm_key(key, auth)?),
            Cipher::AesGcm128 => Form::Gcm128(self.gcm_key(cipher, key, auth)?),
            Cipher::AesGcm256 => Form::Gcm256(self.gcm_key(cipher, key, auth)?),
        }))
    }

    /// Makes a key ready for few packets, such as RTCP's, in little memory: an AES-GCM key is
    /// expanded for each packet, which costs 100 ns where keeping it costs a kilobyte.
    ///
    /// # Errors
    /// As [`Manager::key`].
    pub fn packed_key(&self, cipher: Cipher, key: &[u8], auth: &[u8]) -> Result<Key, CryptoError> {
        let packed = |_| CryptoError::KeyLength;
        match cipher {
            Cipher::AesGcm128 if auth.is_empty() => {
                let key = key.try_into().map_err(packed)?;
                Ok(Key(Form::Gcm128Packed(Box::new(PackedKey(key)))))
            }
            Cipher::AesGcm256 if auth.is_empty() => {
                let key = key.try_into().map_err(packed)?;
                Ok(Key(Form::Gcm256Packed(Box::new(PackedKey(key)))))
            }
            _ => self.key(cipher, key, auth),
        }
    }

    fn cm_key<const N: usize>(
        &self,
        key: &[u8],
        auth: &[u8],
    ) -> Result<Box<CmKey<N>>, CryptoError> {
        let schedule = self.wide.expand(key)?;
        let pads = self
            .wide
            .pads(auth.try_into().map_err(|_| CryptoError::KeyLength)?);
        Ok(Box::new(CmKey { schedule, pads }))
    }

    fn gcm_key(
        &self,
        cipher: Cipher,
        key: &[u8],
        auth: &[u8],
    ) -> Result<Box<GcmData>, CryptoError> {
        if key.len() != cipher.key_len() || !auth.is_empty() {
            return Err(CryptoError::KeyLength);
        }
        let mut data = GcmData::zeroed();
        self.wide.expand_gcm(key, &mut data)?;
        Ok(data)
    }

    /// Runs all jobs and sets each one's [`Outcome`].
    pub fn run(&mut self, jobs: &mut [Job<'_>]) {
        for burst in jobs.chunks_mut(BURST) {
            let mut present = Present::default();
            for job in burst.iter_mut() {
                job.outcome = if job.is_valid() {
                    Outcome::Pending
                } else {
                    Outcome::Invalid
                };
                present.add(job);
            }
            if present.seals {
                self.counter_mode(burst, &present, Op::Seal, Outcome::Pending);
            }
            if present.hmacs > 0 {
                self.authenticate(burst, present.hmacs);
            }
            if present.opens {
                self.counter_mode(burst, &present, Op::Open, Outcome::Done);
            }
            if present.gcm {
                self.galois_mode(burst);
            }
        }
    }

    /// Ciphers the jobs for `op` that are at `outcome`: sealing comes before authentication,
    /// opening after it.
    fn counter_mode(&mut self, burst: &mut [Job<'_>], present: &Present, op: Op, outcome: Outcome) {
        let ready = |job: &Job<'_>| job.op == op && job.outcome == outcome;
        if present.cm128 {
            self.counter_mode_of(burst, ready, |form| match form {
                Form::Cm128(key) => Some(&key.schedule),
                _ => None,
            });
        }
        if present.cm192 {
            self.counter_mode_of(burst, ready, |form| match form {
                Form::Cm192(key) => Some(&key.schedule),
                _ => None,
            });
        }
        if present.cm256 {
            self.counter_mode_of(burst, ready, |form| match form {
                Form::Cm256(key) => Some(&key.schedule),
                _ => None,
            });
        }
    }

    fn counter_mode_of<const N: usize>(
        &mut self,
        burst: &mut [Job<'_>],
        ready: impl Fn(&Job<'_>) -> bool,
        schedule: impl Fn(&Form) -> Option<&Schedule<N>>,
    ) {
        self.wide.ctr_burst(burst.iter_mut().filter_map(|job| {
            if job.cipher.len == 0 || !ready(job) {
                return None;
            }
            let schedule = schedule(&job.key.0)?;
            Some(Ctr {
                data: job.packet.get_mut(job.cipher.range())?,
                iv: &job.iv,
                schedule,
            })
        }));
    }

    /// Computes the tags of the `count` pending counter-mode jobs; notes or compares them.
    fn authenticate(&mut self, burst: &mut [Job<'_>], count: usize) {
        let tags = self.tags.iter_mut();
        let mut items = burst
            .iter()
            .filter(|job| is_hmac(job))
            .zip(tags)
            .filter_map(|(job, tag)| {
                Some(Hmac {
                    message: job.packet.get(job.auth.range())?,
                    pads: job.key.pads()?,
                    tag,
                })
            });
        match &mut self.narrow {
            Some(narrow) => {
                let wide = wide_share(count);
                if wide > 0 {
                    self.wide.hmac_burst(items.by_ref().take(wide));
                }
                if wide < count {
                    narrow.hmac_burst(items);
                }
            }
            None => self.wide.hmac_burst(items),
        }
        let jobs = burst.iter_mut().filter(|job| is_hmac(job));
        for (job, computed) in jobs.zip(self.tags.iter()) {
            settle(job, computed);
        }
    }

    fn galois_mode(&mut self, burst: &mut [Job<'_>]) {
        for job in burst
            .iter_mut()
            .filter(|job| job.outcome == Outcome::Pending)
        {
            let key = job.key;
            match &key.0 {
                Form::Gcm128(data) => galois(&self.wide, GcmSize::Aes128, data, job),
                Form::Gcm256(data) => galois(&self.wide, GcmSize::Aes256, data, job),
                Form::Gcm128Packed(packed) => self.galois_packed(GcmSize::Aes128, &packed.0, job),
                Form::Gcm256Packed(packed) => self.galois_packed(GcmSize::Aes256, &packed.0, job),
                Form::Cm128(_) | Form::Cm192(_) | Form::Cm256(_) => {}
            }
        }
    }

    fn galois_packed(&mut self, size: GcmSize, key: &[u8], job: &mut Job<'_>) {
        match self.wide.expand_gcm(key, &mut self.unpacked) {
            Ok(()) => galois(&self.wide, size, &self.unpacked, job),
            Err(_) => job.outcome = Outcome::Invalid,
        }
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager")
            .field("narrow", &self.narrow.is_some())
            .finish_non_exhaustive()
    }
}

/// What a burst holds, so that passes over it with nothing to do are left out.
#[derive(Default)]
struct Present {
    seals: bool,
    opens: bool,
    cm128: bool,
    cm192: bool,
    cm256: bool,
    gcm: bool,
    hmacs: usize,
}

impl Present {
    fn add(&mut self, job: &Job<'_>) {
        if job.outcome == Outcome::Invalid {
            return;
        }
        match &job.key.0 {
            Form::Cm128(_) => self.cm128 = true,
            Form::Cm192(_) => self.cm192 = true,
            Form::Cm256(_) => self.cm256 = true,
            _ => {
                self.gcm = true;
                return;
            }
        }
        self.hmacs += 1;
        self.seals |= job.op == Op::Seal;
        self.opens |= job.op == Op::Open;
    }
}

fn is_hmac(job: &Job<'_>) -> bool {
    job.outcome == Outcome::Pending && !job.key.is_gcm()
}

/// How many of `count` messages go to the widest SIMD; the rest go to the SHA instructions.
const fn wide_share(count: usize) -> usize {
    let rest = count % WIDE_LANES;
    if rest >= WIDE_MIN {
        count
    } else {
        count - rest
    }
}

/// Hands the computed tag to a sealed job, or judges an opened or checked one by it.
#[inline]
fn settle(job: &mut Job<'_>, computed: &TagOctets) {
    job.outcome = match job.op {
        Op::Seal => {
            job.tag.fill(computed);
            Outcome::Done
        }
        Op::Open | Op::Check if job.tag.matches(computed) => Outcome::Done,
        Op::Open | Op::Check => Outcome::Forged,
    };
}

/// A GCM tag with room for any.
fn padded(tag: [u8; 16]) -> TagOctets {
    let mut octets = TagOctets::default();
    let [first @ .., _, _, _, _] = &mut octets;
    *first = tag;
    octets
}

/// Seals, opens or checks one packet with AES-GCM.
fn galois(library: &Library, size: GcmSize, key: &GcmData, job: &mut Job<'_>) {
    let iv = &job.iv;
    let Some((data, aad)) = gcm_parts(job.packet, job.cipher, job.auth, job.aad.as_ref()) else {
        job.outcome = Outcome::Invalid;
        return;
    };
    if job.op == Op::Seal {
        let computed = library.gcm_seal(size, Gcm { data, iv, aad, key });
        settle(job, &padded(computed));
        return;
    }
    let computed = library.gcm_open(
        size,
        Gcm {
            data: &mut *data,
            iv,
            aad,
            key,
        },
    );
    let authentic = job.tag.matches(&padded(computed));
    // Plaintext that is not authentic must not be seen (SP 800-38D §7.2), and a packet that is
    // only checked goes on encrypted: encrypting again restores the ciphertext.
    if !authentic || job.op == Op::Check {
        library.gcm_seal(size, Gcm { data, iv, aad, key });
    }
    job.outcome = if authentic {
        Outcome::Done
    } else {
        Outcome::Forged
    };
}

/// The octets to cipher and the additional data, which must come before them.
fn gcm_parts<'p>(
    packet: &'p mut [u8],
    cipher: Span,
    auth: Span,
    aad: Option<&'p [u8; 12]>,
) -> Option<(&'p mut [u8], &'p [u8])> {
    if cipher.len == 0 {
        let packet = &*packet;
        let aad = aad
            .map(<[u8; 12]>::as_slice)
            .or_else(|| packet.get(auth.range()))?;
        return Some((&mut [], aad));
    }
    let (head, tail) = packet.split_at_mut_checked(usize::from(cipher.start))?;
    let head = &*head;
    let aad = aad
        .map(<[u8; 12]>::as_slice)
        .or_else(|| head.get(auth.range()))?;
    Some((tail.get_mut(..usize::from(cipher.len))?, aad))
}
