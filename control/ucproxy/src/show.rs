//! `show`: each view is a value that becomes JSON or a table.

mod certificates;
mod configuration;
mod conn;
mod counters;
mod interfaces;
mod license;
mod media;
mod neighbors;
pub(crate) mod owner;
mod status;
mod tls_names;
mod tls_proxy;
mod tls_sessions;
mod version;
mod workers;

use core::fmt;
use std::path::Path;

use serde::Serialize;

use crate::args::{Filter, SessionsView, TlsProxyView, View as Wanted};
use crate::out::{self, CliError, Outcome};
use crate::region::View;

/// Shows what is wanted of the data plane in `runtime_dir`.
pub(crate) fn show(runtime_dir: &Path, wanted: &Wanted, json: bool) -> Result<Outcome, CliError> {
    let open = || View::open_live(runtime_dir);
    match wanted {
        Wanted::Status => print(&status::Status::read(runtime_dir), json),
        Wanted::Version => print(&version::Version::read(runtime_dir), json),
        Wanted::Configuration => configuration::show(runtime_dir, json),
        Wanted::License => print(&license::License::read(&open()?), json),
        Wanted::TlsProxy { what, filter } => tls_proxy(&open()?, *what, filter, json),
        Wanted::Media { filter } => print(&media::Media::read(&open()?, filter), json),
        Wanted::Conn { filter } => print(&conn::Connections::read(&open()?, filter), json),
        Wanted::Counters { nonzero } => print(&counters::Counters::read(&open()?, *nonzero), json),
        Wanted::Interfaces => print(&interfaces::Interfaces::read(&open()?), json),
        Wanted::Neighbors => print(&neighbors::Neighbors::read(&open()?), json),
        Wanted::Workers { interval } => print(&workers::Workers::read(&open()?, *interval), json),
        Wanted::Certificates => print(&certificates::Certificates::read(&open()?), json),
    }
}

fn tls_proxy(
    view: &View,
    what: Option<TlsProxyView>,
    filter: &Filter,
    json: bool,
) -> Result<Outcome, CliError> {
    match what {
        None => print(&tls_proxy::Proxies::read(view, filter), json),
        Some(TlsProxyView::Count) => print(&tls_sessions::Count::read(view, filter), json),
        Some(TlsProxyView::Session { how }) => {
            let detail = matches!(how, Some(SessionsView::Detail));
            print(&tls_sessions::Sessions::read(view, filter, detail), json)
        }
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
