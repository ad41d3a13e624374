//! The only module that touches the library: thin wrappers that make its calls safe.
//!
//! Every call here is synchronous: it returns when all jobs given to it are done, so that no
//! pointer outlives the borrow that it came from.

mod burst;

use core::ffi::c_void;
use core::mem::{self, MaybeUninit};
use core::ops::Range;
use core::ptr::{self, NonNull};

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::CryptoError;
use crate::prefetch::prefetch_range;

pub(crate) use burst::{Counted, Filled, Pass, Room};

#[expect(
    dead_code,
    non_camel_case_types,
    non_snake_case,
    unreachable_pub,
    clippy::use_self,
    reason = "generated from the library's header"
)]
mod sys {
    include!(concat!(env!("OUT_DIR"), "/ipsec_mb.rs"));
}

use sys::{IMB_JOB, IMB_MGR, gcm_context_data, gcm_key_data};

/// The hash state of HMAC-SHA1 after the inner and the outer key block (RFC 2104).
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(C)]
pub(crate) struct Pads {
    pub(crate) inner: [u8; 20],
    pub(crate) outer: [u8; 20],
}

/// An AES encryption key schedule of `N` octets: 16 for each round and 16 more.
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(C, align(64))]
pub(crate) struct Schedule<const N: usize>([u8; N]);

impl<const N: usize> Schedule<N> {
    /// The size of the key that the schedule was made of: [`Library::expand`] makes no others.
    const SIZE: sys::IMB_KEY_SIZE_BYTES = match N {
        176 => sys::IMB_KEY_128_BYTES,
        208 => sys::IMB_KEY_192_BYTES,
        _ => sys::IMB_KEY_256_BYTES,
    };
}

/// Octets of an AES block.
const BLOCK: usize = 16;

/// Octets of a GCM tag.
const GCM_TAG: usize = 16;

/// Octets of the powers of a GCM hash key that are kept for AVX-512.
const GCM_POWERS: usize = 48 * BLOCK;

/// A GCM key schedule with the powers of its hash key, aligned as the library asks.
#[repr(C, align(64))]
pub(crate) struct GcmData(gcm_key_data);

impl GcmData {
    /// Room for a key, to be filled by [`Library::expand_gcm`].
    pub(crate) fn zeroed() -> Box<Self> {
        // SAFETY: the structure is octets, for which zero is a valid value.
        Box::new(unsafe { mem::zeroed() })
    }

    /// Asks the processor to fetch the schedule, of `N` octets, and the powers of the hash key
    /// that a message of `octets` is hashed with. On AVX-512 they stand at the end, one for each
    /// block and the highest first: a voice packet needs a fifth of them.
    #[inline]
    pub(crate) fn prefetch<const N: usize>(&self, octets: usize) {
        let start = ptr::from_ref(&self.0).cast::<i8>();
        prefetch_range(start, N);
        // One block more is that of the lengths.
        let powers = (octets + 2 * BLOCK).min(GCM_POWERS);
        let end = size_of_val(&self.0.expanded_keys) + GCM_POWERS;
        prefetch_range(start.wrapping_add(end - powers), powers);
    }
}

impl Drop for GcmData {
    fn drop(&mut self) {
        let bytes = ptr::from_mut(&mut self.0).cast::<u8>();
        for i in 0..size_of::<gcm_key_data>() {
            // SAFETY: `i` is within the structure that `bytes` points at.
            let byte = unsafe { bytes.add(i) };
            // SAFETY: `byte` is valid for writes, being inside `self.0`, which is plain octets.
            unsafe { byte.write_volatile(0) };
        }
    }
}

/// One message to seal or open with AES-GCM.
pub(crate) struct Gcm<'a> {
    pub(crate) data: &'a mut [u8],
    pub(crate) iv: &'a [u8; 16],
    pub(crate) aad: &'a [u8],
    pub(crate) key: &'a GcmData,
}

/// The size of a GCM key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GcmSize {
    /// 128 bits.
    Aes128,
    /// 256 bits.
    Aes256,
}

/// Which implementation a [`Library`] dispatches to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dispatch {
    /// The widest SIMD that the processor has.
    Widest,
    /// 128-bit SIMD and the SHA instructions.
    ShaInstructions,
}

type GcmFn = unsafe extern "C" fn(
    *const gcm_key_data,
    *mut gcm_context_data,
    *mut u8,
    *const u8,
    u64,
    *const u8,
    *const u8,
    u64,
    *mut u8,
    u64,
);
type HashBurstFn = unsafe extern "C" fn(*mut IMB_MGR, *mut IMB_JOB, u32, sys::IMB_HASH_ALG) -> u32;
type CipherBurstFn = unsafe extern "C" fn(
    *mut IMB_MGR,
    *mut IMB_JOB,
    u32,
    sys::IMB_CIPHER_MODE,
    sys::IMB_CIPHER_DIRECTION,
    sys::IMB_KEY_SIZE_BYTES,
) -> u32;
type ExpandFn = unsafe extern "C" fn(*const c_void, *mut c_void, *mut c_void);

