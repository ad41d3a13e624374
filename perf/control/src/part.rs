//! The parts of the benchmark, each measured in a process of its own.

use std::process::{Command, Stdio};

use perf_harness::{MEASURE, Options, Unit};
use serde::{Deserialize, Serialize};

use crate::{check, limits, publish, watch};

/// A part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A limit that changes.
    Limits,
    /// `ucproxy check`.
    Check,
    /// A large policy that is put in force.
    Publish,
    /// `ucproxy show`, and control at rest.
    Watch,
}

/// One run of one row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// The row.
    pub(crate) row: String,
    /// What its figures count.
    pub(crate) unit: Unit,
    /// The figure.
    pub(crate) value: f64,
}

impl Sample {
    /// A run of `row`.
    pub(crate) fn new(row: &str, unit: Unit, value: f64) -> Self {
        Self {
            row: row.to_owned(),
            unit,
            value,
        }
    }
}

impl Part {
    /// All of them, in the order in which they are measured.
    pub(crate) const ALL: [Self; 4] = [Self::Limits, Self::Check, Self::Publish, Self::Watch];

    /// Their names, and what each measures.
    pub(crate) const NAMED: [(&'static str, &'static str); 4] = [
        Self::Limits.named(),
        Self::Check.named(),
        Self::Publish.named(),
        Self::Watch.named(),
    ];

    const fn named(self) -> (&'static str, &'static str) {
        match self {
            Self::Limits => ("limits", "how soon a limit is in force"),
            Self::Check => ("check", "`ucproxy check` of a large policy"),
            Self::Publish => (
                "publish",
                "how soon a large policy is in force, beside media",
            ),
            Self::Watch => (
                "watch",
                "`ucproxy show` over many sessions, and control at rest",
            ),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        self.named().0
    }

    /// Measures it here, and prints its samples as JSON.
    pub(crate) fn measure(self, options: &Options) -> Result<(), String> {
        let samples = match self {
            Self::Limits => limits::measure(options.runs),
            Self::Check => check::measure(options.runs),
            Self::Publish => publish::measure(options.runs),
            Self::Watch => watch::measure(options.runs, options.short),
        }?;
        println!(
            "{}",
            serde_json::to_string(&samples).map_err(|e| e.to_string())?
        );
        Ok(())
    }

    /// Measures it in a process of its own.
    pub(crate) fn in_own_process(self, options: &Options) -> Result<Vec<Sample>, String> {
        let program = std::env::current_exe().map_err(|e| format!("own path: {e}"))?;
        let mut command = Command::new(program);
        command.args([
            MEASURE.name,
            self.name(),
            "--runs",
            &options.runs.to_string(),
        ]);
        command.args(options.short.then_some("--short"));
        let output = command.stderr(Stdio::inherit()).output();
        let output = output.map_err(|e| format!("own process: {e}"))?;
        serde_json::from_slice(&output.stdout)
            .map_err(|_| format!("{} was not measured: {}", self.name(), output.status))
    }
}
