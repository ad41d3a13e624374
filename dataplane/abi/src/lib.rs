//! What crosses between the processes: the layout of shared memory, and the messages that
//! travel beside it.
//!
//! Everything here is safe code over `&[AtomicU64]`; only the `shm` crate maps memory. The
//! data plane creates the region and is the sole writer of its state; control writes limits and
//! policy. A change in any of these types raises [`layout::LAYOUT_VERSION`].
//!
//! Deliberately absent: licence arithmetic (`control/license`), YAML (`control/policy`), and
//! anything that maps, opens or waits.

pub mod counters;
pub mod histogram;
pub mod layout;
pub mod limits;
pub mod now;
pub mod policy;
pub mod provision;
pub mod publish;
pub mod reason;
pub mod records;
pub mod secrets;
pub mod seqlock;
pub mod suite;
pub mod usage;

pub use counters::Counter;
pub use limits::{Limit, Limits};
pub use now::Now;
pub use reason::Reason;
pub use suite::Suite;
pub use usage::{Permit, Pool};
