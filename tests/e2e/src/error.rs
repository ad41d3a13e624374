//! What can go wrong while peers are started and watched.
//!
//! The texts are evidence for the person who reads a failed run (a command line, what was waited
//! for, the end of a log), so unlike the product's errors these hold `String`s.

use std::io;
use std::path::Path;

/// Why a step of a run failed.
#[derive(thiserror::Error)]
pub enum Failure {
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A command ran and failed.
    #[error("`{command}` failed: {output}")]
    Command {
        /// The command line.
        command: String,
        /// What it printed.
        output: String,
    },
    /// Something did not happen in time.
    #[error("no {what} within {limit_s} s; seen instead:\n{seen}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long, in seconds.
        limit_s: u64,
        /// What there was instead.
        seen: String,
    },
    /// Something happened that must not, or differs from what it must be.
    #[error("{0}")]
    Unexpected(String),
    /// A story that is told in several ways failed in one of them.
    #[error("with {workers} workers: {failure}")]
    With {
        /// How many workers.
        workers: u16,
        /// What failed.
        failure: Box<Self>,
    },
    /// The operator pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

/// Result of a step of a run.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// An [`Failure::Io`] that says what was done to which file.
    #[must_use]
    pub fn io(what: &str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            what: format!("{what} {}", path.display()),
            source,
        }
    }
}

/// Fails with `message` unless `condition` holds.
///
/// # Errors
/// [`Failure::Unexpected`] with the message.
pub fn ensure(condition: bool, message: impl FnOnce() -> String) -> Result<()> {
    if condition {
        Ok(())
    } else {
        Err(Failure::Unexpected(message()))
    }
}

/// As it is displayed: a test that returns this prints it in full lines.
impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
