//! What a TCP packet costs by the number of legs, what a leg costs in memory, and what a flow
//! lookup costs by the size of the table.
//!
//! `cargo run --release -p perf-tcp [legs | lookup]` prints a table of each.

mod clock;
mod legs;
mod lookup;
mod wire;

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let what = std::env::args().nth(1);
    if what.as_deref() != Some("lookup") {
        legs::run(&mut out)?;
        writeln!(out)?;
    }
    if what.as_deref() != Some("legs") {
        lookup::run(&mut out)?;
    }
    Ok(())
}
