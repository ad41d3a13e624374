//! The media path between two real processes: the generator on one core, what is measured on the
//! other, and memif or, for a peer that uses the kernel, veth between them.
//!
//! `cargo run --release -p perf-memif [QUESTION…]` answers the questions named, or all. Peers are
//! started from Debian's packages in namespaces of their own and end with this program; one that
//! is not installed is an error.

mod bench;
mod bencode;
mod error;
mod ng;
mod proxy;
mod questions;
mod rtpengine;
mod testpmd;

use std::process::ExitCode;

use perf_harness::{Options, Question};

use bench::Bench;
use error::{BenchError, Result};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("perf-memif: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let options = Options::from_args().map_err(BenchError::Usage)?;
    e2e::netns::sweep();
    let asked = options.rest.clone();
    let bench = Bench::new(options)?;
    for name in &asked {
        if !questions::ALL.iter().any(|(known, _)| known == name) {
            let known: Vec<&str> = questions::ALL.iter().map(|&(name, _)| name).collect();
            let usage = format!("{name} is none of: {}", known.join(", "));
            return Err(BenchError::Usage(usage));
        }
    }
    let mut unanswered = Vec::new();
    for (name, ask) in questions::ALL {
        let in_set = !bench.options.short || questions::SHORT.contains(name);
        let by_default = asked.is_empty() && in_set;
        if (by_default || asked.iter().any(|asked| asked == name))
            && let Err(error) = answer(&bench, *ask)
        {
            eprintln!("perf-memif: {name}: {error}");
            unanswered.push(*name);
        }
    }
    if unanswered.is_empty() {
        Ok(())
    } else {
        Err(BenchError::Unanswered(unanswered.join(", ")))
    }
}

fn answer(bench: &Bench, ask: fn(&Bench) -> Result<Question>) -> Result<()> {
    let answer = ask(bench)?.answer()?;
    Ok(answer.publish(&bench.options.results)?)
}
