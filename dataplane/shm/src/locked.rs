//! Memory for secrets.

use core::fmt;
use core::ptr::NonNull;
use core::slice;

use zeroize::Zeroize;

use crate::ShmError;
use crate::map::{self, check};

/// A secret in pages of its own: never swapped out, not in core dumps, wiped when dropped.
pub struct LockedBytes {
    at: NonNull<u8>,
    len: usize,
}

// SAFETY: owns its mapping, like a boxed slice.
unsafe impl Send for LockedBytes {}
// SAFETY: shared access only reads.
unsafe impl Sync for LockedBytes {}

impl LockedBytes {
    /// A locked copy of `secret`; the original is the caller's to wipe.
    ///
    /// # Errors
    /// If memory is short, or the limit on locked memory (`ulimit -l`) is reached.
    pub fn new(secret: &[u8]) -> Result<Self, ShmError> {
        let at = map::anonymous(secret.len().max(1)).map_err(ShmError::Map)?;
        // Owns the mapping from here on, so that every return unmaps it.
        let locked = Self {
            at,
            len: secret.len(),
        };
        locked.lock()?;
        // SAFETY: `len` octets of the new mapping, zeroed by the kernel and only ours.
        unsafe { slice::from_raw_parts_mut(at.as_ptr(), locked.len) }.copy_from_slice(secret);
        Ok(locked)
    }

    /// The secret.
    #[must_use]
    pub const fn as_slice(&self) -> &[u8] {
        // SAFETY: `len` octets of our mapping, initialised, changed by nobody while borrowed.
        unsafe { slice::from_raw_parts(self.at.as_ptr(), self.len) }
    }

    /// Before the secret is there, so that it never was anywhere else.
    fn lock(&self) -> Result<(), ShmError> {
        let (at, len) = (self.at.as_ptr().cast(), self.mapped());
        // SAFETY: our own mapping; locking does not change its content.
        check(unsafe { libc::mlock(at, len) }).map_err(ShmError::Lock)?;
        // SAFETY: our own mapping; this advice does not change its content.
        check(unsafe { libc::madvise(at, len, libc::MADV_DONTDUMP) }).map_err(ShmError::Lock)
    }

    /// Octets mapped: a mapping cannot be empty.
    fn mapped(&self) -> usize {
        self.len.max(1)
    }
}

impl Drop for LockedBytes {
    fn drop(&mut self) {
        // SAFETY: `len` octets of our mapping, and nobody borrows them any more.
        unsafe { slice::from_raw_parts_mut(self.at.as_ptr(), self.len) }.zeroize();
        // SAFETY: the whole mapping, which nobody uses after this.
        unsafe { map::unmap(self.at, self.mapped()) };
    }
}

impl fmt::Debug for LockedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedBytes")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
