//! Waiting for a condition with a deadline: the only clock and the only sleep of the harness.
//!
//! A run on a busy two-core machine is slow but must not be flaky, so nothing here measures
//! speed: deadlines are generous, and a condition that holds is seen within `POLL`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::error::{Failure, Result};

/// Longest time that an ordinary step may take. On a machine with other work the kernel has been seen
/// to leave its own for a minute.
pub const STEP: Duration = Duration::from_secs(120);

/// Time between two looks at a condition.
const POLL: Duration = Duration::from_millis(20);

/// Set by Ctrl-C; every wait ends when it is.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Makes Ctrl-C, SIGTERM and SIGHUP end every wait with [`Failure::Interrupted`], so that the
/// unwinding of the run cleans up.
///
/// # Errors
/// [`Failure::Unexpected`] when a handler is already there.
pub fn catch_interrupts() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Relaxed))
        .map_err(|e| Failure::Unexpected(format!("cannot catch signals: {e}")))
}

/// Whether the operator asked to stop.
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.load(Relaxed)
}

/// A point in time that a run must not pass.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    started: Instant,
    limit: Duration,
}

impl Deadline {
    /// A deadline `limit` from now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "real processes run on the real clock"
    )]
    pub fn after(limit: Duration) -> Self {
        Self {
            started: Instant::now(),
            limit,
        }
    }

    /// Whether it has passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.started.elapsed() >= self.limit
    }

    /// Sleeps until the next look is due.
    ///
    /// # Errors
    /// [`Failure::TimedOut`] for `what`, with what `seen` says, when the deadline has passed;
    /// [`Failure::Interrupted`].
    #[expect(clippy::disallowed_methods, reason = "the pause between two looks")]
    pub fn pause(&self, what: &str, seen: impl FnOnce() -> String) -> Result<()> {
        if interrupted() {
            return Err(Failure::Interrupted);
        }
        if self.passed() {
            return Err(Failure::TimedOut {
                what: what.to_owned(),
                limit_s: self.limit.as_secs(),
                seen: seen(),
            });
        }
        std::thread::sleep(POLL);
        Ok(())
    }
}

/// Looks until `look` returns something, for at most `limit`.
///
/// # Errors
/// [`Failure::TimedOut`] naming `what`; whatever `look` fails with; [`Failure::Interrupted`].
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Deadline::after(limit);
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        deadline.pause(what, || "nothing".to_owned())?;
    }
}

/// Sleeps for `duration`, however short, where the instant itself matters.
#[expect(clippy::disallowed_methods, reason = "see the module's head")]
pub fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// Lets `duration` pass, for what is measured in time itself: seconds of speech.
///
/// # Errors
/// [`Failure::Interrupted`].
pub fn let_pass(duration: Duration) -> Result<()> {
    let deadline = Deadline::after(duration);
    while !deadline.passed() {
        if let Err(e @ Failure::Interrupted) = deadline.pause("", String::new) {
            return Err(e);
        }
    }
    Ok(())
}
