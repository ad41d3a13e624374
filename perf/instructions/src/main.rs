//! Instructions that a media packet takes, stage by stage, as callgrind counts them.
//!
//! `cargo run --release -p perf-instructions` prints them beside the committed baseline;
//! `--check` fails if a case or one of its stages takes over five percent more, `--write` makes
//! what is counted the baseline. Counts do not depend on how busy the machine is. valgrind knows
//! no AVX-512, so the ciphers run on AVX2 here: what they cost belongs to the benchmarks, what
//! is around them belongs here.
#![expect(clippy::print_stdout, reason = "prints its table")]

mod baseline;
mod callgrind;
mod case;
mod path;
mod stage;

use std::process::ExitCode;

use baseline::Counts;
use case::CASES;

/// Why nothing was counted.
#[derive(Debug, thiserror::Error)]
enum CountError {
    #[error("valgrind is not installed: apt-get install valgrind")]
    NoValgrind,
    #[error("{0}: {1}")]
    Io(&'static str, std::io::Error),
    #[error("callgrind: {0}")]
    Callgrind(String),
    #[error("baseline: {0}")]
    Baseline(#[from] serde_json::Error),
    #[error("{0}")]
    Case(&'static str),
}

const USAGE: &str = "\
Instructions that a media packet takes, by stage, beside the committed baseline.

usage: perf-instructions [--check | --write]

  --check  fail if a case or one of its stages takes over five percent more
  --write  make what is counted the baseline
  --help   say this";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["measured", case] => path::run(case),
        [] => report().map(|_| ()),
        ["--write"] => counted().and_then(|counts| baseline::write(&counts)),
        ["--check"] => return check(),
        [..] if arguments.contains(&"--help") => {
            println!("{USAGE}");
            Ok(())
        }
        [..] => {
            let given = arguments.join(" ");
            eprintln!("perf-instructions: expected --check, --write or --help, not {given}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &CountError) -> ExitCode {
    eprintln!("perf-instructions: {error}");
    ExitCode::FAILURE
}

fn counted() -> Result<Counts, CountError> {
    let mut counts = Counts::new();
    for case in CASES {
        counts.insert(case.name.to_owned(), callgrind::count(case)?);
    }
    Ok(counts)
}

/// Prints what is counted beside the baseline; returns what rose too far.
fn report() -> Result<Vec<String>, CountError> {
    let (counts, baseline) = (counted()?, baseline::read()?);
    print!("{}", baseline::table(&counts, &baseline));
    Ok(baseline::risen(&counts, &baseline))
}

fn check() -> ExitCode {
    match report() {
        Ok(risen) if risen.is_empty() => ExitCode::SUCCESS,
        Ok(risen) => {
            eprintln!("instructions rose by more than 5 percent:");
            risen.iter().for_each(|line| eprintln!("  {line}"));
            eprintln!("if that is worth it: cargo run --release -p perf-instructions -- --write");
            ExitCode::FAILURE
        }
        Err(error) => fail(&error),
    }
}
