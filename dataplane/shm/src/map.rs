//! The system calls that map memory.

use core::ffi::c_int;
use core::ptr::{self, NonNull};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// How a file's memory is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Writes reach the file.
    Shared,
    /// Writes stay with the writer, and make it miss later changes of the page. Until then the
    /// file's changes show, so whoever only reads sees everything.
    Snooping,
}

/// Maps the first `len` octets of `file`, readable and writable, at an address aligned to a page.
///
/// The mapping stays until it is [`unmap`]ped.
pub(crate) fn file(file: &File, len: usize, access: Access) -> io::Result<NonNull<u8>> {
    let flags = match access {
        Access::Shared => libc::MAP_SHARED,
        Access::Snooping => libc::MAP_PRIVATE | libc::MAP_NORESERVE,
    };
    // SAFETY: a null hint lets the kernel choose an address where nothing is mapped.
    unsafe { mmap(ptr::null_mut(), len, flags, file.as_raw_fd()) }
}

/// Maps `len` zeroed octets that belong to this process alone.
pub(crate) fn anonymous(len: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: as in `file`.
    unsafe {
        mmap(
            ptr::null_mut(),
            len,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
        )
    }
}

/// Puts zeroed memory that takes no space in place of a mapping.
///
/// # Safety
/// `len` octets at `at` are a mapping of this module's, whose content anyone else may change.
pub(crate) unsafe fn hollow(at: NonNull<u8>, len: usize) -> io::Result<()> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    // SAFETY: only our own mapping is replaced, at once and for all of its length.
    unsafe { mmap(at.as_ptr(), len, flags, -1) }.map(|_| ())
}

/// # Safety
/// `len` octets at `at` are a mapping of this module's that nobody uses any more.
pub(crate) unsafe fn unmap(at: NonNull<u8>, len: usize) {
    // SAFETY: the caller's promise. It cannot fail for a whole mapping.
    unsafe { libc::munmap(at.as_ptr().cast(), len) };
}

/// Turns the C library's "zero or minus one" into a result.
pub(crate) fn check(rc: c_int) -> io::Result<()> {
    if rc == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// # Safety
/// With `MAP_FIXED`, whatever is mapped at `at` may be replaced.
unsafe fn mmap(at: *mut u8, len: usize, flags: c_int, fd: c_int) -> io::Result<NonNull<u8>> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping harms nobody unless it is fixed, which is the caller's promise.
    let mapped = unsafe { libc::mmap(at.cast(), len, access, flags, fd, 0) };
    if mapped == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(mapped.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}
