//! Writes `perf/results/README.md` from the JSON files beside it; with `--check` only says whether
//! it is up to date.
#![expect(clippy::print_stdout, reason = "prints its usage")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use perf_harness::Page;

const USAGE: &str = "usage: results [--check] [--results DIR]";

/// Whether to check alone, and where the files are.
type Asked = (bool, PathBuf);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let Some(asked) = parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("results: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Option<Asked> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let by_default = here.with_file_name("results");
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Some(match words[..] {
        [] => (false, by_default),
        ["--check"] => (true, by_default),
        ["--results", folder] => (false, folder.into()),
        ["--check", "--results", folder] | ["--results", folder, "--check"] => {
            (true, folder.into())
        }
        _ => return None,
    })
}

fn run((check, folder): &Asked) -> Result<(), String> {
    let decisions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/decisions");
    let page = Page::of(folder, &decisions).map_err(|error| error.to_string())?;
    match check {
        false => page.write().map_err(|error| error.to_string()),
        true if page.is_written() => Ok(()),
        true => Err("README.md is not what the JSON files say: run `results`".to_owned()),
    }
}
