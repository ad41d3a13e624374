//! Which start of the data plane somebody speaks of.

use core::fmt;

use postcard_schema::Schema;
use serde::{Deserialize, Serialize};

/// A number that each start of the data plane draws at random, so that nobody takes one for
/// another: not by a process id or an inode that came round again, nor by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Schema)]
pub struct BootId(pub u64);

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Who made a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// This start of the data plane.
    pub boot: BootId,
    /// Its process id.
    pub pid: u64,
    /// Wall clock at its start, seconds since 1970.
    pub started: u64,
}
