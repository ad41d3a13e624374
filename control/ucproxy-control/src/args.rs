//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Checks ucproxy's configuration and keeps the data plane on it.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Directory of shared memory, sockets and locks
    #[arg(long, value_name = "DIR", default_value = "/run/ucproxy")]
    pub(crate) runtime_dir: PathBuf,
    /// Configuration to start with; without it, or when it has errors, what was applied last
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Write logs as JSON
    #[arg(long)]
    pub(crate) log_json: bool,
}
