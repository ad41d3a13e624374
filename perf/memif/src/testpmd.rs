//! `dpdk-testpmd` in `macswap` mode: what forwarding alone can do over the same memif.

use std::time::Duration;

use e2e::process::Process;

use crate::bench::{Bench, MEASURED_CPU};
use crate::error::{Result, require};

/// Time that it takes to start at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Frames that it has room for.
const MBUFS: &str = "--total-num-mbufs=32768";

/// A running `dpdk-testpmd`; ends with this value.
#[derive(Debug)]
pub(crate) struct Testpmd {
    _process: Process,
}

impl Testpmd {
    /// Starts it between the two ends of the memif.
    pub(crate) fn start(bench: &Bench) -> Result<Self> {
        require("dpdk-testpmd", "dpdk-dev")?;
        let lcores = format!("--lcores=0@{MEASURED_CPU},1@{MEASURED_CPU}");
        let vdevs = [0, 1].map(|end| format!("--vdev={}", bench.memif(end, "server")));
        let memory: &[&str] = if bench.hugepages {
            &["--in-memory"]
        } else {
            &["--no-huge", "--no-shconf", "-m", "256"]
        };
        let mut command = vec!["dpdk-testpmd", "--no-pci", "--no-telemetry", &lcores];
        command.extend(memory);
        command.extend(vdevs.iter().map(String::as_str));
        // It ends when its standard input does, and with a pipe it waits there.
        command.extend([
            "--",
            "--forward-mode=macswap",
            "--auto-start",
            "--nb-cores=1",
            MBUFS,
        ]);
        let mut process = Process::start_here_piped(bench.folder(), "testpmd", &command)?;
        process.wait_line("Checking link statuses", PATIENCE)?;
        Ok(Self { _process: process })
    }
}
