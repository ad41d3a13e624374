//! What every benchmark's command line takes.

use std::path::{Path, PathBuf};

use crate::RUNS_MIN;

/// What every benchmark's command line takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `--runs N`: times that each row is measured, at least [`RUNS_MIN`].
    pub runs: usize,
    /// `--short`: whether to leave out what takes long.
    pub short: bool,
    /// `--results DIR`: where files are written; `perf/results` if not given.
    pub results: PathBuf,
    /// Arguments that the benchmark itself takes.
    pub rest: Vec<String>,
}

impl Options {
    /// Reads this program's arguments.
    ///
    /// # Errors
    /// What is wrong with them, for the operator.
    pub fn from_args() -> Result<Self, String> {
        Self::parse(std::env::args().skip(1))
    }

    /// Reads `arguments`.
    ///
    /// # Errors
    /// As [`Options::from_args`].
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            runs: RUNS_MIN,
            short: false,
            results: Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("results"),
            rest: Vec::new(),
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{argument} wants a value"))
            };
            match argument.as_str() {
                "--runs" => {
                    let runs = value()?.parse().ok().filter(|&runs| runs >= RUNS_MIN);
                    options.runs =
                        runs.ok_or_else(|| format!("--runs wants {RUNS_MIN} or more"))?;
                }
                "--short" => options.short = true,
                "--results" => options.results = PathBuf::from(value()?),
                _ => options.rest.push(argument),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn shared_arguments_are_taken_out_of_the_line() {
        let options = parse("srtp --runs 7 --short --results /tmp/r --size 200").unwrap();
        assert_eq!((options.runs, options.short), (7, true));
        assert_eq!(options.results, Path::new("/tmp/r"));
        assert_eq!(options.rest, ["srtp", "--size", "200"]);
    }

    #[test]
    fn fewer_than_five_runs_are_refused() {
        assert!(parse("--runs 4").is_err());
        assert!(parse("--runs").is_err());
    }
}
