//! Why a question has no answer.

use std::io;

use e2e::error::Failure;
use perf_harness::{PublishError, RunsMissing};
use perf_loadgen::{Counts, StreamsError};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// A peer is not installed.
    #[error("{program} is not installed: apt-get install {package}")]
    PeerMissing {
        /// What was to be started.
        program: &'static str,
        /// What brings it.
        package: &'static str,
    },
    /// A process or a namespace.
    #[error(transparent)]
    Lab(#[from] Failure),
    /// The proxy does not do what it is told.
    #[error("{failure}; the dataplane said:\n{log}")]
    Proxy {
        /// What it does not do.
        failure: Failure,
        /// End of the dataplane's log.
        log: String,
    },
    /// The generator failed.
    #[error("perf-loadgen: {0}")]
    Generator(String),
    /// Packets came back that should not have, or not so.
    #[error("what came back is not what was sent: {}", said(.0))]
    Faulty(Box<Counts>),
    /// rtpengine answered with something else than what was asked for.
    #[error("rtpengine: {0}")]
    Rtpengine(String),
    /// A file or a socket.
    #[error("{what}: {source}")]
    Io {
        /// What was done.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The list of streams.
    #[error(transparent)]
    Streams(#[from] StreamsError),
    /// The answer.
    #[error(transparent)]
    Runs(#[from] RunsMissing),
    /// Its files.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// Questions, by name.
    #[error("no answer to: {0}")]
    Unanswered(String),
    /// The arguments.
    #[error("{0}")]
    Usage(String),
}

/// The faults among `counts`, by name.
fn said(counts: &Counts) -> String {
    let faults = [
        ("unauthentic", counts.unauthentic),
        ("refused", counts.refused),
        ("damaged", counts.damaged),
        ("late", counts.late),
        ("stray", counts.stray),
        ("malformed", counts.malformed),
    ];
    let found = faults.into_iter().filter(|&(_, count)| count > 0);
    let mut said: Vec<String> = found
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    said.push(format!("beside {} whole", counts.packets + counts.reports));
    said.join(", ")
}

/// What comes of it.
pub(crate) type Result<T> = core::result::Result<T, BenchError>;

/// Names what an input or output operation was for.
pub(crate) fn io(what: &'static str) -> impl Fn(io::Error) -> BenchError {
    move |source| BenchError::Io { what, source }
}

/// Fails unless a peer's program is there.
pub(crate) fn require(program: &'static str, package: &'static str) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let here = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if here {
        Ok(())
    } else {
        Err(BenchError::PeerMissing { program, package })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_said_by_name() {
        let counts = Counts {
            packets: 90,
            reports: 2,
            damaged: 3,
            late: 1,
            ..Counts::default()
        };
        let said = BenchError::Faulty(Box::new(counts)).to_string();
        assert!(
            said.ends_with(": 3 damaged, 1 late, beside 92 whole"),
            "{said}"
        );
    }
}
