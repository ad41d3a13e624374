//! The admin socket: operators' connections, one thread each, one request a connection.

use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use admin::{Failure, FrameError, Request, Response, SOCKET_NAME};

use crate::Event;
use crate::audit::Audit;
use crate::clock;
use crate::peer::Peer;

/// Connections served at once.
const CLIENTS_MAX: usize = 256;
/// A request that has not arrived whole by then is given up.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A client that does not take its answer for this long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

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
    let clients = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of file descriptors, say: the client is gone, the next may fare better.
            continue;
        };
        if clients.fetch_add(1, Ordering::AcqRel) >= CLIENTS_MAX {
            clients.fetch_sub(1, Ordering::AcqRel);
            answer(stream, &Response::Failed(Failure::Busy));
            continue;
        }
        let (events, count) = (events.clone(), Arc::clone(&clients));
        let audit = audit.clone();
        let spawned = std::thread::Builder::new()
            .name("client".into())
            .spawn(move || {
                serve_client(stream, &audit, &events);
                count.fetch_sub(1, Ordering::AcqRel);
            });
        if spawned.is_err() {
            clients.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

fn serve_client(stream: UnixStream, audit: &Audit, events: &Sender<Event>) {
    let Ok(peer) = Peer::of(&stream) else {
        return;
    };
    let mut reader = BeforeDeadline {
        stream: &stream,
        deadline: clock::monotonic() + REQUEST_TIMEOUT,
    };
    let request: Request = match admin::read(&mut reader) {
        Ok(request) => request,
        Err(FrameError::Io(_)) => return,
        Err(FrameError::TooLong(_) | FrameError::Malformed) => {
            // Logged if it cannot be recorded; the answer is a refusal already.
            drop(audit.record(&peer, "", "malformed", None));
            return answer(stream, &Response::Failed(Failure::Malformed));
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

fn answer(mut stream: UnixStream, response: &Response) {
    let sent = stream
        .set_write_timeout(Some(WRITE_TIMEOUT))
        .map_err(FrameError::Io)
        .and_then(|()| admin::write(&mut stream, response));
    if let Err(error) = sent {
        tracing::debug!(%error, "operator left before the answer");
    }
}

/// Reads until a deadline, however slowly the octets trickle in.
struct BeforeDeadline<'s> {
    stream: &'s UnixStream,
    deadline: Instant,
}

impl Read for BeforeDeadline<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(clock::monotonic());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(into)
    }
}
