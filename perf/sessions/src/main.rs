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

use perf_harness::Options;
use perf_sessions::Versions;

use crate::report::Row;

/// Protocol versions that are measured.
const VERSIONS: [&str; 2] = ["1.3", "1.2"];
/// Numbers of sessions that are measured.
const SESSIONS: [usize; 2] = [1_000, report::CLAIMED];

fn main() -> ExitCode {
    match Options::from_args().and_then(|options| start(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("perf-sessions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does what the command line says; tells whether all went well.
fn start(options: &Options) -> Result<bool, String> {
    let number = |text: &str| text.parse().map_err(|_| format!("{text}: not a number"));
    let words: Vec<&str> = options.rest.iter().map(String::as_str).collect();
    match words[..] {
        [] => all(options),
        ["--measure", version, sessions] => measure(version, number(sessions)?),
        ["--sessions", n] => Ok(one("1.3", number(n)?)),
        ["--sessions", n, "--tls12"] | ["--tls12", "--sessions", n] => Ok(one("1.2", number(n)?)),
        ["--tls12"] => Ok(one("1.2", report::CLAIMED)),
        _ => Err("usage: perf-sessions [--sessions N] [--tls12] [--runs N] [--short]".to_owned()),
    }
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
        .args(["--measure", version, &sessions.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("own process");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        let said = String::from_utf8_lossy(&output.stdout);
        Row::failed(sessions, format!("{}: {said}", output.status))
    })
}

/// Makes one measurement here; prints its row as JSON.
fn measure(version: &str, sessions: usize) -> Result<bool, String> {
    let versions = match version {
        "1.2" => Versions::Tls12,
        _ => Versions::Tls13,
    };
    let row = match run::run(sessions, versions) {
        Ok(measured) => measured.into_row(),
        Err(error) => Row::failed(sessions, error),
    };
    println!("{}", serde_json::to_string(&row).expect("plain values"));
    Ok(row.faults.is_empty())
}
