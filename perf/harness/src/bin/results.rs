//! Writes `perf/results/README.md` from the JSON files beside it; with `--check` only says whether
//! it is up to date.

use std::path::Path;
use std::process::ExitCode;

use perf_harness::{Options, Page};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("results: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let options = Options::from_args()?;
    let decisions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/decisions");
    let page = Page::of(&options.results, &decisions).map_err(|error| error.to_string())?;
    match options.rest.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => page.write().map_err(|error| error.to_string()),
        ["--check"] if page.is_written() => Ok(()),
        ["--check"] => Err("README.md is not what the JSON files say: run `results`".to_owned()),
        _ => Err("usage: results [--check] [--results DIR]".to_owned()),
    }
}
