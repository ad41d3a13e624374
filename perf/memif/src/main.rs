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

use perf_harness::{Options, Question, Tool};

use bench::Bench;
use error::{BenchError, Result};

fn main() -> ExitCode {
    let named = questions::ALL.map(|(name, about, _)| (name, about));
    let tool = Tool {
        name: "perf-memif",
        about: "The media path between two real processes, beside rtpengine and testpmd.",
        noun: "question",
        questions: &named,
        options: &[],
    };
    tool.main(run)
}

fn run(options: &Options) -> Result<()> {
    e2e::netns::sweep();
    let bench = Bench::new(options.clone())?;
    let mut unanswered = Vec::new();
    for (name, _, ask) in questions::ALL {
        let by_default = options.asked.is_empty();
        let left_out = by_default && options.short && !questions::SHORT.contains(&name);
        if options.asks(name)
            && !left_out
            && let Err(error) = answer(&bench, ask)
        {
            eprintln!("perf-memif: {name}: {error}");
            unanswered.push(name);
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
