//! The terminal: octets from it, and the picture to it.
//!
//! Opened anew, so that it may be told not to block without whoever shares it being told too.
//! Nothing here waits on once a signal has come or the terminal is gone.

use core::cell::Cell;
use core::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, tcflush};
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::queue;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Longest wait before signals are looked at again.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Where the terminal is found. The first may not be opened after `su`.
const PATHS: [&str; 2] = ["/proc/self/fd/1", "/dev/tty"];

/// The signals that end `top`.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// Catches them from now on.
    pub(super) fn catch() -> io::Result<Self> {
        let signals = Self::default();
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            let number = usize::try_from(signal).map_err(io::Error::other)?;
            flag::register_usize(signal, Arc::clone(&signals.0), number)?;
        }
        Ok(signals)
    }

    /// The last that came.
    pub(super) fn caught(&self) -> Option<c_int> {
        let number = c_int::try_from(self.0.load(Ordering::Relaxed));
        number.ok().filter(|&number| number != 0)
    }
}

/// A terminal.
#[derive(Debug)]
pub(super) struct Tty {
    file: File,
    signals: Signals,
    /// It takes no more of the picture, which therefore goes nowhere.
    stuck: Cell<bool>,
    gone: Cell<bool>,
}

impl Tty {
    /// Opens the terminal that standard output is.
    pub(super) fn open(signals: Signals) -> io::Result<Self> {
        let [first, second] = PATHS.map(|path| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
                .open(path)
        });
        first.or(second).map(|file| Self::new(file, signals))
    }

    const fn new(file: File, signals: Signals) -> Self {
        Self {
            file,
            signals,
            stuck: Cell::new(false),
            gone: Cell::new(false),
        }
    }

    /// Takes the whole screen, and every key as it is pressed.
    pub(super) fn enter(&self) -> io::Result<()> {
        enable_raw_mode()?;
        let mut screen = Vec::new();
        queue!(screen, EnterAlternateScreen)?;
        let mut out = self;
        out.write_all(&screen)
    }

    /// Makes the terminal what it was before [`Self::enter`].
    pub(super) fn leave(&self) -> io::Result<()> {
        let modes = disable_raw_mode();
        let mut screen = Vec::new();
        queue!(screen, Show, LeaveAlternateScreen)?;
        let mut out = self;
        let mut said = out.write_all(&screen);
        if self.stuck.get() {
            // What it did not take of the picture is in the way.
            said = tcflush(&self.file, FlushArg::TCOFLUSH).map_err(io::Error::from);
            said = said.and_then(|()| (&self.file).write_all(&screen));
        }
        modes.and(said)
    }

    /// Whether nobody is at the other end any more.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.get() || self.wait(PollFlags::empty(), Duration::ZERO).is_err()
    }

    /// Reads what was typed, after `patience` at most; nothing is no octets.
    pub(super) fn read(&self, octets: &mut [u8], patience: Duration) -> io::Result<usize> {
        if !self.wait(PollFlags::POLLIN, patience)? {
            return Ok(0);
        }
        match (&self.file).read(octets) {
            Ok(0) => Err(self.lose()),
            Err(error) if is_passing(&error) => Ok(0),
            read => read,
        }
    }

    /// Writes some of `octets` as soon as there is room.
    fn offer(&self, octets: &[u8]) -> io::Result<usize> {
        loop {
            match (&self.file).write(octets) {
                Err(error) if is_passing(&error) => {}
                written => return written,
            }
            if self.signals.caught().is_some() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.wait(PollFlags::POLLOUT, LOOK_EVERY)?;
        }
    }

    /// Whether the terminal is ready within `patience`; an error if it is gone.
    fn wait(&self, wanted: PollFlags, patience: Duration) -> io::Result<bool> {
        let patience = PollTimeout::try_from(patience).map_err(io::Error::other)?;
        let mut polled = [PollFd::new(self.file.as_fd(), wanted)];
        match poll(&mut polled, patience) {
            Err(Errno::EINTR) => return Ok(false),
            ready => ready?,
        };
        let [polled] = polled;
        let ready = polled.revents().unwrap_or(PollFlags::empty());
        if ready.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL) {
            return Err(self.lose());
        }
        Ok(ready.intersects(wanted))
    }

    fn lose(&self) -> io::Error {
        self.gone.set(true);
        self.stuck.set(true);
        Errno::EIO.into()
    }
}

/// Whether the same may go well a moment later.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

impl Write for &Tty {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.stuck.get() {
            return Ok(octets.len());
        }
        let written = self.offer(octets);
        self.stuck.set(written.is_err());
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn pair() -> (Tty, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let file = File::from(OwnedFd::from(ours));
        (Tty::new(file, Signals::default()), theirs)
    }

    #[test]
    fn what_is_typed_is_read_and_the_end_is_seen() {
        let (tty, mut theirs) = pair();
        let mut octets = [0; 8];
        assert_eq!(tty.read(&mut octets, Duration::ZERO).unwrap(), 0);
        theirs.write_all(b"q").unwrap();
        assert_eq!(tty.read(&mut octets, SOON).unwrap(), 1);
        assert!(!tty.is_gone());
        drop(theirs);
        tty.read(&mut octets, SOON).unwrap_err();
        assert!(tty.is_gone());
        let mut out = &tty;
        out.write_all(b"nobody is told that nobody is there")
            .unwrap();
    }

    #[test]
    fn a_picture_that_nobody_takes_waits_for_a_signal_and_not_on() {
        let (tty, mut theirs) = pair();
        let picture = vec![0; 1 << 22];
        let signals = tty.signals.clone();
        let killer = std::thread::spawn(move || {
            // Whoever reads nothing more than this has left the picture stuck.
            theirs.read_exact(&mut [0; 1]).unwrap();
            signals.0.store(15, Ordering::Relaxed);
            theirs
        });
        let mut out = &tty;
        out.write_all(&picture).unwrap_err();
        out.write_all(&picture).unwrap();
        assert_eq!(tty.signals.caught(), Some(15));
        assert!(!tty.is_gone());
        drop(killer.join().unwrap());
    }
}
