//! The page of all answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::table::{self, Cells};
use crate::{Answer, Claim, Machine, PublishError};

/// A page that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The folder.
    #[error("{path}: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file in it.
    #[error("{path}: {source}")]
    Answer {
        /// Which.
        path: PathBuf,
        /// Why.
        source: PublishError,
    },
}

/// The page of all answers in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    /// Makes the page of the answers in `results`, in the order of their names. What falls short
    /// is explained by the records in `decisions` that have a line `Results: NAME, NAME`.
    ///
    /// # Errors
    /// When a file cannot be read or is no answer.
    pub fn of(results: &Path, decisions: &Path) -> Result<Self, PageError> {
        let mut answers = Vec::new();
        for path in files(results, "json")? {
            match Answer::read(&path) {
                Ok(answer) => answers.push(answer),
                Err(source) => return Err(PageError::Answer { path, source }),
            }
        }
        Ok(Self {
            path: results.join("README.md"),
            text: text(&answers, &Records::of(decisions)?),
        })
    }

    /// Writes the page.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> Result<(), PageError> {
        fs::write(&self.path, &self.text).map_err(|source| PageError::Folder {
            path: self.path.clone(),
            source,
        })
    }

    /// Whether the page that is there says what this one says.
    #[must_use]
    pub fn is_written(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text == self.text)
    }
}

/// Files of a kind in a folder, by name.
fn files(folder: &Path, kind: &str) -> Result<Vec<PathBuf>, PageError> {
    let failed = |source| PageError::Folder {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|found| found == kind) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// File names of the records that explain a question's shortfall, by question.
#[derive(Debug, Default)]
struct Records(BTreeMap<String, Vec<String>>);

impl Records {
    fn of(decisions: &Path) -> Result<Self, PageError> {
        let mut records = Self::default();
        for path in files(decisions, "md")? {
            let text = fs::read_to_string(&path).map_err(|source| PageError::Folder {
                path: path.clone(),
                source,
            })?;
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            records.add(&file, &text);
        }
        Ok(records)
    }

    fn add(&mut self, file: &str, text: &str) {
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("Results: "));
        for name in lines.flat_map(|names| names.split(',')) {
            let files = self.0.entry(name.trim().to_owned()).or_default();
            files.push(file.to_owned());
        }
    }

    /// Links to what explains why a claim of `question` falls short.
    fn links(&self, question: &str) -> String {
        let link = |file: &String| {
            let number = file.split('-').next().unwrap_or(file);
            format!("[record {number}](../../docs/decisions/{file})")
        };
        let files = self.0.get(question).map_or(&[][..], Vec::as_slice);
        files.iter().map(link).collect::<Vec<_>>().join(", ")
    }
}

const HEAD: &str = "# Results

Written by `cargo run -p perf-harness --bin results` from the JSON files beside it; `make bench` asks the short set of
questions anew. Figures are medians of at least five runs, with the smallest and the largest; ratios are of medians in one
run of one program. The JSON has every single run. A claim that falls short names the record that says what was tried and
what it would take; the stages of a media packet's way are profiled in `media-stages`.
";

fn text(answers: &[Answer], records: &Records) -> String {
    let mut page = HEAD.to_owned();
    let machine = answers.first().map(|answer| &answer.machine);
    if let Some(machine) = machine {
        let _ = writeln!(page, "\nMeasured on {}.", machine.summary());
    }
    claims(&mut page, answers, records);
    for answer in answers {
        section(&mut page, answer, machine);
    }
    page
}

/// What was to be reached, at a glance, what falls short first.
fn claims(page: &mut String, answers: &[Answer], records: &Records) {
    let all = || {
        let of = |answer: &Answer| -> Vec<(String, Claim)> {
            let claims = answer.claims.iter().cloned();
            claims.map(|claim| (answer.name.clone(), claim)).collect()
        };
        answers.iter().flat_map(of)
    };
    let heading = ["claim", "is", "should be", "", "measured in", "why"].map(str::to_owned);
    let row = |(name, claim): (String, Claim)| {
        vec![
            claim.what.clone(),
            table::number(claim.value),
            table::target(claim.target),
            table::verdict(&claim).to_owned(),
            format!("[{name}](#{name})"),
            if claim.holds {
                String::new()
            } else {
                records.links(&name)
            },
        ]
    };
    let mut cells: Cells = vec![heading.to_vec()];
    cells.extend(all().filter(|(_, claim)| !claim.holds).map(row));
    cells.extend(all().filter(|(_, claim)| claim.holds).map(row));
    if cells.len() > 1 {
        page.push_str("\n## To reach\n\n");
        markdown(page, &cells);
    }
}

fn section(page: &mut String, answer: &Answer, common: Option<&Machine>) {
    let Answer {
        name,
        title,
        method,
        command,
        machine,
        ..
    } = answer;
    let _ = writeln!(page, "\n## {name}\n\n**{title}** {method} (`{command}`)\n");
    if common.is_none_or(|common| !common.is_like(machine)) {
        let _ = writeln!(page, "On {}.\n", machine.summary());
    }
    let _ = write!(page, "Load before: {}.", machine.load);
    for (fact, value) in &answer.facts {
        let _ = write!(page, " {fact}: {value}.");
    }
    page.push_str("\n\n");
    markdown(page, &table::figures(answer));
    let claims = table::claims(answer);
    if !claims.is_empty() {
        page.push('\n');
        markdown(page, &claims);
    }
    for note in &answer.notes {
        let _ = writeln!(page, "\n{note}");
    }
    let _ = writeln!(page, "\n![{title}]({name}.svg)");
}

fn markdown(page: &mut String, cells: &Cells) {
    for (number, row) in cells.iter().enumerate() {
        let _ = writeln!(page, "| {} |", row.join(" | "));
        if number == 0 {
            let _ = writeln!(page, "|{}", "---|".repeat(row.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Question, RUNS_MIN, Target, Unit};

    fn answer() -> Answer {
        let mut question = Question::new("speed", "How fast?", "By asking.");
        question.fact("streams", "1000");
        question.note("The peer was asleep.");
        for _ in 0..RUNS_MIN {
            question.record("ours", Unit::PacketsPerSecond, 2e6);
            question.record("peer", Unit::PacketsPerSecond, 1e5);
        }
        question.claim_ratio("faster", "ours", "peer", Target::AtLeast(25.0));
        question.answer().unwrap()
    }

    #[test]
    fn page_is_made_of_what_was_published() {
        let folder = std::env::temp_dir().join(format!("perf-harness-{}", std::process::id()));
        answer().publish(&folder).unwrap();
        let page = Page::of(&folder, &folder).unwrap();
        assert!(!page.is_written());
        page.write().unwrap();
        assert!(page.is_written());
        assert_eq!(Answer::read(&folder.join("speed.json")).unwrap(), answer());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_falls_short_is_said() {
        let mut records = Records::default();
        records.add("0042-slow.md", "# Slow\n\nResults: other, speed\n");
        let text = text(&[answer()], &records);
        for wanted in [
            "| faster | 20.0 | at least 25 | FALLS SHORT | [speed](#speed) | \
             [record 0042](../../docs/decisions/0042-slow.md) |",
            "| ours | packets/s | 2.000 M | 2.000 M | 2.000 M | 5 |",
            "The peer was asleep.",
            "![How fast?](speed.svg)",
        ] {
            assert!(text.contains(wanted), "{wanted}\n{text}");
        }
    }
}
