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

use perf_harness::{MEASURE, Options, Tool};

use crate::part::Part;

const TOOL: Tool<'_> = Tool {
    name: "perf-control",
    about: "What operating the proxy costs, and how little of it the calls notice.",
    noun: "part",
    questions: &Part::NAMED,
    options: &[MEASURE],
};

fn main() -> ExitCode {
    TOOL.main(start)
}

/// Does what the command line says.
fn start(options: &Options) -> Result<(), String> {
    if let Some(name) = &options.measure {
        let part = Part::ALL.into_iter().find(|part| name == &[part.name()]);
        return part.ok_or("no such part")?.measure(options);
    }
    let mut question = report::question();
    for part in Part::ALL {
        if !options.asks(part.name()) {
            continue;
        }
        for sample in part.in_own_process(options)? {
            question.record(&sample.row, sample.unit, sample.value);
        }
        report::claim(&mut question, part, options);
    }
    let answer = question.answer().map_err(|e| e.to_string())?;
    answer.publish(&options.results).map_err(|e| e.to_string())
}
