//! What every benchmark shares: a question is asked several times, and its answer says what was
//! measured, on what, how far the runs lay apart and how it compares with a peer or a limit.
//!
//! A benchmark records one value a run and row in a [`Question`]; rows that are compared are
//! measured in turn within each run, so that a busy machine is busy for both. [`Answer::publish`]
//! prints the table and writes the JSON and the plot; the `results` program makes the page of
//! them all. No figure in any document is typed by hand.
//!
//! Deliberately absent: clocks and processes. What is measured is the benchmark's business.

mod answer;
mod machine;
mod options;
mod page;
mod plot;
mod question;
mod stats;
mod table;
mod unit;

pub use answer::{Answer, Claim, PublishError, Row, Target};
pub use machine::Machine;
pub use options::{MEASURE, Misuse, Opt, Options, Tool, Value};
pub use page::{Page, PageError};
pub use plot::PlotError;
pub use question::{Question, RunsMissing};
pub use stats::Stats;
pub use unit::Unit;

/// Times that each question is asked at least.
pub const RUNS_MIN: usize = 5;
