//! Bursts as DPDK sees them: arrays of mbuf pointers.

use arrayvec::ArrayVec;
use dpdk_sys as sys;

use crate::Mbuf;

/// Where DPDK may write mbufs behind the burst's own, and how many.
#[inline]
pub(crate) fn free_places<const N: usize>(
    burst: &mut ArrayVec<Mbuf, N>,
) -> (*mut *mut sys::rte_mbuf, u16) {
    let room = u16::try_from(burst.remaining_capacity()).unwrap_or(u16::MAX);
    let len = burst.len();
    // SAFETY: `len` is within the array, or just behind it when there is no room.
    let free = unsafe { burst.as_mut_ptr().add(len) };
    // `Mbuf` is a transparent non-null pointer, so its array is one of mbuf pointers.
    (free.cast(), room)
}

/// Appends the `n` mbufs that were written to the free places.
///
/// # Safety
/// That many owned, initialised mbufs were written to the places that [`free_places`] named.
#[inline]
pub(crate) unsafe fn grow<const N: usize>(burst: &mut ArrayVec<Mbuf, N>, n: usize) {
    let len = burst.len() + n;
    // SAFETY: the caller wrote the places up to `len`, which lie in the array.
    unsafe { burst.set_len(len) };
}

/// Removes the first `n` frames without dropping them: someone else owns them now.
///
/// # Safety
/// The caller gave up the first `n` frames of `burst`, at most all of them.
#[inline]
pub(crate) unsafe fn forget_front<const N: usize>(burst: &mut ArrayVec<Mbuf, N>, n: usize) {
    let left = burst.len() - n;
    let start = burst.as_mut_ptr();
    // SAFETY: `n` is at most the length.
    let rest = unsafe { start.add(n) };
    // SAFETY: both ranges are inside the array; the moved frames leave their old places behind
    // the new length, where nothing drops them.
    unsafe { start.copy_from(rest, left) };
    // SAFETY: the first `left` places hold the frames that were not taken.
    unsafe { burst.set_len(left) };
}
