//! A question while it is being asked.

use std::collections::BTreeMap;

use crate::{Answer, Claim, Machine, RUNS_MIN, Row, Stats, Target, Unit};

/// A row was measured fewer than [`RUNS_MIN`] times, or is named and does not exist.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: row {row:?} was measured {runs} times, of at least {RUNS_MIN}")]
pub struct RunsMissing {
    /// The question's name.
    pub name: String,
    /// The row's label.
    pub row: String,
    /// How often it was measured.
    pub runs: usize,
}

/// A question, with what its runs have answered so far.
#[derive(Clone, Debug)]
pub struct Question {
    name: String,
    title: String,
    method: String,
    axis: Option<String>,
    rows: Vec<Pending>,
    claims: Vec<PendingClaim>,
    notes: Vec<String>,
    facts: BTreeMap<String, String>,
    machine: Machine,
}

#[derive(Clone, Debug)]
struct Pending {
    series: String,
    at: Option<f64>,
    unit: Unit,
    runs: Vec<f64>,
}

#[derive(Clone, Debug)]
struct PendingClaim {
    what: String,
    of: String,
    to: Option<String>,
    target: Target,
}

/// The label of a row: its series, and where on the axis it stands.
#[must_use]
pub(crate) fn label(series: &str, at: Option<f64>) -> String {
    match at {
        Some(at) => format!("{series}, {at}"),
        None => series.to_owned(),
    }
}

impl Question {
    /// A question: `name` is that of its files, `title` asks it in one sentence, and `method`
    /// says how the answer is found, all that a reader needs to believe it.
    #[must_use]
    pub fn new(name: &str, title: &str, method: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            method: method.to_owned(),
            axis: None,
            rows: Vec::new(),
            claims: Vec::new(),
            notes: Vec::new(),
            facts: BTreeMap::new(),
            machine: Machine::this(),
        }
    }

    /// Rows are recorded along an axis, e.g. "streams".
    #[must_use]
    pub fn along(mut self, axis: &str) -> Self {
        self.axis = Some(axis.to_owned());
        self
    }

    /// Adds a run of `row`.
    pub fn record(&mut self, row: &str, unit: Unit, value: f64) {
        self.add(row, None, unit, value);
    }

    /// Adds a run of the row of `series` that stands `at` a place of the axis; its label is
    /// `series, at`.
    pub fn record_at(&mut self, series: &str, at: f64, unit: Unit, value: f64) {
        self.add(series, Some(at), unit, value);
    }

    fn add(&mut self, series: &str, at: Option<f64>, unit: Unit, value: f64) {
        let known = self
            .rows
            .iter_mut()
            .find(|row| row.series == series && row.at == at);
        match known {
            Some(row) => row.runs.push(value),
            None => self.rows.push(Pending {
                series: series.to_owned(),
                at,
                unit,
                runs: vec![value],
            }),
        }
    }

    /// Claims something of the ratio of the medians of two rows, by their labels.
    pub fn claim_ratio(&mut self, what: &str, of: &str, to: &str, target: Target) {
        self.claims.push(PendingClaim {
            what: what.to_owned(),
            of: of.to_owned(),
            to: Some(to.to_owned()),
            target,
        });
    }

    /// Claims something of the median of a row, by its label; of each run, if that is exact.
    pub fn claim(&mut self, what: &str, of: &str, target: Target) {
        self.claims.push(PendingClaim {
            what: what.to_owned(),
            of: of.to_owned(),
            to: None,
            target,
        });
    }

    /// Something that a reader should know of this run.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// A setting or a version that the figures depend on.
    pub fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// The answer.
    ///
    /// # Errors
    /// [`RunsMissing`]: no figure rests on fewer runs.
    pub fn answer(self) -> Result<Answer, RunsMissing> {
        let name = self.name.clone();
        let missing = |row: &str, runs: usize| RunsMissing {
            name: name.clone(),
            row: row.to_owned(),
            runs,
        };
        let mut rows = Vec::with_capacity(self.rows.len());
        for row in self.rows {
            let label = label(&row.series, row.at);
            if row.runs.len() < RUNS_MIN {
                return Err(missing(&label, row.runs.len()));
            }
            let stats = Stats::of(&row.runs).ok_or_else(|| missing(&label, 0))?;
            rows.push(Row {
                label,
                series: row.series,
                at: row.at,
                unit: row.unit,
                stats,
                runs: row.runs,
            });
        }
        let stats = |label: &str| {
            let row = rows.iter().find(|row| row.label == label);
            row.map(|row| row.stats).ok_or_else(|| missing(label, 0))
        };
        let mut claims = Vec::with_capacity(self.claims.len());
        for claim in self.claims {
            let of = stats(&claim.of)?;
            let value = match &claim.to {
                Some(to) => of.median / stats(to)?.median,
                None => claim.target.judged(&of),
            };
            claims.push(Claim {
                holds: claim.target.holds(value),
                what: claim.what,
                of: claim.of,
                to: claim.to,
                value,
                target: claim.target,
            });
        }
        Ok(Answer {
            name: self.name,
            title: self.title,
            method: self.method,
            command: command(),
            axis: self.axis,
            machine: self.machine,
            facts: self.facts,
            rows,
            claims,
            notes: self.notes,
        })
    }
}

