//! The operator's command line.
//!
//! `show` reads shared memory by itself, so that it works with the control process dead; what
//! changes something needs control. Views are built as plain values first (`show`), which become a table or
//! JSON; field names of the JSON are stable and described in `docs/cli.md`.

mod args;
mod change;
mod clock;
mod config;
mod history;
mod licences;
mod media;
mod out;
mod region;
mod show;
mod table;
mod top;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command, Media};
use crate::out::Outcome;

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match &args.command {
        Command::Check { file, json } => config::check(file, *json),
        Command::Apply {
            file,
            dry_run: true,
            enforce: _,
            json,
        } => config::dry_run(file, *json),
        Command::Apply {
            file,
            dry_run: false,
            enforce,
            json,
        } => config::apply(&args.runtime_dir, file, *enforce, *json),
        Command::Diff { file, json } => config::diff(&args.runtime_dir, file.as_deref(), *json),
        Command::History { json } => history::show(&args.runtime_dir, *json),
        Command::Rollback {
            version,
            enforce,
            json,
        } => history::rollback(&args.runtime_dir, *version, *enforce, *json),
        Command::TlsProxy { setting } => change::tls_proxy(&args.runtime_dir, setting),
        Command::License { command } => licences::run(&args.runtime_dir, command),
        Command::ClearConfiguration { standby, json } => {
            change::clear(&args.runtime_dir, *standby, *json)
        }
        Command::Media {
            command: Media::Provision { file },
        } => media::provision(&args.runtime_dir, file),
        Command::Show { view, json } => show::show(&args.runtime_dir, view, *json),
        Command::Top => top::run(&args.runtime_dir),
        Command::Reference { schema } => {
            let page = if *schema {
                policy::schema()
            } else {
                policy::reference()
            };
            out::print(&page).map(|()| Outcome::Good)
        }
    };
    match outcome {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Bad) => ExitCode::FAILURE,
        // Whoever read our output has seen enough.
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            out::complain(&format!("ucproxy: {error}"));
            ExitCode::from(2)
        }
    }
}
