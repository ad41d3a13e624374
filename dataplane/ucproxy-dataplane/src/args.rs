//! The command line.

use std::path::PathBuf;

use abi::layout::Shape;
use clap::Parser;

/// The data plane of ucproxy: packets, TCP, TLS, inspection and media.
///
/// Waits for a policy from ucproxy-control, then opens its ports and starts its workers. Either
/// process may be started, stopped or killed at any time.
#[derive(Clone, Debug, Parser)]
#[command(name = "ucproxy-dataplane", version)]
pub(crate) struct Args {
    /// Directory for the shared memory and the key socket; made if it is missing.
    #[arg(long, default_value = "/run/ucproxy")]
    pub(crate) runtime_dir: PathBuf,

    /// Workers that the shared memory has room for.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers_max: u16,

    /// Sessions that one worker has room for.
    #[arg(long, default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1..=4_194_304))]
    pub(crate) sessions_max: u32,

    /// Media streams that one worker has room for.
    #[arg(long, default_value_t = 131_072, value_parser = clap::value_parser!(u32).range(1..=4_194_304))]
    pub(crate) streams_max: u32,

    /// MiB of one policy image.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) policy_mib: u16,

    /// Write logs as JSON lines.
    #[arg(long)]
    pub(crate) log_json: bool,
}

impl Args {
    /// Sizes of the shared region.
    pub(crate) fn shape(&self) -> Shape {
        Shape {
            workers: usize::from(self.workers_max),
            sessions: usize::try_from(self.sessions_max).unwrap_or(usize::MAX),
            streams: usize::try_from(self.streams_max).unwrap_or(usize::MAX),
            image_words: usize::from(self.policy_mib) << 17,
        }
    }
}