/// How this program was called: its file name and arguments.
fn command() -> String {
    let mut words = std::env::args();
    let program = words.next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let mut command = vec![program];
    command.extend(words);
    command.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(runs: usize) -> Question {
        let mut question = Question::new("q", "How fast?", "By asking.");
        for run in 0..runs {
            #[expect(clippy::cast_precision_loss, reason = "a few runs")]
            let run = run as f64;
            question.record("ours", Unit::PacketsPerSecond, 100.0 + run);
            question.record("peer", Unit::PacketsPerSecond, 4.0);
        }
        question
    }

    #[test]
    fn four_runs_are_no_answer() {
        assert_eq!(asked(4).answer().unwrap_err().runs, 4);
        assert!(asked(5).answer().is_ok());
    }

    #[test]
    fn claims_compare_medians() {
        let mut question = asked(5);
        question.claim_ratio("much faster", "ours", "peer", Target::AtLeast(25.0));
        question.claim("slow peer", "peer", Target::AtMost(3.0));
        let answer = question.answer().unwrap();
        let claims: Vec<_> = answer.claims.iter().map(|c| (c.value, c.holds)).collect();
        assert_eq!(claims, [(25.5, true), (4.0, false)]);
    }

    #[test]
    fn one_run_in_five_refutes_what_is_exact() {
        for (odd, holds) in [(1.0, true), (1.2, false), (0.9, false)] {
            let mut question = Question::new("q", "?", "");
            for counted in [1.0, 1.0, odd, 1.0, 1.0] {
                question.record("counted", Unit::Share, counted);
            }
            question.claim("all are counted", "counted", Target::Exactly(1.0));
            let answer = question.answer().unwrap();
            let claim = answer.claims.first().unwrap();
            assert_eq!((claim.value, claim.holds), (odd, holds));
        }
    }

    #[test]
    fn claims_about_rows_that_are_not_there_are_refused() {
        let mut question = asked(5);
        question.claim_ratio("?", "ours", "nobody", Target::AtLeast(1.0));
        assert_eq!(question.answer().unwrap_err().row, "nobody");
    }

    #[test]
    fn rows_on_an_axis_are_told_apart() {
        let mut question = Question::new("q", "?", "").along("streams");
        for _ in 0..RUNS_MIN {
            question.record_at("ours", 1.0, Unit::Ns, 1.0);
            question.record_at("ours", 1000.0, Unit::Ns, 2.0);
        }
        let answer = question.answer().unwrap();
        let labels: Vec<_> = answer.rows.iter().map(|row| row.label.as_str()).collect();
        assert_eq!(labels, ["ours, 1", "ours, 1000"]);
    }
}
