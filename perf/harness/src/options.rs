//! What every benchmark's command line takes, and what a benchmark adds to it.

use core::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::RUNS_MIN;

/// Exit code of a command line that is not understood.
const MISUSED: u8 = 2;

/// A benchmark: what it asks, and what its command line takes.
#[derive(Clone, Copy, Debug)]
pub struct Tool<'t> {
    /// Its program.
    pub name: &'t str,
    /// What it is for, in a sentence.
    pub about: &'t str,
    /// What its questions are called.
    pub noun: &'t str,
    /// Its questions, which a command line may name; those of a benchmark with one have no names.
    pub questions: &'t [(&'t str, &'t str)],
    /// Options of its own, [`MEASURE`] among them if it calls itself.
    pub options: &'t [Opt<'t>],
}

/// An option of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt<'t> {
    /// With its dashes.
    pub name: &'t str,
    /// What follows it.
    pub value: Value<'t>,
    /// What it does.
    pub about: &'t str,
}

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'t> {
    /// Nothing.
    Nothing,
    /// A word that stands for what is called so.
    Word(&'t str),
    /// A number, N, at least the first and at most the second.
    Number(usize, usize),
}

/// The first word with which a benchmark calls itself, for what is measured in a process of its
/// own. No operator does, and no usage tells of it.
pub const MEASURE: Opt<'static> = Opt {
    name: "--measure",
    value: Value::Nothing,
    about: "",
};

const HELP: Opt<'static> = Opt {
    name: "--help",
    value: Value::Nothing,
    about: "say this",
};

/// Options of every benchmark.
const COMMON: [Opt<'static>; 4] = [
    Opt {
        name: "--short",
        value: Value::Nothing,
        about: "leave out what takes long",
    },
    Opt {
        name: "--runs",
        value: Value::Number(RUNS_MIN, usize::MAX),
        about: "times that each row is measured, 5 or more",
    },
    Opt {
        name: "--results",
        value: Value::Word("DIR"),
        about: "where answers are written, perf/results if not given",
    },
    HELP,
];

/// What a benchmark's command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `--runs N`: times that each row is measured, at least [`RUNS_MIN`].
    pub runs: usize,
    /// `--short`: whether to leave out what takes long.
    pub short: bool,
    /// `--results DIR`: where files are written; `perf/results` if not given.
    pub results: PathBuf,
    /// The questions named.
    pub asked: Vec<String>,
    /// What follows [`MEASURE`], if that is given.
    pub measure: Option<Vec<String>>,
    /// The benchmark's own options that are given, with their values.
    own: Vec<(String, String)>,
}

/// What is wrong with a command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// No such option.
    #[error("{given} is not known here, which takes: {known}")]
    Option {
        /// What was given.
        given: String,
        /// What there is.
        known: String,
    },
    /// No such question.
    #[error("{given:?} is no {noun} here; expected: {known}")]
    Question {
        /// What was given.
        given: String,
        /// What questions are called.
        noun: String,
        /// What there is.
        known: String,
    },
    /// An option without its value.
    #[error("{0} wants a value")]
    Value(String),
    /// An option for the second time.
    #[error("{0} is given twice")]
    Twice(String),
    /// A number that is none, or none that is possible.
    #[error("{option} wants {wanted}, not {given:?}")]
    Number {
        /// Which option.
        option: String,
        /// Which numbers it takes.
        wanted: String,
        /// What was given.
        given: String,
    },
}

impl Options {
    /// Whether the question of that name is to be answered: it is named, or none is.
    #[must_use]
    pub fn asks(&self, question: &str) -> bool {
        self.asked.is_empty() || self.asked.iter().any(|asked| asked == question)
    }

    /// Whether the benchmark's own option of that name is given.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.own.iter().any(|(name, _)| name == option)
    }

    /// The number that the benchmark's own option of that name is given with, if it is.
    #[must_use]
    pub fn number(&self, option: &str) -> Option<usize> {
        let mut own = self.own.iter();
        own.find(|(name, _)| name == option)?.1.parse().ok()
    }

    /// Takes an option, which is known, and what follows it in `left`.
    fn take<'a>(
        &mut self,
        option: Opt<'_>,
        mut left: impl Iterator<Item = &'a String>,
    ) -> Result<(), Misuse> {
        let name = option.name;
        let mut value = || {
            // An option is no value: that of the one before is missing.
            let value = left.next().filter(|value| !value.starts_with("--"));
            value.ok_or_else(|| Misuse::Value(name.to_owned()))
        };
        let value = match option.value {
            Value::Nothing => "",
            Value::Word(_) => value()?,
            Value::Number(least, most) => {
                let value = value()?;
                number(name, value, least, most)?;
                value
            }
        };
        match name {
            "--runs" => self.runs = number(name, value, RUNS_MIN, usize::MAX)?,
            "--short" => self.short = true,
            "--results" => self.results = PathBuf::from(value),
            name => self.own.push((name.to_owned(), value.to_owned())),
        }
        Ok(())
    }
}

