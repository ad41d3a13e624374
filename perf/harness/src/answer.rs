//! A question that has been answered.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plot::{self, PlotError};
use crate::{Machine, Stats, Unit, table};

/// The answer to a question, as its JSON file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Name of its files.
    pub name: String,
    /// The question.
    pub title: String,
    /// How the answer was found.
    pub method: String,
    /// The command that asked.
    pub command: String,
    /// What the places of the rows count, if they have places.
    pub axis: Option<String>,
    /// What it was measured on.
    pub machine: Machine,
    /// Settings and versions that the figures depend on.
    pub facts: BTreeMap<String, String>,
    /// The figures.
    pub rows: Vec<Row>,
    /// What is claimed of them.
    pub claims: Vec<Claim>,
    /// What a reader should know of these runs.
    pub notes: Vec<String>,
}

/// One measured thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Names it within the answer.
    pub label: String,
    /// What was measured.
    pub series: String,
    /// Its place on the axis.
    pub at: Option<f64>,
    /// What its figures count.
    pub unit: Unit,
    /// Median, minimum and maximum of the runs.
    #[serde(flatten)]
    pub stats: Stats,
    /// Every run.
    pub runs: Vec<f64>,
}

/// What is claimed of a row, alone or beside another of the same runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The claim in words.
    pub what: String,
    /// Label of the row.
    pub of: String,
    /// Label of the row that it is divided by, if any.
    pub to: Option<String>,
    /// The figure, or the ratio of the medians.
    pub value: f64,
    /// What it should be.
    pub target: Target,
    /// Whether it is.
    pub holds: bool,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
    /// So much in every run: what is counted, and not measured.
    Exactly(f64),
    /// Said for what it is.
    Informative,
}

impl Target {
    /// The figure of a row that is judged: its median, or the farthest off where each run counts.
    pub(crate) fn judged(self, stats: &Stats) -> f64 {
        let Self::Exactly(wanted) = self else {
            return stats.median;
        };
        let off = |value: f64| (value - wanted).abs();
        if off(stats.min) > off(stats.max) {
            stats.min
        } else {
            stats.max
        }
    }

    pub(crate) fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::Exactly(wanted) => (value - wanted).abs() < f64::EPSILON,
            Self::Informative => true,
        }
    }
}

/// An answer that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The JSON.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The plot.
    #[error(transparent)]
    Plot(#[from] PlotError),
}

impl Answer {
    /// Prints the table and writes `NAME.json` and `NAME.svg` into `results`.
    ///
    /// # Errors
    /// When one of the three cannot be written.
    pub fn publish(&self, results: &Path) -> Result<(), PublishError> {
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        let svg = plot::svg(self)?;
        for (kind, text) in [("json", json), ("svg", svg)] {
            let path = results.join(format!("{}.{kind}", self.name));
            let written = fs::create_dir_all(results).and_then(|()| fs::write(&path, text));
            written.map_err(|source| PublishError::File { path, source })?;
        }
        let shown = writeln!(io::stdout(), "{}", table::text(self));
        shown.map_err(|source| PublishError::File {
            path: PathBuf::from("standard output"),
            source,
        })
    }

    /// Reads an answer that was published.
    ///
    /// # Errors
    /// When the file cannot be read or is no answer.
    pub fn read(path: &Path) -> Result<Self, PublishError> {
        let text = fs::read_to_string(path).map_err(|source| PublishError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Units of the rows, in order of appearance.
    pub(crate) fn units(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        for row in &self.rows {
            if !units.contains(&row.unit) {
                units.push(row.unit);
            }
        }
        units
    }
}
