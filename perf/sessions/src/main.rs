//! What an established TLS session costs the data plane, in a real process: memory, set-up rate,
//! and whether every licence unit comes back.
//!
//! `cargo run --release -p perf-sessions` measures 1,000 and 10,000 sessions with TLS 1.3 and 1.2,
//! five times each, with `--short` only 1,000 with TLS 1.3; `--sessions N` makes one measurement
//! instead, with `--tls12` of TLS 1.2.
//! Each measurement runs in processes of its own, because what one frees the next would reuse.
//! Fails when a session is lost, a licence unit leaks or memory is over its budget.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints, and has nothing better to do with an error than to stop"
)]

mod report;
mod run;

use std::process::{Command, ExitCode, Stdio};

use perf_harness::{MEASURE, Opt, Options, Tool, Value};
use perf_sessions::Versions;

use crate::report::Row;

/// Protocol versions that are measured.
const VERSIONS: [&str; 2] = ["1.3", "1.2"];
/// Numbers of sessions that are measured.
const SESSIONS: [usize; 2] = [1_000, report::CLAIMED];

/// Sessions of one measurement at most.
const SESSIONS_MAX: usize = 100_000;

const TOOL: Tool<'_> = Tool {
    name: "perf-sessions",
    about: "What an established TLS session costs the data plane.",
    noun: "question",
    questions: &[],
    options: &[
        Opt {
            name: "--sessions",
            value: Value::Number(1, SESSIONS_MAX),
            about: "make one measurement of so many, and write nothing",
        },
        Opt {
            name: "--tls12",
            value: Value::Nothing,
            about: "make one measurement of TLS 1.2, and write nothing",
        },
        MEASURE,
    ],
};

fn main() -> ExitCode {
    TOOL.main(start)
}

/// Does what the command line says.
fn start(options: &Options) -> Result<(), String> {
    if let Some(what) = &options.measure {
        return measure(what);
    }
    let good = match (options.number("--sessions"), options.has("--tls12")) {
        (None, false) => all(options)?,
        (Some(sessions), false) => one("1.3", sessions),
        (sessions, true) => one("1.2", sessions.unwrap_or(report::CLAIMED)),
    };
    let bad = "a session is lost, a licence unit leaks, or memory is over its budget";
    good.then_some(()).ok_or_else(|| bad.to_owned())
}

/// Makes one measurement and prints it.
fn one(version: &str, sessions: usize) -> bool {
    Row::print_head();
    let row = in_own_process(version, sessions);
    row.print(version);
    for (reason, count) in &row.refusals {
        println!("the proxy counted {reason} {count}");
    }
    row.faults.is_empty() && !report::is_over_budget(&row)
}

/// Makes all measurements, prints the table and writes the files.
fn all(options: &Options) -> Result<bool, String> {
    let (versions, counts) = if options.short {
        (&VERSIONS[..1], &SESSIONS[..1])
    } else {
        (&VERSIONS[..], &SESSIONS[..])
    };
    let mut question = report::question();
    let mut good = true;
    Row::print_head();
    for _ in 0..options.runs {
        for version in versions {
            for &sessions in counts {
                let row = in_own_process(version, sessions);
                row.print(version);
                good &= row.faults.is_empty() && !report::is_over_budget(&row);
                report::record(&mut question, version, &row);
            }
        }
    }
    if !good {
        return Ok(false);
    }
    for version in versions {
        for &sessions in counts {
            report::claim(&mut question, version, sessions);
        }
    }
    let answer = question.answer().map_err(|e| e.to_string())?;
    answer
        .publish(&options.results)
        .map_err(|e| e.to_string())?;
    Ok(true)
}

/// Makes one measurement in a process of its own.
fn in_own_process(version: &str, sessions: usize) -> Row {
    let program = std::env::current_exe().expect("own path");
    let output = Command::new(program)
        .args([MEASURE.name, version, &sessions.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("own process");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        let said = String::from_utf8_lossy(&output.stdout);
        Row::failed(sessions, format!("{}: {said}", output.status))
    })
}

/// Makes the measurement here that `asked` names by version and number; prints its row as JSON.
fn measure(asked: &[String]) -> Result<(), String> {
    let [version, sessions] = asked else {
        return Err("a version and a number of sessions are measured".to_owned());
    };
    let versions = match version.as_str() {
        "1.2" => Versions::Tls12,
        _ => Versions::Tls13,
    };
    let sessions = sessions.parse();
    let sessions = sessions.map_err(|_| "no number of sessions".to_owned())?;
    let row = match run::run(sessions, versions) {
        Ok(measured) => measured.into_row(),
        Err(error) => Row::failed(sessions, error),
    };
    println!("{}", serde_json::to_string(&row).expect("plain values"));
    Ok(())
}
