//! What a TCP packet costs by the number of sessions, along a worker's whole way and in a leg
//! alone, what a leg costs in memory, and what a flow lookup costs by the size of the table.
//!
//! `cargo run --release -p perf-tcp [path | legs | lookup]` prints a table of each; `path` writes
//! its answer as well. `--short` asks that alone, and leaves out what lies between 100 and 10,000
//! sessions.
#![expect(
    clippy::expect_used,
    reason = "a benchmark has nothing better to do with an error than to stop"
)]

mod clock;
mod legs;
mod lookup;
mod path;
mod wire;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use perf_harness::{Options, Tool};

/// As in the data plane.
#[global_allocator]
static HEAP: shm::Heap = shm::Heap;

const TOOL: Tool<'_> = Tool {
    name: "perf-tcp",
    about: "What a TCP packet costs by the number of sessions.",
    noun: "question",
    questions: &[
        (
            "path",
            "a packet's whole way through a worker; the only one with --short",
        ),
        (
            "legs",
            "packets in a leg alone, and a leg's memory; printed, not written",
        ),
        ("lookup", "finding a leg's flow; printed, not written"),
    ],
    options: &[],
};

fn main() -> ExitCode {
    TOOL.main(run)
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let wanted = |name: &str| options.asks(name) && !(options.short && options.asked.is_empty());
    if options.asks("path") {
        path::ask(options).answer()?.publish(&options.results)?;
    }
    let mut out = io::stdout().lock();
    if wanted("legs") {
        legs::run(&mut out)?;
        writeln!(out)?;
    }
    if wanted("lookup") {
        lookup::run(&mut out)?;
    }
    Ok(())
}
