//! The heap.

use core::ffi::c_char;

pub use tikv_jemallocator::Jemalloc as Heap;

/// A C string for jemalloc to read.
#[repr(transparent)]
struct Options(*const c_char);

// SAFETY: it points at a constant.
unsafe impl Sync for Options {}

/// What jemalloc is told when it starts: ask for huge pages behind all memory. Where the kernel
/// gives none (`transparent_hugepage` is "never"), pages are of the usual size.
// SAFETY: jemalloc's own definition is weak, so this is the only one.
#[used]
#[unsafe(export_name = "malloc_conf")]
static OPTIONS: Options = Options(c"thp:always".as_ptr());
