//! The parts of the benchmark, each measured in a process of its own.

use std::process::{Command, Stdio};

use perf_harness::{Options, Unit};
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

    const fn name(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::Check => "check",
            Self::Publish => "publish",
            Self::Watch => "watch",
        }
    }

    /// The part of that name.
    pub(crate) fn by_name(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|part| part.name() == name);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("{name} is none of: {known}")
        })
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
            "--measure",
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
