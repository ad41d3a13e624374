//! Connections that are served, a thread each: there is an end to their number, and one more
//! takes the place of the one that has owed its request for longest.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use crate::clock;

/// Octets written at once.
const WRITE_OCTETS_MAX: usize = 64 << 10;
/// Time between two looks at the door while nobody can be let in.
const PAUSE: Duration = Duration::from_millis(5);

/// A connection of either kind.
pub(crate) trait Stream: Send + Sync + 'static {
    fn set_timeouts(&self, time: Option<Duration>) -> io::Result<()>;
    fn shut(&self) -> io::Result<()>;
}

impl Stream for UnixStream {
    fn set_timeouts(&self, time: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(time)?;
        self.set_write_timeout(time)
    }

    fn shut(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}

impl Stream for TcpStream {
    fn set_timeouts(&self, time: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(time)?;
        self.set_write_timeout(time)
    }

    fn shut(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}

/// A connection that is served.
#[derive(Debug)]
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    /// Its request is there, or it was cut off; whoever says so first has its way.
    is_taken: AtomicBool,
}

impl<S> Client<S> {
    /// Notes that its request is there; `false` when it was cut off before.
    pub(crate) fn take(&self) -> bool {
        !self.is_taken.swap(true, Ordering::AcqRel)
    }
}

/// The connections of one door, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Clients<S> {
    /// What their threads are called.
    name: &'static str,
    most: usize,
    served: Vec<Weak<Client<S>>>,
}

impl<S: Stream> Clients<S> {
    /// Nobody yet, and at most so many at once.
    pub(crate) const fn new(name: &'static str, most: usize) -> Self {
        Self {
            name,
            most,
            served: Vec::new(),
        }
    }

    /// Has `serve` serve what came in at the door on a thread of its own. Returns it when every
    /// place is taken by one whose request is there.
    pub(crate) fn admit(
        &mut self,
        accepted: io::Result<S>,
        serve: impl FnOnce(&Client<S>) + Send + 'static,
    ) -> Option<S> {
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                self.make_room(&error);
                return None;
            }
        };
        self.served.retain(|client| client.strong_count() > 0);
        if self.served.len() >= self.most && !self.cut_off_one() {
            return Some(stream);
        }
        let client = Arc::new(Client {
            stream,
            is_taken: AtomicBool::new(false),
        });
        let weak = Arc::downgrade(&client);
        let thread = Builder::new().name(self.name.into());
        if thread.spawn(move || serve(&client)).is_ok() {
            self.served.push(weak);
        }
        None
    }

    /// Cuts off the client that has owed its request for longest; `false` when none does.
    fn cut_off_one(&self) -> bool {
        let mut served = self.served.iter().filter_map(Weak::upgrade);
        let idle = served.find(|client| client.take());
        // A stream that cannot be shut is closed already.
        idle.map(|client| drop(client.stream.shut())).is_some()
    }

    /// Nobody could be let in. Who waits at the door goes on waiting, so that asking again at once
    /// would only keep a core busy.
    fn make_room(&self, error: &io::Error) {
        if error.kind() == ErrorKind::ConnectionAborted {
            return;
        }
        tracing::debug!(%error, door = self.name, "out of room");
        self.cut_off_one();
        thread::park_timeout(PAUSE);
    }
}

/// Reads and writes until a deadline, however slowly the octets trickle.
#[derive(Debug)]
pub(crate) struct BeforeDeadline<'s, S> {
    stream: &'s S,
    deadline: Instant,
}

impl<'s, S: Stream> BeforeDeadline<'s, S> {
    pub(crate) fn within(time: Duration, stream: &'s S) -> Self {
        let deadline = clock::monotonic() + time;
        Self { stream, deadline }
    }

    fn wait_no_longer(&self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(clock::monotonic());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_timeouts(Some(left))
    }
}

impl<'s, S: Stream> Read for BeforeDeadline<'s, S>
where
    &'s S: Read,
{
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.wait_no_longer()?;
        self.stream.read(into)
    }
}

impl<'s, S: Stream> Write for BeforeDeadline<'s, S>
where
    &'s S: Write,
{
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.wait_no_longer()?;
        // The kernel grants the time anew as a long write gets on.
        let piece = from.get(..WRITE_OCTETS_MAX).unwrap_or(from);
        self.stream.write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
