//! The library's jobs of a burst in counter mode: each is filled once, for hashing and ciphering.

use core::cell::Cell;
use core::marker::PhantomData;
use core::mem;

use super::sys::{
    self, IMB_JOB, IMB_JOB__bindgen_ty_6__HMAC_specific_fields as HmacFields,
    IMB_KEY_SIZE_BYTES as KeySize,
};
use super::{Pads, Schedule};
use crate::{BURST, Op, Span};

/// The key sizes that there are.
pub(super) const SIZES: [KeySize; 3] = [
    sys::IMB_KEY_128_BYTES,
    sys::IMB_KEY_192_BYTES,
    sys::IMB_KEY_256_BYTES,
];

type Iv = [u8; 16];

/// A whole HMAC-SHA1.
type Digest = [u8; 20];

/// Memory for the jobs of a burst, kept from one to the next.
pub(crate) struct Room {
    jobs: [IMB_JOB; BURST],
    /// Copies of those of `jobs` that are ciphered together, where not all are.
    picked: [IMB_JOB; BURST],
    /// In cells, because jobs point to them while they are read and written here.
    ivs: [Cell<Iv>; BURST],
    tags: [Cell<Digest>; BURST],
}

// SAFETY: pointers of a burst that is over are never used again, so a room is as free to go to
// another thread as the memory that it is.
unsafe impl Send for Room {}

impl Room {
    pub(crate) fn new() -> Box<Self> {
        // SAFETY: the structure is plain data, octets, integers, pointers and optional functions,
        // for all of which zero is a valid value.
        let mut room: Box<Self> = Box::new(unsafe { mem::zeroed() });
        for job in &mut room.jobs {
            job.iv_len_in_bytes = size_of::<Iv>() as u64;
            job.auth_tag_output_len_in_bytes = size_of::<Digest>() as u64;
        }
        room
    }

    /// Begins a burst.
    #[inline]
    pub(crate) const fn fill<'p>(&mut self) -> Filled<'_, 'p> {
        let Self {
            jobs,
            picked,
            ivs,
            tags,
        } = self;
        Filled {
            jobs,
            picked,
            ivs,
            tags,
            classes: [0; BURST],
            present: 0,
            count: 0,
            lent: PhantomData,
        }
    }
}

/// When jobs are ciphered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Before all are authenticated: they are sealed.
    Seal,
    /// After that, if they are authentic: they are opened.
    Open,
}

/// The class of jobs that are not ciphered.
const STILL: u8 = 1;

/// A bit for the jobs that are ciphered together.
#[inline]
const fn class(pass: Pass, size: KeySize) -> u8 {
    // Sizes are 16, 24 and 32.
    let of_size = 1 << (size / 8 - 1);
    match pass {
        Pass::Seal => of_size,
        Pass::Open => of_size << 3,
    }
}

/// A counter-mode key as a job needs it.
#[derive(Clone, Copy)]
pub(crate) struct Counted<'p> {
    pads: &'p Pads,
    schedule: *const u8,
    size: KeySize,
    /// The classes of jobs that seal and open with it.
    classes: [u8; 2],
}

impl<'p> Counted<'p> {
    #[inline]
    pub(crate) const fn new<const N: usize>(pads: &'p Pads, schedule: &'p Schedule<N>) -> Self {
        Self {
            pads,
            schedule: schedule.0.as_ptr(),
            size: Schedule::<N>::SIZE,
            classes: [
                class(Pass::Seal, Schedule::<N>::SIZE),
                class(Pass::Open, Schedule::<N>::SIZE),
            ],
        }
    }
}

/// A burst: the first `count` jobs are filled, with packets and keys that are borrowed for `'p`.
pub(crate) struct Filled<'r, 'p> {
    jobs: &'r mut [IMB_JOB; BURST],
    picked: &'r mut [IMB_JOB; BURST],
    ivs: &'r [Cell<Iv>; BURST],
    tags: &'r [Cell<Digest>; BURST],
    /// Of each job.
    classes: [u8; BURST],
    /// All of `classes` together.
    present: u8,
    count: usize,
    lent: PhantomData<&'p mut [u8]>,
}

