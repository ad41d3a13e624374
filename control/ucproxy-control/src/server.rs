//! The admin socket: operators' connections, one thread each, one request a connection.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use admin::{Failure, FrameError, Request, Response, SOCKET_NAME};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use crate::Event;
use crate::audit::Audit;
use crate::clients::{BeforeDeadline, Client, Clients};
use crate::peer::Peer;

/// Connections served at once. One more takes the place of the one that has owed its request for
/// longest.
const CLIENTS_MAX: usize = 256;
/// As many are served however few file descriptors there are.
const CLIENTS_MIN: usize = 4;
/// File descriptors that are not for clients: scrapers have some, and files are read and written.
const DESCRIPTORS_KEPT: u64 = 48;
/// A request that has not arrived whole by then is given up.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A client that has not taken its answer whole by then is given up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A request, and where its response goes.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) request: Request,
    /// Who asks.
    pub(crate) peer: Peer,
    pub(crate) reply: Sender<Response>,
}

/// Starts serving the socket in `runtime_dir`; returns its path.
pub(crate) fn serve(
    runtime_dir: &Path,
    audit: Audit,
    events: Sender<Event>,
) -> io::Result<PathBuf> {
    let path = runtime_dir.join(SOCKET_NAME);
    // Bound under another name, so that nobody can connect before the mode is right. What a dead
    // process left is of no use: we hold the lock.
    let staged = runtime_dir.join(format!(".{SOCKET_NAME}.new"));
    match fs::remove_file(&staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&staged)?;
    fs::set_permissions(&staged, Permissions::from_mode(0o600))?;
    fs::rename(&staged, &path)?;
    std::thread::Builder::new()
        .name("admin".into())
        .spawn(move || accept(&listener, &audit, &events))?;
    Ok(path)
}

/// Lets others than the owner connect, or not; what they may ask is decided by their groups.
pub(crate) fn open_to_others(runtime_dir: &Path, open: bool) -> io::Result<()> {
    let mode = if open { 0o666 } else { 0o600 };
    fs::set_permissions(runtime_dir.join(SOCKET_NAME), Permissions::from_mode(mode))
}

fn accept(listener: &UnixListener, audit: &Audit, events: &Sender<Event>) {
    let mut clients = Clients::new("client", most_clients());
    for accepted in listener.incoming() {
        let (audit, events) = (audit.clone(), events.clone());
        let serve = move |client: &Client<UnixStream>| serve_client(client, &audit, &events);
        if let Some(stream) = clients.admit(accepted, serve) {
            answer(&stream, &Response::Failed(Failure::Busy));
        }
    }
}

/// Connections that are served at once: the file descriptors that the process may have are not
/// for them alone.
fn most_clients() -> usize {
    let (most, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((RLIM_INFINITY, RLIM_INFINITY));
    let left = most.saturating_sub(DESCRIPTORS_KEPT);
    usize::try_from(left).map_or(CLIENTS_MAX, |left| left.clamp(CLIENTS_MIN, CLIENTS_MAX))
}

fn serve_client(client: &Client<UnixStream>, audit: &Audit, events: &Sender<Event>) {
    let stream = &client.stream;
    let Ok(peer) = Peer::of(stream) else {
        return;
    };
    let request = admin::read(&mut BeforeDeadline::within(REQUEST_TIMEOUT, stream));
    if !client.take() {
        return;
    }
    let request = match understood(request) {
        Ok(request) => request,
        Err(None) => return,
        Err(Some(reason)) => {
            // Logged if it cannot be recorded; the answer is a refusal already.
            drop(audit.record(&peer, "", "malformed", Some(reason.clone())));
            return answer(stream, &Response::Failed(Failure::Malformed { reason }));
        }
    };
    let asked = request.clone();
    let (reply, response) = mpsc::channel();
    let call = Event::Call(Call {
        request,
        peer: peer.clone(),
        reply,
    });
    let response = match events.send(call) {
        Ok(()) => response.recv().ok(),
        Err(_) => None,
    };
    let mut response = response.unwrap_or(Response::Failed(Failure::Ending));
    audit.answered(&peer, &asked, &mut response);
    answer(stream, &response);
}

/// The request that was read, or why it is none; `None` when the client left.
fn understood(read: Result<Request, FrameError>) -> Result<Request, Option<String>> {
    let request = read.map_err(|error| match error {
        FrameError::Io(_) => None,
        FrameError::TooLong(_) => Some(error.to_string()),
        FrameError::Malformed(reason) => Some(reason),
    })?;
    match request.problem() {
        Some(problem) => Err(Some(problem.to_owned())),
        None => Ok(request),
    }
}

fn answer(stream: &UnixStream, response: &Response) {
    let sent = admin::write(
        &mut BeforeDeadline::within(ANSWER_TIMEOUT, stream),
        response,
    );
    if let Err(error) = sent {
        tracing::debug!(%error, "operator left before the answer");
    }
}
