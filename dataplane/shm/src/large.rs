//! Memory for tables that are looked up at random.

use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::slice;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};

/// Octets of a huge page.
const HUGE: usize = 2 << 20;

/// A slice of fixed length, in huge pages where the kernel gives them to who asks
/// (`/sys/kernel/mm/transparent_hugepage/enabled`).
///
/// In a table of many megabytes nearly every look at an ordinary page makes the processor walk
/// the page tables first. Without huge pages, or when it is short, this is as good as a boxed
/// slice.
pub struct LargeSlice<T> {
    at: NonNull<T>,
    len: usize,
}

// SAFETY: owns its elements, like a boxed slice.
unsafe impl<T: Send> Send for LargeSlice<T> {}
// SAFETY: shared access only reads.
unsafe impl<T: Sync> Sync for LargeSlice<T> {}

impl<T: Copy> LargeSlice<T> {
    /// `len` elements, each made of its index. Stops the process, as a boxed slice does, if there
    /// is no memory.
    #[must_use]
    pub fn from_fn(len: usize, mut element: impl FnMut(usize) -> T) -> Self {
        let at = room_for(len);
        for index in 0..len {
            // SAFETY: `at` has room for `len` elements.
            let place = unsafe { at.add(index) };
            // SAFETY: room that is aligned and only ours.
            unsafe { place.write(element(index)) };
        }
        Self { at, len }
    }
}

/// Room for `len` elements; huge pages are asked for before it is touched.
fn room_for<T>(len: usize) -> NonNull<T> {
    let layout = layout::<T>(len);
    if layout.size() == 0 {
        return NonNull::dangling();
    }
    // SAFETY: the layout has a size.
    let at = unsafe { alloc(layout) };
    let Some(at) = NonNull::new(at) else {
        handle_alloc_error(layout);
    };
    if layout.align() == HUGE {
        // Without them the memory is as good as any.
        // SAFETY: whole pages of our own, whose content the advice does not change.
        unsafe { libc::madvise(at.as_ptr().cast(), layout.size(), libc::MADV_HUGEPAGE) };
    }
    at.cast()
}

/// Whole huge pages for what fills one, and what an array has for less.
fn layout<T>(len: usize) -> Layout {
    let size = len.saturating_mul(size_of::<T>());
    let (size, align) = if size < HUGE {
        (size, align_of::<T>())
    } else {
        (size.checked_next_multiple_of(HUGE).unwrap_or(size), HUGE)
    };
    // Of no layout, memory is out as well.
    Layout::from_size_align(size, align).unwrap_or_else(|_| handle_alloc_error(Layout::new::<T>()))
}

impl<T> Deref for LargeSlice<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: `len` initialised elements of our own.
        unsafe { slice::from_raw_parts(self.at.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for LargeSlice<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; `&mut self` makes this the only reference.
        unsafe { slice::from_raw_parts_mut(self.at.as_ptr(), self.len) }
    }
}

impl<T> Drop for LargeSlice<T> {
    fn drop(&mut self) {
        let layout = layout::<T>(self.len);
        if layout.size() > 0 {
            // SAFETY: what `room_for` allocated with this layout. Elements that are `Copy` have
            // nothing to drop.
            unsafe { dealloc(self.at.as_ptr().cast(), layout) };
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for LargeSlice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
