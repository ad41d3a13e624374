//! Real sessions up to the limit of every appliance model, and one more.
//!
//! `cargo run --release -p perf-model-limits [MODEL…]` takes the models named, or all sixteen and
//! one under export class K8 (`"ASA5520 K8"`), one after the other, each in a process of its own.
//! All of them set up 400,000 sessions in five runs; `--short` takes the smallest model and the
//! 1,000 sessions of K8, whose answer is `model-limits-some`.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

mod climb;
mod plan;
mod report;

use std::process::{Command, ExitCode, Stdio};

use perf_harness::{MEASURE, Options, Tool};

use crate::climb::Climb;
use crate::plan::Plan;

fn main() -> ExitCode {
    let names = Plan::names();
    let named: Vec<(&str, &str)> = names
        .iter()
        .map(|(name, about)| (name.as_str(), *about))
        .collect();
    let tool = Tool {
        name: "perf-model-limits",
        about: "Real sessions up to the limit of every appliance model and of \"ASA5520 K8\", and one \
                more.",
        noun: "model",
        questions: &named,
        options: &[MEASURE],
    };
    tool.main(start)
}

/// Does what the command line says.
fn start(options: &Options) -> Result<(), String> {
    if let Some(name) = &options.measure {
        let climbs = climb::climb(&Plan::by_name(&name.concat())?, options.runs)?;
        println!(
            "{}",
            serde_json::to_string(&climbs).map_err(|e| e.to_string())?
        );
        return Ok(());
    }
    let asked = &options.asked;
    let plans = if asked.is_empty() {
        Plan::all(options.short)?
    } else {
        let named = asked.iter().map(|name| Plan::by_name(name));
        named.collect::<Result<_, _>>()?
    };
    let mut question = report::question(!options.short && asked.is_empty());
    for plan in &plans {
        report::record(&mut question, plan, &in_own_process(plan, options)?);
        report::claim(&mut question, plan);
    }
    let answer = question.answer().map_err(|e| e.to_string())?;
    answer.publish(&options.results).map_err(|e| e.to_string())
}

/// Climbs in a process of its own.
fn in_own_process(plan: &Plan, options: &Options) -> Result<Vec<Climb>, String> {
    let program = std::env::current_exe().map_err(|e| format!("own path: {e}"))?;
    let runs = options.runs.to_string();
    let output = Command::new(program)
        .args([MEASURE.name, &plan.name(), "--runs", &runs])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("own process: {e}"))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("{} was not measured: {}", plan.name(), output.status))
}
