//! `check`, `apply` and `diff`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use admin::{Request, Response};
use policy::{Change, Finding, Folder, Report, Severity};
use serde::Serialize;

use crate::change;
use crate::clock;
use crate::out::{self, CliError, Outcome};

/// Longest file that is read, in octets; `policy` refuses less.
const TEXT_OCTETS_MAX: u64 = 16 << 20;

/// The outcome of a check, as JSON.
#[derive(Debug, Serialize)]
struct Checked<'f> {
    file: String,
    errors: usize,
    warnings: usize,
    findings: &'f [Finding],
}

/// Reports all that is wrong with the file.
pub(crate) fn check(file: &Path, json: bool) -> Result<Outcome, CliError> {
    let text = read(file)?;
    let report = Report::of(&text, &Folder::of_onlooker(file), clock::wall_seconds());
    let checked = checked(file, &report.findings);
    if json {
        out::print_json(&checked)?;
    } else {
        let (errors, warnings) = (checked.errors, checked.warnings);
        out::print(&shown(&checked.file, &report.findings))?;
        out::print(&format!(
            "{}: {errors} errors, {warnings} warnings\n",
            file.display()
        ))?;
    }
    Ok(if report.has_errors() {
        Outcome::Bad
    } else {
        Outcome::Good
    })
}

/// Checks the file as `apply` does before it asks control.
pub(crate) fn dry_run(file: &Path, json: bool) -> Result<Outcome, CliError> {
    let text = read(file)?;
    let report = Report::of(&text, &Folder::of_onlooker(file), clock::wall_seconds());
    tell_checked(file, &report.findings, json)?;
    Ok(if report.has_errors() {
        Outcome::Bad
    } else {
        Outcome::Good
    })
}

/// Checks the file and has control put it in force.
pub(crate) fn apply(
    runtime_dir: &Path,
    file: &Path,
    enforce: bool,
    json: bool,
) -> Result<Outcome, CliError> {
    let text = read(file)?;
    let report = Report::of(&text, &Folder::of_onlooker(file), clock::wall_seconds());
    if report.has_errors() {
        tell_checked(file, &report.findings, json)?;
        return Ok(Outcome::Bad);
    }
    let path = std::path::absolute(file).map_err(|error| CliError::Read {
        path: file.to_owned(),
        error,
    })?;
    let request = Request::Apply {
        // A report without errors is of UTF-8.
        text: String::from_utf8_lossy(&text).into_owned(),
        path: path.display().to_string(),
        enforce,
    };
    change::ask(runtime_dir, &request, &file.display().to_string(), json)
}

/// What a file would change, as JSON.
#[derive(Debug, Serialize)]
struct Differences {
    file: String,
    changes: Vec<Change>,
}

/// Tells what `file` would change in what runs; the outcome is good when nothing would.
pub(crate) fn diff(
    runtime_dir: &Path,
    file: Option<&Path>,
    json: bool,
) -> Result<Outcome, CliError> {
    let running = match change::call(runtime_dir, &Request::Configuration)? {
        Response::Configuration(running) => running,
        other => return change::answered(&other, "diff", json),
    };
    let file = file.unwrap_or_else(|| Path::new(&running.path));
    let name = file.display().to_string();
    let text = read(file)?;
    let report = Report::of(&text, &Folder::of_onlooker(file), clock::wall_seconds());
    complain_of(&name, &report.findings);
    let Ok(changes) = policy::diff(running.text.as_bytes(), &text) else {
        // It was complained of already: the file is no YAML.
        return Ok(Outcome::Bad);
    };
    let outcome = if changes.is_empty() && !report.has_errors() {
        Outcome::Good
    } else {
        Outcome::Bad
    };
    let lines: String = changes.iter().map(|change| format!("{change}\n")).collect();
    if json {
        out::print_json(&Differences {
            file: name,
            changes,
        })?;
    } else if lines.is_empty() {
        out::print(&format!("{name}: nothing differs from what runs\n"))?;
    } else {
        out::print(&lines)?;
    }
    Ok(outcome)
}

fn tell_checked(file: &Path, findings: &[Finding], json: bool) -> Result<(), CliError> {
    let checked = checked(file, findings);
    if json {
        return out::print_json(&checked);
    }
    let name = file.display().to_string();
    complain_of(&name, findings);
    let verdict = match checked.errors {
        0 => "nothing wrong, not applied: dry run".to_owned(),
        errors => format!("{errors} errors, not applied"),
    };
    out::complain(&format!("{name}: {verdict}"));
    Ok(())
}

fn checked<'f>(file: &Path, findings: &'f [Finding]) -> Checked<'f> {
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    Checked {
        file: file.display().to_string(),
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        findings,
    }
}

/// Says what was found beside the output.
pub(crate) fn complain_of(name: &str, findings: &[Finding]) {
    if !findings.is_empty() {
        out::complain(shown(name, findings).trim_end());
    }
}

fn shown(name: &str, findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| format!("{name}:{finding}\n"))
        .collect()
}

/// The octets of a file, as many as a configuration may have.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |error| CliError::Read {
        path: file.to_owned(),
        error,
    };
    let mut octets = Vec::new();
    File::open(file)
        .map_err(failed)?
        .take(TEXT_OCTETS_MAX)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    Ok(octets)
}
