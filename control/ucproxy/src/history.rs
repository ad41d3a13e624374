//! `history` and `rollback`.

use std::path::Path;

use admin::{Request, Response};
use license::date;

use crate::change;
use crate::out::{self, CliError, Outcome};
use crate::table::Table;

/// Shows the versions that are kept.
pub(crate) fn show(runtime_dir: &Path, json: bool) -> Result<Outcome, CliError> {
    let response = change::call(runtime_dir, &Request::History)?;
    let Response::History { versions } = &response else {
        return change::answered(&response, "history", json);
    };
    if json {
        out::print_json(versions)?;
        return Ok(Outcome::Good);
    }
    let mut table = Table::new(["version", "time (UTC)", "user", "change", "file"]);
    for version in versions {
        table.row([
            version.version.to_string(),
            date::shown(version.time),
            format!("{} ({})", version.user, version.uid),
            version.change.clone(),
            version.path.clone(),
        ]);
    }
    out::print(&table.to_string())?;
    Ok(Outcome::Good)
}

/// Has control put a version in force again.
pub(crate) fn rollback(
    runtime_dir: &Path,
    version: Option<u64>,
    enforce: bool,
    json: bool,
) -> Result<Outcome, CliError> {
    let request = Request::Rollback { version, enforce };
    change::ask(runtime_dir, &request, "rollback", json)
}