/// The number that `option` is given with.
fn number(option: &str, given: &str, least: usize, most: usize) -> Result<usize, Misuse> {
    let number = given.parse().ok();
    let possible = number.filter(|number| (least..=most).contains(number));
    possible.ok_or_else(|| Misuse::Number {
        option: option.to_owned(),
        wanted: match most {
            usize::MAX => format!("a number of {least} or more"),
            _ => format!("a number from {least} to {most}"),
        },
        given: given.to_owned(),
    })
}

impl<'t> Tool<'t> {
    /// A benchmark with one question and no options of its own.
    #[must_use]
    pub const fn of_one_question(name: &'t str, about: &'t str) -> Self {
        Self {
            name,
            about,
            noun: "question",
            questions: &[],
            options: &[],
        }
    }
}

impl Tool<'_> {
    /// The program: does what the command line says with `run`, or says how to use it, or what
    /// is wrong with the command line, of which nothing is done then.
    pub fn main<E: Display>(&self, run: impl FnOnce(&Options) -> Result<(), E>) -> ExitCode {
        let options = match self.parse(std::env::args().skip(1)) {
            Ok(Some(options)) => options,
            Ok(None) => {
                // Whoever does not read to the end knows enough.
                let _ = io::stdout().write_all(self.usage().as_bytes());
                return ExitCode::SUCCESS;
            }
            Err(misuse) => return self.misused(&misuse),
        };
        match run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{}: {error}", self.name);
                ExitCode::FAILURE
            }
        }
    }

    fn misused(&self, misuse: &Misuse) -> ExitCode {
        eprintln!("{0}: {misuse}\n`{0} --help` says more", self.name);
        ExitCode::from(MISUSED)
    }

    /// Reads `arguments`; `None` if they ask how to use the program.
    ///
    /// # Errors
    /// [`Misuse`].
    pub fn parse(
        &self,
        arguments: impl IntoIterator<Item = String>,
    ) -> Result<Option<Options>, Misuse> {
        let arguments: Vec<String> = arguments.into_iter().collect();
        let is_measure = self.options.contains(&MEASURE)
            && arguments.first().is_some_and(|first| first == MEASURE.name);
        if !is_measure && arguments.iter().any(|argument| argument == HELP.name) {
            return Ok(None);
        }
        let mut options = Options {
            runs: RUNS_MIN,
            short: false,
            results: Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("results"),
            asked: Vec::new(),
            measure: is_measure.then(Vec::new),
            own: Vec::new(),
        };
        let mut given: Vec<&str> = Vec::new();
        let mut left = arguments.iter().skip(usize::from(is_measure));
        while let Some(word) = left.next() {
            let Some(option) = self.option(word) else {
                self.word(word, &mut options)?;
                continue;
            };
            if given.contains(&option.name) {
                return Err(Misuse::Twice(word.clone()));
            }
            given.push(option.name);
            options.take(option, &mut left)?;
        }
        Ok(Some(options))
    }

    /// Takes a word that is no option: a question, or one of those after [`MEASURE`].
    fn word(&self, word: &str, options: &mut Options) -> Result<(), Misuse> {
        if let Some(measure) = &mut options.measure {
            measure.push(word.to_owned());
        } else if word.starts_with('-') {
            return Err(Misuse::Option {
                given: word.to_owned(),
                known: list(self.known().map(|option| option.form())),
            });
        } else if let Some(name) = self.question(word) {
            options.asked.push(name.to_owned());
        } else {
            let questions = self.questions.iter().map(|(name, _)| (*name).to_owned());
            return Err(Misuse::Question {
                given: word.to_owned(),
                noun: self.noun.to_owned(),
                known: match self.questions {
                    [] => "options alone".to_owned(),
                    _ => list(questions),
                },
            });
        }
        Ok(())
    }

    fn question(&self, name: &str) -> Option<&str> {
        let mut names = self.questions.iter().map(|(name, _)| *name);
        names.find(|known| known.eq_ignore_ascii_case(name))
    }

    fn known(&self) -> impl Iterator<Item = Opt<'_>> {
        let own = self.options.iter().filter(|&&option| option != MEASURE);
        own.chain(&COMMON).copied()
    }

    fn option(&self, name: &str) -> Option<Opt<'_>> {
        self.known().find(|option| option.name == name)
    }

    /// How to use the program.
    #[must_use]
    pub fn usage(&self) -> String {
        let Self { name, about, .. } = self;
        let mut text = format!("{about}\n\nusage: {name}");
        let mut lines = String::new();
        if !self.questions.is_empty() {
            let _ = write!(text, " [{}…]", self.noun.to_uppercase());
            let _ = write!(lines, "\nEach {}, or all if none is named:\n", self.noun);
            let questions = self.questions.iter();
            lines.push_str(&table(
                questions.map(|&(name, says)| (name.to_owned(), says)),
            ));
        }
        for option in self.known() {
            let _ = write!(text, " [{}]", option.form());
        }
        lines.push_str("\nOptions:\n");
        lines.push_str(&table(
            self.known().map(|known| (known.form(), known.about)),
        ));
        format!("{text}\n{lines}")
    }
}

