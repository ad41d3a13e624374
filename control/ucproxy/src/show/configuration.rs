//! `show configuration`: what runs, as control holds it.

use std::path::Path;

use admin::{Request, Response};

use crate::change;
use crate::out::{self, CliError, Outcome};

/// Prints the text alone, so that it can be kept as a file.
pub(crate) fn show(runtime_dir: &Path, json: bool) -> Result<Outcome, CliError> {
    match change::call(runtime_dir, &Request::Configuration)? {
        Response::Configuration(running) if json => out::print_json(&running)?,
        Response::Configuration(running) => out::print(&running.text)?,
        other => return change::answered(&other, "configuration", json),
    }
    Ok(Outcome::Good)
}
