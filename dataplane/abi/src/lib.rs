//! What crosses between the processes: the layout of shared memory, and the messages that
//! travel beside it.
//!
//! Everything here is safe code over `&[AtomicU64]`; only the `shm` crate maps memory. The
//! data plane creates the region and is the sole writer of its state; control writes limits and
//! policy. A change in any of these types raises [`id::LAYOUT_VERSION`]; what lies in the
//! region and the types of policies and messages are hashed besides ([`LayoutId`]).
//!
//! Deliberately absent: licence arithmetic (`control/license`), YAML (`control/policy`), and
//! anything that maps, opens or waits.

pub mod boot;
pub mod bursts;
pub mod counters;
mod digest;
pub mod histogram;
pub mod id;
pub mod layout;
pub mod limits;
pub mod now;
mod part;
pub mod policy;
pub mod provision;
pub mod publish;
pub mod reason;
pub mod records;
pub mod secrets;
pub mod seqlock;
pub mod suite;
mod sync;
pub mod usage;

pub use boot::BootId;
pub use counters::Counter;
pub use id::LayoutId;
pub use limits::{Limit, Limits};
pub use now::Now;
pub use reason::Reason;
pub use suite::Suite;
pub use usage::{Permit, Pool};