impl Opt<'_> {
    /// As it is written.
    fn form(&self) -> String {
        match self.value {
            Value::Nothing => self.name.to_owned(),
            Value::Word(word) => format!("{} {word}", self.name),
            Value::Number(..) => format!("{} N", self.name),
        }
    }
}

fn list(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// Words with what they mean behind them, one below the other.
fn table<'t>(rows: impl Iterator<Item = (String, &'t str)>) -> String {
    let rows: Vec<(String, &str)> = rows.collect();
    let width = rows.iter().map(|(word, _)| word.chars().count()).max();
    let width = width.unwrap_or(0);
    let line = |(word, says): &(String, &str)| {
        let line = format!("  {word:width$}  {says}");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: Tool<'_> = Tool {
        name: "perf-fruit",
        about: "What fruit costs.",
        noun: "question",
        questions: &[("apples", "what apples cost"), ("pears", "what pears do")],
        options: &[
            Opt {
                name: "--size",
                value: Value::Number(1, 500),
                about: "of so many grams",
            },
            Opt {
                name: "--ripe",
                value: Value::Nothing,
                about: "ripe ones",
            },
            MEASURE,
        ],
    };

    fn words(line: &str) -> impl Iterator<Item = String> {
        line.split_whitespace().map(str::to_owned)
    }

    fn parse(line: &str) -> Result<Options, Misuse> {
        TOOL.parse(words(line)).map(Option::unwrap)
    }

    #[test]
    fn questions_and_options_are_read_in_any_order() {
        let options = parse("pears --runs 7 --short --results /tmp/r --size 200 --ripe").unwrap();
        assert_eq!((options.runs, options.short), (7, true));
        assert_eq!(options.results, Path::new("/tmp/r"));
        assert!(options.asks("pears") && !options.asks("apples"));
        assert_eq!(options.number("--size"), Some(200));
        assert!(options.has("--ripe"));
        let none = parse("").unwrap();
        assert!(none.asks("pears") && none.asks("apples") && !none.has("--ripe"));
        assert_eq!(none.number("--size"), None);
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_expected() {
        for (line, wanted) in [
            (
                "--bogus",
                "--bogus is not known here, which takes: --size N, --ripe, --short, --runs N, \
                 --results DIR, --help",
            ),
            (
                "apples plums",
                "\"plums\" is no question here; expected: apples, pears",
            ),
            ("--runs 4", "--runs wants a number of 5 or more, not \"4\""),
            ("--runs x", "--runs wants a number of 5 or more, not \"x\""),
            ("--runs", "--runs wants a value"),
            ("--results --short", "--results wants a value"),
            ("--size 0", "--size wants a number from 1 to 500, not \"0\""),
            ("--short --short", "--short is given twice"),
            ("--size 1 --size 2", "--size is given twice"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), wanted);
        }
    }

    #[test]
    fn a_benchmark_of_one_question_takes_options_alone() {
        let tool = Tool {
            questions: &[],
            ..TOOL
        };
        let wanted = "\"apples\" is no question here; expected: options alone";
        let misuse = tool.parse(words("apples")).unwrap_err();
        assert_eq!(misuse.to_string(), wanted);
    }

    #[test]
    fn help_goes_before_mistakes_and_names_everything() {
        assert_eq!(TOOL.parse(words("--bogus --help")), Ok(None));
        let usage = TOOL.usage();
        for word in [
            "apples", "pears", "--size N", "--ripe", "--short", "--runs N",
        ] {
            assert!(usage.contains(word), "{word} in {usage}");
        }
    }

    #[test]
    fn what_is_measured_apart_is_not_looked_at() {
        let options = parse("--measure plums --runs 6 3").unwrap();
        assert_eq!(options.measure.unwrap(), ["plums", "3"]);
        assert_eq!(options.runs, 6);
        assert_eq!(parse("").unwrap().measure, None);
        let alone = Tool {
            options: &[],
            ..TOOL
        };
        assert!(alone.parse(words("--measure plums")).is_err());
        assert!(!TOOL.usage().contains("--measure"));
    }
}
