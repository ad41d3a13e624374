//! Memory that the processes share, memory that none may see, and the heap.
//!
//! [`Region`] maps the file through which control and data plane talk, as plain words: what they
//! mean is `abi`'s business. [`LockedBytes`] keeps a private key out of swap and core dumps.
//! [`lives`] tells whether the process that made a region still runs. [`Heap`] is an allocator
//! that asks for huge pages: thousands of sessions are more memory than the TLB reaches otherwise
//! (`docs/decisions/0006-tcp-cost.md`).
//!
//! Deliberately absent: the layout, and anything that waits or keeps a lock.

mod error;
mod heap;
mod life;
mod locked;
mod map;
mod region;

pub use error::ShmError;
pub use heap::Heap;
pub use life::lives;
pub use locked::LockedBytes;
pub use region::Region;
