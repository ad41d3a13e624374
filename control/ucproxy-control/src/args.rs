//! The command line.

use core::net::{AddrParseError, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Parser;

/// Checks ucproxy's configuration and keeps the data plane on it.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Directory of shared memory, sockets and locks
    #[arg(long, value_name = "DIR", default_value = "/run/ucproxy")]
    pub(crate) runtime_dir: PathBuf,
    /// Directory of what outlives a restart of the machine; without it, the runtime directory
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Configuration to start with; without it, or when it has errors, what was applied last
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where Prometheus finds metrics, or 'off'
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9464", value_parser = metrics)]
    pub(crate) metrics: Metrics,
    /// Write logs as JSON
    #[arg(long)]
    pub(crate) log_json: bool,
}

/// Where metrics are served, if they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metrics(pub(crate) Option<SocketAddr>);

fn metrics(text: &str) -> Result<Metrics, AddrParseError> {
    match text {
        "off" => Ok(Metrics(None)),
        address => address.parse().map(|address| Metrics(Some(address))),
    }
}

impl Args {
    /// Directory of what outlives a restart of the machine.
    pub(crate) fn state_dir(&self) -> &Path {
        self.state_dir.as_ref().unwrap_or(&self.runtime_dir)
    }
}
