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
    tags: Box<[TagOctets; BURST]>,
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
        let tags = Box::new([TagOctets::default(); BURST]);
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
            let present = self.begin(burst);
            if present.hmacs == 0 {
                continue;
            }
            if present.seals {
                self.counter_mode(burst, &present, Op::Seal, Outcome::Pending);
            }
            self.authenticate(burst, &present);
            if present.opens {
                self.counter_mode(burst, &present, Op::Open, Outcome::Done);
            }
        }
    }

    /// Runs the AES-GCM jobs, each by itself; says what else there is.
    #[inline]
    fn begin(&mut self, burst: &mut [Job<'_>]) -> Present {
        let mut present = Present::default();
        for job in burst {
            if !job.is_valid() {
                job.outcome = Outcome::Invalid;
                continue;
            }
            let key = job.key;
            match &key.0 {
                Form::Cm128(_) => present.add(job, CM128),
                Form::Cm192(_) => present.add(job, CM192),
                Form::Cm256(_) => present.add(job, CM256),
                Form::Gcm128(data) => galois(&self.wide, GcmSize::Aes128, data, job),
                Form::Gcm256(data) => galois(&self.wide, GcmSize::Aes256, data, job),
                Form::Gcm128Packed(packed) => self.galois_packed(GcmSize::Aes128, &packed.0, job),
                Form::Gcm256Packed(packed) => self.galois_packed(GcmSize::Aes256, &packed.0, job),
            }
        }
        present
    }

    /// Ciphers the jobs for `op` that are at `outcome`: sealing comes before authentication,
    /// opening after it.
    fn counter_mode(&mut self, burst: &mut [Job<'_>], present: &Present, op: Op, outcome: Outcome) {
        let ready = |job: &Job<'_>| job.op == op && job.outcome == outcome;
        if present.has(CM128) {
            self.counter_mode_of(burst, ready, |form| match form {
                Form::Cm128(key) => Some(&key.schedule),
                _ => None,
            });
        }
        if present.has(CM192) {
            self.counter_mode_of(burst, ready, |form| match form {
                Form::Cm192(key) => Some(&key.schedule),
                _ => None,
            });
        }
        if present.has(CM256) {
            self.counter_mode_of(burst, ready, |form| match form {
                Form::Cm256(key) => Some(&key.schedule),
                _ => None,
            });
        }
    }

    #[inline]
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

    /// Computes the tags of all counter-mode jobs; notes or compares them.
    fn authenticate(&mut self, burst: &mut [Job<'_>], present: &Present) {
        let count = present.hmacs;
        let tags = self.tags.iter_mut();
        let pending = burst.iter().filter(|job| job.outcome == Outcome::Pending);
        let mut items = pending.zip(tags).filter_map(|(job, tag)| {
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
        let pending = burst
            .iter_mut()
            .filter(|job| job.outcome == Outcome::Pending);
        for (job, computed) in pending.zip(self.tags.iter()) {
            settle(job, computed);
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

/// Bits of [`Present::sizes`].
const CM128: u8 = 1;
const CM192: u8 = 2;
const CM256: u8 = 4;

/// The counter-mode jobs of a burst, so that passes over it with nothing to do are left out.
#[derive(Default)]
struct Present {
    seals: bool,
    opens: bool,
    /// Key sizes.
    sizes: u8,
    hmacs: usize,
}

impl Present {
    #[inline]
    fn add(&mut self, job: &mut Job<'_>, size: u8) {
        job.outcome = Outcome::Pending;
        self.sizes |= size;
        self.hmacs += 1;
        self.seals |= job.op == Op::Seal;
        self.opens |= job.op == Op::Open;
    }

    const fn has(&self, size: u8) -> bool {
        self.sizes & size != 0
    }
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
#[inline(always)]
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

/// Seals, opens or checks one packet with AES-GCM.
fn galois(library: &Library, size: GcmSize, key: &GcmData, job: &mut Job<'_>) {
    let iv = &job.iv;
    let Some((data, aad)) = gcm_parts(job.packet, job.cipher, job.auth, job.aad.as_ref()) else {
        job.outcome = Outcome::Invalid;
        return;
    };
    if job.op == Op::Seal {
        let computed = library.gcm_seal(size, Gcm { data, iv, aad, key });
        settle(job, &computed);
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
    let authentic = job.tag.matches(&computed);
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
