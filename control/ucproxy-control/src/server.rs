//! The admin socket: operators' connections, one thread each, one request a connection.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use admin::{Failure, FrameError, Request, Response, SOCKET_NAME};

use crate::Event;
use crate::audit::Audit;
use crate::clock;
use crate::peer::Peer;

/// Connections served at once. One more takes the place of the one that has owed its request for
/// longest.
const CLIENTS_MAX: usize = 256;
/// A request that has not arrived whole by then is given up.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A client that has not taken its answer whole by then is given up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Octets written at once.
const WRITE_OCTETS_MAX: usize = 64 << 10;

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
    let mut clients: Vec<Weak<Client>> = Vec::new();
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of file descriptors, say: the client is gone, the next may fare better.
            continue;
        };
        let client = Arc::new(Client {
            stream,
            is_taken: AtomicBool::new(false),
        });
        clients.retain(|client| client.strong_count() > 0);
        if clients.len() >= CLIENTS_MAX && !cut_off_one(&clients) {
            answer(&client.stream, &Response::Failed(Failure::Busy));
            continue;
        }
        let (served, audit, events) = (Arc::clone(&client), audit.clone(), events.clone());
        let spawned = std::thread::Builder::new()
            .name("client".into())
            .spawn(move || serve_client(&served, &audit, &events));
        if spawned.is_ok() {
            clients.push(Arc::downgrade(&client));
        }
    }
}

/// A connection that is served.
#[derive(Debug)]
struct Client {
    stream: UnixStream,
    /// Its request is there, or it was cut off; whoever says so first has its way.
    is_taken: AtomicBool,
}

/// Cuts off the client that has owed its request for longest; `false` when none does.
fn cut_off_one(clients: &[Weak<Client>]) -> bool {
    let mut served = clients.iter().filter_map(Weak::upgrade);
    let idle = served.find(|client| !client.is_taken.swap(true, Ordering::AcqRel));
    // A stream that cannot be shut down is closed already.
    idle.map(|client| drop(client.stream.shutdown(Shutdown::Both)))
        .is_some()
}

fn serve_client(client: &Client, audit: &Audit, events: &Sender<Event>) {
    let stream = &client.stream;
    let Ok(peer) = Peer::of(stream) else {
        return;
    };
    let request = admin::read(&mut BeforeDeadline::within(REQUEST_TIMEOUT, stream));
    if client.is_taken.swap(true, Ordering::AcqRel) {
        return;
    }
    let request: Request = match request {
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

fn answer(stream: &UnixStream, response: &Response) {
    let sent = admin::write(
        &mut BeforeDeadline::within(ANSWER_TIMEOUT, stream),
        response,
    );
    if let Err(error) = sent {
        tracing::debug!(%error, "operator left before the answer");
    }
}

/// Reads and writes until a deadline, however slowly the octets trickle.
struct BeforeDeadline<'s> {
    stream: &'s UnixStream,
    deadline: Instant,
}

impl<'s> BeforeDeadline<'s> {
    fn within(time: Duration, stream: &'s UnixStream) -> Self {
        let deadline = clock::monotonic() + time;
        Self { stream, deadline }
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(clock::monotonic());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left)
    }
}

impl Read for BeforeDeadline<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(into)
    }
}

impl Write for BeforeDeadline<'_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        // The kernel grants the time anew as a long write gets on.
        let piece = from.get(..WRITE_OCTETS_MAX).unwrap_or(from);
        self.stream.write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