impl<'r, 'p> Filled<'r, 'p> {
    /// Puts a job in; not if a span lies outside the packet, if nothing is to be authenticated,
    /// which the library does not take, or if all places are taken.
    #[inline(always)]
    pub(crate) fn push(
        &mut self,
        key: Counted<'p>,
        op: Op,
        packet: &'p mut [u8],
        iv: Iv,
        (cipher, auth): (Span, Span),
    ) -> bool {
        if !cipher.is_within(packet) || !auth.is_within(packet) || auth.len == 0 {
            return false;
        }
        let at = self.count;
        let place = (self.jobs.get_mut(at), self.classes.get_mut(at));
        let ((Some(job), Some(class_here)), (Some(own_iv), Some(tag))) =
            (place, (self.ivs.get(at), self.tags.get(at)))
        else {
            return false;
        };
        own_iv.set(iv);
        let start = packet.as_mut_ptr();
        job.__bindgen_anon_1.src = start;
        job.__bindgen_anon_2.dst = start.wrapping_add(cipher.start.into());
        job.__bindgen_anon_3.cipher_start_src_offset_in_bytes = cipher.start.into();
        job.__bindgen_anon_4.msg_len_to_cipher_in_bytes = cipher.len.into();
        job.hash_start_src_offset_in_bytes = auth.start.into();
        job.__bindgen_anon_5.msg_len_to_hash_in_bytes = auth.len.into();
        job.enc_keys = key.schedule.cast();
        job.key_len_in_bytes = key.size.into();
        job.iv = own_iv.as_ptr().cast();
        job.auth_tag_output = tag.as_ptr().cast();
        job.u.HMAC = HmacFields {
            _hashed_auth_key_xor_ipad: key.pads.inner.as_ptr(),
            _hashed_auth_key_xor_opad: key.pads.outer.as_ptr(),
        };
        let [seal, open] = key.classes;
        *class_here = match op {
            _ if cipher.len == 0 => STILL,
            Op::Seal => seal,
            Op::Open => open,
            Op::Check => STILL,
        };
        self.present |= *class_here;
        self.count += 1;
        true
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// The first sixteen octets of the tags that were computed, the first octet lowest, in the
    /// jobs' order.
    #[inline]
    pub(crate) fn tags(&self) -> impl Iterator<Item = u128> + use<'r, 'p> {
        let head = |tag: &Cell<Digest>| {
            let [head @ .., _, _, _, _] = tag.get();
            u128::from_le_bytes(head)
        };
        self.tags.iter().take(self.count).map(head)
    }

    /// Keeps the job at `at` from being ciphered.
    #[cold]
    pub(crate) fn withhold(&mut self, at: usize) {
        if let Some(class) = self.classes.get_mut(at) {
            *class = STILL;
            self.present |= STILL;
        }
    }

    #[inline]
    pub(super) fn filled_mut(&mut self) -> &mut [IMB_JOB] {
        self.jobs.get_mut(..self.count).unwrap_or_default()
    }

    /// The jobs with keys of `size` that are ciphered in `pass`, none of them empty; `None` if
    /// there is none.
    #[inline]
    pub(super) fn ready(&mut self, pass: Pass, size: KeySize) -> Option<&mut [IMB_JOB]> {
        let wanted = class(pass, size);
        if self.present & wanted == 0 {
            None
        } else if self.present == wanted {
            Some(self.filled_mut())
        } else {
            self.pick(wanted)
        }
    }

    /// Copies the jobs of one class to stand together.
    fn pick(&mut self, wanted: u8) -> Option<&mut [IMB_JOB]> {
        let filled = self.jobs.iter().zip(&self.classes).take(self.count);
        let wanted = filled.filter(|&(_, &class)| class == wanted);
        let mut count = 0;
        for (place, (job, _)) in self.picked.iter_mut().zip(wanted) {
            *place = *job;
            count += 1;
        }
        self.picked.get_mut(..count).filter(|jobs| !jobs.is_empty())
    }
}
