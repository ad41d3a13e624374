//! What the program prints, and how it can end.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use abi::layout::LayoutError;
use admin::CallError;
use license::{GrantError, KeyError, MODELS};
use serde::Serialize;
use shm::ShmError;

use crate::media::MediaError;

/// How a command ended that did what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well.
    Good,
    /// What was looked at is not.
    Bad,
}

/// Keys that hold only after a restart of the data plane, for people, who may have to look for
/// them themselves.
pub(crate) fn keys_after_restart(keys: &[String]) -> String {
    match keys {
        [] => "'runtime', 'devices' or 'tcp.ports'".to_owned(),
        keys => keys.join(", "),
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("cannot read {path}: {error}")]
    Read {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("cannot write {path}: {error}")]
    Write {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("{path}: {error}")]
    Key { path: PathBuf, error: KeyError },
    #[error("no such model, expected one of {}", MODELS.each_ref().map(|m| m.name).join(", "))]
    Model,
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error("no data plane has run with {path}: {error}")]
    NoRegion { path: PathBuf, error: ShmError },
    #[error("shared memory is its owner's alone, and this user may not read {path}: {error}")]
    NotOurs { path: PathBuf, error: ShmError },
    #[error("{path}: {error}")]
    Region { path: PathBuf, error: ShmError },
    #[error("{path}: {error}")]
    Layout { path: PathBuf, error: LayoutError },
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error("top needs a terminal; 'show' prints the same to anything")]
    NoTerminal,
    #[error("output: {0}")]
    Output(#[source] io::Error),
}

impl CliError {
    /// Whether it is only that nobody reads our output any more.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == ErrorKind::BrokenPipe)
    }
}

/// Prints text as it is.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(CliError::Output)
}

/// Prints a value as JSON.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(|e| CliError::Output(e.into()))?;
    print(&format!("{text}\n"))
}

/// Says something beside the output.
pub(crate) fn complain(text: &str) {
    // With nowhere to say it, there is nothing left to do.
    drop(writeln!(io::stderr().lock(), "{text}"));
}
