//! Asks the processor for memory ahead of its use. Here because it takes an intrinsic.

use core::ptr;

/// Octets of a cache line.
const LINE: usize = 64;

/// Asks the processor to fetch all cache lines of `value`, for use some hundred nanoseconds
/// later. It reads nothing.
#[inline]
pub fn prefetch<T>(value: &T) {
    // What is aligned to its size, or to more, lies on one line.
    let len = if size_of::<T>() <= align_of::<T>().min(LINE) {
        1
    } else {
        size_of::<T>()
    };
    prefetch_range(ptr::from_ref(value).cast(), len);
}

/// Asks the processor to fetch the cache line at `address`, which need not be one that is there.
#[inline]
pub fn prefetch_line(address: usize) {
    prefetch_range(ptr::without_provenance(address), 1);
}

/// Asks the processor to fetch the cache lines of `len` octets from `start` on.
#[inline]
pub(crate) fn prefetch_range(start: *const i8, len: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // One octet is on one line, wherever that begins.
        let lead = if len == 1 { 0 } else { start.addr() % LINE };
        let first = start.wrapping_sub(lead);
        for line in 0..(lead + len).div_ceil(LINE) {
            // SAFETY: a prefetch neither faults nor changes anything, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(line * LINE)) };
        }
    }
}
