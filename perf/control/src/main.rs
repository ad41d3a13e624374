//! What operating the proxy costs, and how little of it the calls notice: limits, large policies,
//! `ucproxy check`, `ucproxy show`, and control at rest.
//!
//! `cargo run --release -p perf-control [PART…]` measures the parts named, or all: `limits`,
//! `check`, `publish`, `watch`. Each part runs in a process of its own, with a proxy of its own:
//! DPDK starts once a process. `watch` has 10,000 sessions, with `--short` 2,000.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

mod check;
mod limits;
mod observer;
mod part;
mod publish;
mod report;
mod rules;
mod watch;

use std::process::ExitCode;

use perf_harness::Options;

use crate::part::Part;

fn main() -> ExitCode {
    match Options::from_args().and_then(|options| start(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("perf-control: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does what the command line says.
fn start(options: &Options) -> Result<(), String> {
    let words: Vec<&str> = options.rest.iter().map(String::as_str).collect();
    if let ["--measure", name] = words[..] {
        return Part::by_name(name)?.measure(options);
    }
    let named: Result<Vec<Part>, String> = words.into_iter().map(Part::by_name).collect();
    let named = named?;
    let parts = if named.is_empty() {
        &Part::ALL
    } else {
        &named[..]
    };
    let mut question = report::question();
    for part in parts {
        for sample in part.in_own_process(options)? {
            question.record(&sample.row, sample.unit, sample.value);
        }
        report::claim(&mut question, *part, options);
    }
    let answer = question.answer().map_err(|e| e.to_string())?;
    answer.publish(&options.results).map_err(|e| e.to_string())
}
