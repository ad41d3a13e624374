//! The only readings of the clocks in this process.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970; certificates are held against it.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge of the program, from which time is handed down"
)]
pub(crate) fn wall_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A clock that nobody sets; deadlines are held against it.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge of the program, from which time is handed down"
)]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}
