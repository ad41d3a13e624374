//! Commands that have control change what runs, and what it answers.

use std::path::Path;
use std::time::Duration;

use admin::{Applied, CallError, Request, Response, TlsLimit};

use crate::args::{Sessions, TlsProxy};
use crate::config::complain_of;
use crate::out::{self, CliError, Outcome};

/// Control answers by then: it gives workers ten seconds, and waits for its disk as long as that takes.
const TIMEOUT: Duration = Duration::from_secs(120);

/// `tls-proxy`.
pub(crate) fn tls_proxy(runtime_dir: &Path, setting: &TlsProxy) -> Result<Outcome, CliError> {
    let TlsProxy::MaximumSessions {
        sessions,
        enforce,
        json,
    } = *setting;
    let sessions = match sessions {
        Sessions::Which => return which(runtime_dir, json),
        Sessions::Most(sessions) => sessions,
    };
    let name = format!("maximum-sessions {sessions}");
    let request = Request::SetTlsLimit { sessions, enforce };
    ask(runtime_dir, &request, &name, json)
}

/// `clear-configuration`.
pub(crate) fn clear(runtime_dir: &Path, standby: bool, json: bool) -> Result<Outcome, CliError> {
    let request = Request::ClearConfiguration { standby };
    ask(runtime_dir, &request, "clear-configuration", json)
}

/// Has control carry `request` out and says how it went; `name` is what the operator calls it.
pub(crate) fn ask(
    runtime_dir: &Path,
    request: &Request,
    name: &str,
    json: bool,
) -> Result<Outcome, CliError> {
    let response = call(runtime_dir, request)?;
    // What is wrong is in a file of the operator's, or in the text that control holds.
    let text = match request {
        Request::Apply { .. } => name,
        _ => "configuration",
    };
    told(&response, name, text, json)
}

/// Control's answer to `request`.
pub(crate) fn call(runtime_dir: &Path, request: &Request) -> Result<Response, CallError> {
    admin::call(runtime_dir, request, TIMEOUT)
}

/// Says what control answered about something that changes no configuration.
pub(crate) fn answered(response: &Response, name: &str, json: bool) -> Result<Outcome, CliError> {
    told(response, name, name, json)
}

/// Says what control answered; findings are in `text`.
fn told(response: &Response, name: &str, text: &str, json: bool) -> Result<Outcome, CliError> {
    let good = matches!(response, Response::Applied(_));
    let outcome = if good { Outcome::Good } else { Outcome::Bad };
    if json {
        out::print_json(response)?;
        return Ok(outcome);
    }
    match response {
        Response::Applied(applied) => announce(name, text, applied)?,
        Response::Refused { findings } => {
            complain_of(text, findings);
            out::complain(&format!("{name}: errors, not applied"));
        }
        Response::Failed(failure) => out::complain(&format!("{name}: {failure}")),
        Response::Streams { .. }
        | Response::Status(_)
        | Response::TlsLimit(_)
        | Response::Configuration(_)
        | Response::Licences { .. }
        | Response::History { .. } => {
            out::complain("control answered something else than was asked");
        }
    }
    Ok(outcome)
}

fn announce(name: &str, text: &str, applied: &Applied) -> Result<(), CliError> {
    complain_of(text, &applied.findings);
    if let Some(notice) = &applied.notice {
        out::complain(notice);
    }
    out::print(&match applied.generation {
        Some(generation) => format!("{name}: in force, generation {generation}\n"),
        None => format!("{name}: taken; it holds as soon as a data plane runs\n"),
    })?;
    if let Some(closed) = applied.closed {
        out::print(&format!("{name}: {closed} established sessions closed\n"))?;
    }
    if let Some(error) = &applied.not_kept {
        out::complain(&format!(
            "{name}: could not be kept, the next start will not know of it: {error}"
        ));
    }
    if applied.restart_needed {
        let keys = out::keys_after_restart(&applied.after_restart);
        out::print(&format!(
            "{name}: kept, but holds only after a restart of the data plane: {keys}\n"
        ))?;
    }
    Ok(())
}

/// `maximum-sessions ?`, with the range in front as the original has it.
fn which(runtime_dir: &Path, json: bool) -> Result<Outcome, CliError> {
    let limit = match call(runtime_dir, &Request::TlsLimit)? {
        Response::TlsLimit(limit) => limit,
        other => return answered(&other, "maximum-sessions", json),
    };
    if json {
        out::print_json(&limit)?;
        return Ok(Outcome::Good);
    }
    let TlsLimit {
        model,
        max,
        default,
        configured,
        in_force,
        uc_sessions,
    } = limit;
    out::print(&format!(
        "  <1-{max}>  Maximum number of TLS proxy sessions\n\
         {model}: default {default}, configured {configured}, in force {in_force}, \
         licensed UC sessions {uc_sessions}\n"
    ))?;
    Ok(Outcome::Good)
}
