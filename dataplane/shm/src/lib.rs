//! Memory that the processes share, and memory that none may see.
//!
//! [`Region`] maps the file through which control and data plane talk, as plain words: what they
//! mean is `abi`'s business. [`LockedBytes`] keeps a private key out of swap and core dumps.
//!
//! Deliberately absent: the layout, and any waiting or locking.

mod error;
mod locked;
mod map;
mod region;

pub use error::ShmError;
pub use locked::LockedBytes;
pub use region::Region;
