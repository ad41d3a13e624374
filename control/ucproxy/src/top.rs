//! `top`: what runs, live and over the whole screen.
//!
//! `snapshot` reads shared memory, `model` makes rates of two snapshots and obeys keys, `view`
//! draws a model; only this file knows of a terminal.

mod model;
mod snapshot;
mod view;

use std::io::{self, IsTerminal};
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use self::model::{Key, Model};
use self::snapshot::Snapshot;
use crate::out::{CliError, Outcome};
use crate::region::View;

/// Longest wait for a key before signals and shared memory are looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Shows the data plane of `runtime_dir`, and those that follow it, until the operator has seen
/// enough. The terminal is as it was afterwards, also when a signal ends it.
pub(crate) fn run(runtime_dir: &Path) -> Result<Outcome, CliError> {
    if !io::stdout().is_terminal() {
        return Err(CliError::NoTerminal);
    }
    let view = View::open(runtime_dir)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(CliError::Output)?;
    }
    let mut terminal = ratatui::try_init().map_err(CliError::Output)?;
    let result = watch(&mut terminal, view, runtime_dir, &stop);
    ratatui::try_restore().map_err(CliError::Output)?;
    result.map(|()| Outcome::Good).map_err(CliError::Output)
}

fn watch(
    terminal: &mut DefaultTerminal,
    mut view: View,
    runtime_dir: &Path,
    stop: &AtomicBool,
) -> io::Result<()> {
    let mut model = Model::new(Snapshot::read(&view));
    while !stop.load(Ordering::Relaxed) {
        terminal.draw(|frame| view::draw(frame, &model))?;
        if event::poll(LOOK_EVERY)?
            && let Event::Key(pressed) = event::read()?
            && let Some(key) = key(pressed)
            && model.press(key)
        {
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

fn key(pressed: KeyEvent) -> Option<Key> {
    if pressed.kind == KeyEventKind::Release {
        return None;
    }
    match pressed.code {
        KeyCode::Char(letter) if pressed.modifiers.contains(KeyModifiers::CONTROL) => {
            (letter == 'c').then_some(Key::Quit)
        }
        KeyCode::Char(letter) => Some(Key::Letter(letter)),
        KeyCode::Backspace => Some(Key::Erase),
        KeyCode::Enter => Some(Key::Enter),
        KeyCode::Esc => Some(Key::Escape),
        _ => None,
    }
}
