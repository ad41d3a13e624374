//! `check` and `apply`.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use admin::{Applied, Request, Response};
use policy::{Finding, Folder, Report, Severity};
use serde::Serialize;

use crate::clock;
use crate::out::{self, CliError, Outcome};

/// Longest file that is read, in octets; `policy` refuses less.
const TEXT_OCTETS_MAX: u64 = 16 << 20;

/// Control answers by then: it gives workers ten seconds.
const APPLY_TIMEOUT: Duration = Duration::from_secs(30);

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
    let report = Report::of(&text, &Folder::of(file), clock::wall_seconds());
    let checked = checked(file, &report.findings);
    if json {
        out::print_json(&checked)?;
    } else {
        let (errors, warnings) = (checked.errors, checked.warnings);
        out::print(&shown(file, &report.findings))?;
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

/// Checks the file and has control put it in force.
pub(crate) fn apply(
    runtime_dir: &Path,
    file: &Path,
    dry_run: bool,
    json: bool,
) -> Result<Outcome, CliError> {
    let text = read(file)?;
    let report = Report::of(&text, &Folder::of(file), clock::wall_seconds());
    if report.has_errors() || dry_run {
        let outcome = if report.has_errors() {
            Outcome::Bad
        } else {
            Outcome::Good
        };
        tell_checked(file, &report.findings, json)?;
        return Ok(outcome);
    }
    let path = std::path::absolute(file).map_err(|error| CliError::Read {
        path: file.to_owned(),
        error,
    })?;
    let request = Request::Apply {
        // A report without errors is of UTF-8.
        text: String::from_utf8_lossy(&text).into_owned(),
        path: path.display().to_string(),
    };
    let response = admin::call(runtime_dir, &request, APPLY_TIMEOUT)?;
    let good = matches!(response, Response::Applied(_));
    tell_answer(file, &response, json)?;
    Ok(if good { Outcome::Good } else { Outcome::Bad })
}

fn tell_checked(file: &Path, findings: &[Finding], json: bool) -> Result<(), CliError> {
    let checked = checked(file, findings);
    if json {
        return out::print_json(&checked);
    }
    complain_of(file, findings);
    let verdict = match checked.errors {
        0 => "nothing wrong, not applied: dry run".to_owned(),
        errors => format!("{errors} errors, not applied"),
    };
    out::complain(&format!("{}: {verdict}", file.display()));
    Ok(())
}

fn tell_answer(file: &Path, response: &Response, json: bool) -> Result<(), CliError> {
    if json {
        return out::print_json(response);
    }
    match response {
        Response::Applied(applied) => return announce(file, applied),
        Response::Refused { findings } => return tell_checked(file, findings, false),
        Response::Failed(failure) => out::complain(&format!("{}: {failure}", file.display())),
        Response::Status(_) => out::complain("control answered something else than was asked"),
    }
    Ok(())
}

fn announce(file: &Path, applied: &Applied) -> Result<(), CliError> {
    complain_of(file, &applied.findings);
    let file = file.display();
    out::print(&match applied.generation {
        Some(generation) => format!("{file}: in force, generation {generation}\n"),
        None => format!("{file}: taken; it holds as soon as a data plane runs\n"),
    })?;
    if applied.restart_needed {
        out::print("'runtime' or 'devices' differ: they hold after a restart of the data plane\n")?;
    }
    Ok(())
}

fn complain_of(file: &Path, findings: &[Finding]) {
    if !findings.is_empty() {
        out::complain(shown(file, findings).trim_end());
    }
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

fn shown(file: &Path, findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| format!("{}:{finding}\n", file.display()))
        .collect()
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
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