/// One instance of the library with its entry points.
pub(crate) struct Library {
    mgr: NonNull<IMB_MGR>,
    features: u64,
    expand: [ExpandFn; 3],
    sha1_block: unsafe extern "C" fn(*const c_void, *mut c_void),
    gcm_expand: [unsafe extern "C" fn(*const c_void, *mut gcm_key_data); 2],
    gcm_seal: [GcmFn; 2],
    gcm_open: [GcmFn; 2],
    hash_burst: HashBurstFn,
    cipher_burst: CipherBurstFn,
}

// SAFETY: the instance is memory of its own that the library ties to no thread; `&mut self` on
// every call that changes it keeps it to one thread at a time.
unsafe impl Send for Library {}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: `mgr` came from `alloc_mb_mgr` and is freed once, here.
        unsafe { sys::free_mb_mgr(self.mgr.as_ptr()) };
    }
}

impl Library {
    /// Starts an instance; its self-test has passed.
    pub(crate) fn new(dispatch: Dispatch) -> Result<Self, CryptoError> {
        // SAFETY: takes nothing and returns a constant.
        let loaded = unsafe { sys::imb_get_version() };
        if loaded != sys::IMB_VERSION_NUM {
            return Err(CryptoError::Version {
                built: sys::IMB_VERSION_NUM,
                loaded,
            });
        }
        // SAFETY: any flags are allowed; null is handled below.
        let mgr = NonNull::new(unsafe { sys::alloc_mb_mgr(0) }).ok_or(CryptoError::Unsupported)?;
        match dispatch {
            Dispatch::Widest => {
                // SAFETY: `mgr` is a live instance; the second argument may be null.
                unsafe { sys::init_mb_mgr_auto(mgr.as_ptr(), ptr::null_mut()) }
            }
            Dispatch::ShaInstructions => {
                // SAFETY: `mgr` is a live instance.
                unsafe { sys::init_mb_mgr_sse(mgr.as_ptr()) }
            }
        }
        let started = Self::entry_points(mgr);
        if started.is_err() {
            // SAFETY: `mgr` came from `alloc_mb_mgr`, and no `Library` owns it.
            unsafe { sys::free_mb_mgr(mgr.as_ptr()) };
        }
        started
    }

    /// Reads the entry points of an initialised instance and takes it over on success.
    fn entry_points(mgr: NonNull<IMB_MGR>) -> Result<Self, CryptoError> {
        // SAFETY: the instance is initialised, and nobody else has it yet.
        let table = unsafe { mgr.as_ref() };
        let tested = u64::from(sys::IMB_FEATURE_SELF_TEST | sys::IMB_FEATURE_SELF_TEST_PASS);
        if table.features & tested == u64::from(sys::IMB_FEATURE_SELF_TEST) {
            return Err(CryptoError::SelfTest);
        }
        let library = || {
            Some(Self {
                mgr,
                features: table.features,
                expand: [table.keyexp_128?, table.keyexp_192?, table.keyexp_256?],
                sha1_block: table.sha1_one_block?,
                gcm_expand: [table.gcm128_pre?, table.gcm256_pre?],
                gcm_seal: [table.gcm128_enc?, table.gcm256_enc?],
                gcm_open: [table.gcm128_dec?, table.gcm256_dec?],
                hash_burst: table.submit_hash_burst_nocheck?,
                cipher_burst: table.submit_cipher_burst_nocheck?,
            })
        };
        library().ok_or(CryptoError::Unsupported)
    }

    /// Whether the processor has the SHA instructions.
    pub(crate) fn has_sha_instructions(&self) -> bool {
        self.features & u64::from(sys::IMB_FEATURE_SHANI) != 0
    }

    /// Expands an AES key of 16, 24 or 32 octets into a schedule of the fitting size.
    pub(crate) fn expand<const N: usize>(&self, key: &[u8]) -> Result<Schedule<N>, CryptoError> {
        let expand = match (key.len(), N) {
            (16, 176) => self.expand[0],
            (24, 208) => self.expand[1],
            (32, 240) => self.expand[2],
            _ => return Err(CryptoError::KeyLength),
        };
        let mut forward = Schedule([0; N]);
        let mut inverse = Schedule([0; N]);
        let (to, unused) = (forward.0.as_mut_ptr().cast(), inverse.0.as_mut_ptr().cast());
        // SAFETY: the function reads as many octets of `key` as the match above made sure of,
        // and writes two schedules of `N` octets, aligned to 16 as its instructions need.
        unsafe { expand(key.as_ptr().cast(), to, unused) };
        Ok(forward)
    }

