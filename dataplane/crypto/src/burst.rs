//! Runs bursts of jobs.

use core::fmt;

use crate::ffi::{Filled, Gcm, GcmData, GcmSize, Library, Pass};
use crate::job::End;
use crate::key::Form;
use crate::{Job, Key, Op, Outcome, Results, Span};

/// Jobs run together at most.
pub const BURST: usize = 32;

/// Messages below which the SHA instructions, two messages at a time, beat the widest SIMD,
/// whose cost is that of all sixteen lanes however few are used. Measured for 176-octet messages
/// on a Zen 5: from 122 against 405 ns for one message and 80 against 115 ns each for eight to
/// 77 against 63 ns each for sixteen.
const WIDE_MIN: usize = 12;

/// Messages that the widest SIMD hashes side by side.
const WIDE_LANES: usize = 16;

/// Up to [`BURST`] jobs that are run together. Keys and packets are borrowed for `'p`.
///
/// AES-GCM has no lanes to fill, so that its jobs are run as they come.
pub struct Burst<'m, 'p> {
    wide: &'m mut Library,
    narrow: Option<&'m mut Library>,
    unpacked: &'m mut GcmData,
    ends: &'m mut [End; BURST],
    count: usize,
    /// Those in counter mode.
    counted: Filled<'m, 'p>,
}

impl<'m, 'p> Burst<'m, 'p> {
    #[inline]
    pub(crate) const fn new(
        wide: &'m mut Library,
        narrow: Option<&'m mut Library>,
        unpacked: &'m mut GcmData,
        ends: &'m mut [End; BURST],
        counted: Filled<'m, 'p>,
    ) -> Self {
        Self {
            wide,
            narrow,
            unpacked,
            ends,
            count: 0,
            counted,
        }
    }

    /// Puts a job in. One more than [`BURST`] is not taken.
    // The job is taken apart: as a whole it would have to lie in memory.
    #[inline(always)]
    pub fn push(&mut self, job: Job<'p>) {
        let Job {
            key,
            op,
            packet,
            iv,
            cipher,
            auth,
            aad,
            tag,
        } = job;
        let Some(end) = self.ends.get_mut(self.count) else {
            return;
        };
        self.count += 1;
        end.op = op;
        end.tag = tag;
        let Some(counted) = key.counted() else {
            let message = Message {
                packet,
                iv,
                cipher,
                auth,
                aad,
            };
            return message.run(key, end, self.wide, self.unpacked);
        };
        let spans = (cipher, auth);
        let is_in = tag.is_some() && self.counted.push(counted, op, packet, iv, spans);
        end.outcome = if is_in {
            Outcome::Pending
        } else {
            Outcome::Invalid
        };
    }

    /// Runs the jobs.
    #[inline]
    pub fn run(self) -> Results<'m> {
        let Self {
            wide,
            narrow,
            ends,
            count,
            mut counted,
            ..
        } = self;
        let ends = ends.get_mut(..count).unwrap_or_default();
        if counted.len() > 0 {
            complete(&mut counted, ends, wide, narrow);
        }
        Results(ends)
    }
}

impl fmt::Debug for Burst<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Burst")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// Ciphers and authenticates jobs in counter mode, whose ends are the pending ones: sealing comes
/// before authentication, opening after it.
fn complete(
    jobs: &mut Filled<'_, '_>,
    ends: &mut [End],
    wide: &mut Library,
    narrow: Option<&mut Library>,
) {
    wide.counter_mode(jobs, Pass::Seal);
    let count = jobs.len();
    let share = narrow.as_ref().map_or(count, |_| wide_share(count));
    if share > 0 {
        wide.hash(jobs, 0..share);
    }
    if let Some(narrow) = narrow.filter(|_| share < count) {
        narrow.hash(jobs, share..count);
    }
    let pending = ends
        .iter_mut()
        .filter(|end| end.outcome == Outcome::Pending);
    for (at, (end, computed)) in pending.zip(jobs.tags()).enumerate() {
        end.settle(computed);
        if end.outcome == Outcome::Forged {
            jobs.withhold(at);
        }
    }
    wide.counter_mode(jobs, Pass::Open);
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

/// A packet for AES-GCM: the parts of a [`Job`] that it works on.
struct Message<'p> {
    packet: &'p mut [u8],
    iv: [u8; 16],
    cipher: Span,
    auth: Span,
    aad: Option<[u8; 12]>,
}

impl Message<'_> {
    /// Seals, opens or checks it.
    #[inline(never)]
    fn run(self, key: &Key, end: &mut End, library: &Library, unpacked: &mut GcmData) {
        end.outcome = Outcome::Invalid;
        let (size, key) = match &key.0 {
            Form::Gcm128(key) => (GcmSize::Aes128, Some(&**key)),
            Form::Gcm256(key) => (GcmSize::Aes256, Some(&**key)),
            Form::Gcm128Packed(packed) => (GcmSize::Aes128, unpack(library, &packed.0, unpacked)),
            Form::Gcm256Packed(packed) => (GcmSize::Aes256, unpack(library, &packed.0, unpacked)),
            Form::Cm128(_) | Form::Cm192(_) | Form::Cm256(_) => return,
        };
        let Self {
            packet,
            iv,
            cipher,
            auth,
            aad,
        } = self;
        if !cipher.is_within(packet) || !auth.is_within(packet) || !end.tag.is_some() {
            return;
        }
        let parts = parts(packet, cipher, auth, aad.as_ref());
        let (Some((data, aad)), Some(key)) = (parts, key) else {
            return;
        };
        let mut gcm = Gcm {
            data,
            iv: &iv,
            aad,
            key,
        };
        if end.op == Op::Seal {
            return end.settle(library.gcm_seal(size, &mut gcm));
        }
        end.settle(library.gcm_open(size, &mut gcm));
        // Plaintext that is not authentic must not be seen (SP 800-38D §7.2), and a packet that is
        // only checked goes on encrypted: encrypting again restores the ciphertext.
        if end.op == Op::Check || end.outcome == Outcome::Forged {
            library.gcm_seal(size, &mut gcm);
        }
    }
}

/// Expands a packed AES-GCM key.
fn unpack<'u>(library: &Library, key: &[u8], unpacked: &'u mut GcmData) -> Option<&'u GcmData> {
    library.expand_gcm(key, unpacked).ok().map(|()| &*unpacked)
}

/// The octets to cipher and the additional data, which must come before them.
fn parts<'p>(
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
