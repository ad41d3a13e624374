//! `show`: each view is a value that becomes JSON or a table.

mod configuration;
mod counters;
mod license;
mod media;
mod sessions;
mod status;
mod tls_names;

use core::fmt;
use std::path::Path;

use serde::Serialize;

use crate::args::View as Wanted;
use crate::out::{self, CliError, Outcome};
use crate::region::View;

/// Shows what is wanted of the data plane in `runtime_dir`.
pub(crate) fn show(runtime_dir: &Path, wanted: &Wanted) -> Result<Outcome, CliError> {
    match *wanted {
        Wanted::Status { json } => print(&status::Status::read(runtime_dir), json),
        Wanted::Sessions { json } => print(
            &sessions::Sessions::read(&View::open_live(runtime_dir)?),
            json,
        ),
        Wanted::Media { json } => print(&media::Media::read(&View::open_live(runtime_dir)?), json),
        Wanted::Counters { nonzero, json } => {
            let view = View::open_live(runtime_dir)?;
            print(&counters::Counters::read(&view, nonzero), json)
        }
        Wanted::Configuration { json } => configuration::show(runtime_dir, json),
        Wanted::License { json } => print(
            &license::License::read(&View::open_live(runtime_dir)?),
            json,
        ),
    }
}

fn print(view: &(impl Serialize + fmt::Display), json: bool) -> Result<Outcome, CliError> {
    if json {
        out::print_json(view)?;
    } else {
        out::print(&view.to_string())?;
    }
    Ok(Outcome::Good)
}