    /// Hashes the inner and outer key block of HMAC-SHA1.
    pub(crate) fn pads(&self, key: &[u8; 20]) -> Pads {
        let mut pads = Pads {
            inner: [0; 20],
            outer: [0; 20],
        };
        for (mask, digest) in [(0x36, &mut pads.inner), (0x5c, &mut pads.outer)] {
            let mut block = [mask; 64];
            for (to, from) in block.iter_mut().zip(key) {
                *to ^= from;
            }
            // SAFETY: the function reads one block of 64 octets and writes 20 of digest.
            unsafe { (self.sha1_block)(block.as_ptr().cast(), digest.as_mut_ptr().cast()) };
            block.zeroize();
        }
        pads
    }

    /// Expands a GCM key and computes the powers of its hash key into `data`.
    pub(crate) fn expand_gcm(&self, key: &[u8], data: &mut GcmData) -> Result<(), CryptoError> {
        let expand = match key.len() {
            16 => self.gcm_expand[0],
            32 => self.gcm_expand[1],
            _ => return Err(CryptoError::KeyLength),
        };
        // SAFETY: the function reads as many octets of `key` as the match made sure of, and
        // writes one structure, aligned to 64 by `GcmData`.
        unsafe { expand(key.as_ptr().cast(), &raw mut data.0) };
        Ok(())
    }

    /// Computes the tags of the burst's jobs in `range`.
    #[inline]
    pub(crate) fn hash(&mut self, burst: &mut Filled<'_, '_>, range: Range<usize>) {
        let Some(jobs) = burst.filled_mut().get_mut(range) else {
            return;
        };
        let count = u32::try_from(jobs.len()).unwrap_or(0);
        let (mgr, jobs) = (self.mgr.as_ptr(), jobs.as_mut_ptr());
        // SAFETY: `Filled` lends filled jobs, whose packets, keys and tags are borrowed for longer
        // than this synchronous call; each tag has room for the 20 octets asked for; the
        // instance is ours alone.
        unsafe { (self.hash_burst)(mgr, jobs, count, sys::IMB_AUTH_HMAC_SHA_1) };
    }

    /// Encrypts or decrypts the burst's jobs whose turn it is.
    #[inline]
    pub(crate) fn counter_mode(&mut self, burst: &mut Filled<'_, '_>, pass: Pass) {
        for size in burst::SIZES {
            let Some(jobs) = burst.ready(pass, size) else {
                continue;
            };
            let count = u32::try_from(jobs.len()).unwrap_or(0);
            let (mgr, jobs) = (self.mgr.as_ptr(), jobs.as_mut_ptr());
            let (mode, direction) = (sys::IMB_CIPHER_CNTR, sys::IMB_DIR_ENCRYPT);
            // SAFETY: as for `hash`; `Filled` lends jobs with keys of this size, and none that is
            // empty.
            unsafe { (self.cipher_burst)(mgr, jobs, count, mode, direction, size) };
        }
    }

    /// Encrypts `item` in place and returns the tag of its additional data and ciphertext, the
    /// first octet lowest.
    pub(crate) fn gcm_seal(&self, size: GcmSize, item: &mut Gcm<'_>) -> u128 {
        let [small, large] = self.gcm_seal;
        // SAFETY: `small` and `large` are the library's functions for keys of 128 and 256 bits.
        unsafe {
            item.run(if size == GcmSize::Aes128 {
                small
            } else {
                large
            })
        }
    }

    /// Decrypts `item` in place and returns the tag that its ciphertext should have.
    pub(crate) fn gcm_open(&self, size: GcmSize, item: &mut Gcm<'_>) -> u128 {
        let [small, large] = self.gcm_open;
        // SAFETY: `small` and `large` are the library's functions for keys of 128 and 256 bits.
        unsafe {
            item.run(if size == GcmSize::Aes128 {
                small
            } else {
                large
            })
        }
    }
}

impl Gcm<'_> {
    /// Runs one of the library's GCM functions.
    ///
    /// # Safety
    /// `function` is one of the library's, for keys of the size that `self.key` was made of.
    #[inline]
    unsafe fn run(&mut self, function: GcmFn) -> u128 {
        let mut context = MaybeUninit::<gcm_context_data>::uninit();
        let mut tag = [0; GCM_TAG];
        let data = self.data.as_mut_ptr();
        // SAFETY: the function is what the caller promises; data, additional data and tag are
        // borrowed with their true lengths or more, the IV has the twelve octets that it reads, the key
        // is aligned by `GcmData`, and the context is only written before it is read.
        unsafe {
            function(
                &raw const self.key.0,
                context.as_mut_ptr(),
                data,
                data,
                self.data.len() as u64,
                self.iv.as_ptr(),
                self.aad.as_ptr(),
                self.aad.len() as u64,
                tag.as_mut_ptr(),
                GCM_TAG as u64,
            );
        }
        u128::from_le_bytes(tag)
    }
}
