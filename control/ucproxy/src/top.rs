//! `top`: what runs, live and over the whole screen.
//!
//! `snapshot` reads shared memory, `model` makes rates of two snapshots and obeys keys, `view`
//! draws a model; `keys` knows what a terminal sends for a key, and `tty` the terminal.
//!
//! The terminal is not read by `crossterm`, which waits for the rest of whatever begins like a
//! key, and for ever on a terminal that is gone.

mod keys;
mod model;
mod snapshot;
mod tty;
mod view;

use std::io::{self, BufWriter, IsTerminal};
use std::mem;
use std::panic;
use std::path::Path;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use signal_hook::consts::SIGHUP;
use signal_hook::low_level::emulate_default_handler;

use self::keys::Keyboard;
use self::model::{Key, Model};
use self::snapshot::Snapshot;
use self::tty::{LOOK_EVERY, Signals, Tty};
use crate::out::{CliError, Outcome};
use crate::region::View;

/// Longest wait for the rest of a key, of which a terminal sends all at once.
const REST_WITHIN: Duration = Duration::from_millis(100);

/// Most octets that are read at once.
const OCTETS_MAX: usize = 1_024;

/// Shows the data plane of `runtime_dir`, and those that follow it, until the operator has seen
/// enough. The terminal is as it was afterwards, also when a signal ends it; the process then
/// dies of that signal, and where there is no terminal any more, of the one that says so.
pub(crate) fn run(runtime_dir: &Path) -> Result<Outcome, CliError> {
    if !io::stdout().is_terminal() {
        return Err(CliError::NoTerminal);
    }
    let view = View::open(runtime_dir)?;
    let signals = Signals::catch().map_err(CliError::Output)?;
    let tty = Tty::open(signals.clone()).map_err(CliError::Output)?;
    let result = on_screen(&tty, || watch(&tty, view, runtime_dir, &signals));
    let hung_up = || tty.is_gone().then_some(SIGHUP);
    if let Some(signal) = signals.caught().or_else(hung_up) {
        emulate_default_handler(signal).map_err(CliError::Output)?;
    }
    result.map(|()| Outcome::Good).map_err(CliError::Output)
}

/// Runs `inner` with the whole screen.
fn on_screen(tty: &Tty, inner: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // Or what it says would go with the screen.
        ratatui::restore();
        hook(info);
    }));
    let result = tty.enter().and_then(|()| inner());
    let left = tty.leave();
    result.and(left)
}

fn watch(tty: &Tty, mut view: View, runtime_dir: &Path, signals: &Signals) -> io::Result<()> {
    let mut terminal = Terminal::new(CrosstermBackend::new(BufWriter::new(tty)))?;
    let mut model = Model::new(Snapshot::read(&view));
    let mut keyboard = Keyboard::default();
    while signals.caught().is_none() {
        terminal.draw(|frame| view::draw(frame, &model))?;
        let mut keys = pressed(tty, &mut keyboard)?.into_iter();
        if keys.any(|key| model.press(key)) {
            return Ok(());
        }
        if let Some(next) = view.successor(runtime_dir) {
            mem::replace(&mut view, next)
                .close()
                .map_err(io::Error::other)?;
        }
        if model.wants(view.layout.heartbeat(), view.is_alive()) {
            model.take(Snapshot::read(&view));
        }
    }
    Ok(())
}

/// The keys that were pressed; none after a while without.
fn pressed(tty: &Tty, keyboard: &mut Keyboard) -> io::Result<Vec<Key>> {
    let patience = if keyboard.is_amid() {
        REST_WITHIN
    } else {
        LOOK_EVERY
    };
    let mut octets = [0; OCTETS_MAX];
    let read = tty.read(&mut octets, patience)?;
    Ok(match octets.get(..read) {
        None | Some([]) => keyboard.settle().into_iter().collect(),
        Some(octets) => keyboard.take(octets),
    })
}
