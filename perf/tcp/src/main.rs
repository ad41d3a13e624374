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

use perf_harness::Options;

/// As in the data plane.
#[global_allocator]
static HEAP: shm::Heap = shm::Heap;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::from_args()?;
    let what = options.rest.first().map(String::as_str);
    let what = what.or_else(|| options.short.then_some("path"));
    let wanted = |name| what.is_none_or(|what| what == name);
    if wanted("path") {
        path::ask(&options).answer()?.publish(&options.results)?;
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
