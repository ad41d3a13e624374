//! What a TCP packet costs by the number of sessions, along a worker's whole way and in a leg
//! alone, what a leg costs in memory, and what a flow lookup costs by the size of the table.
//!
//! `cargo run --release -p perf-tcp [path | legs | lookup]` prints a table of each.
#![expect(
    clippy::expect_used,
    reason = "a benchmark has nothing better to do with an error than to stop"
)]

mod clock;
mod legs;
mod lookup;
mod path;
mod wire;

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let what = std::env::args().nth(1);
    let wanted = |name| what.as_deref().is_none_or(|what| what == name);
    if wanted("path") {
        path::run(&mut out)?;
        writeln!(out)?;
    }
    if wanted("legs") {
        legs::run(&mut out)?;
        writeln!(out)?;
    }
    if wanted("lookup") {
        lookup::run(&mut out)?;
    }
    Ok(())
}
