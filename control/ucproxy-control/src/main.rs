//! The control process: holds the configuration, and keeps the data plane on it.
//!
//! One thread owns everything (`controller`); one accepts operators' connections and gives each
//! a thread of its own (`server`), one waits for signals. They speak over a channel, so nothing
//! here takes a lock.
//!
//! Deliberately absent: packets, and any state that a restart could lose. What the operator
//! applied last is in the state directory, what is in force is in shared memory.

mod args;
mod audit;
mod clients;
mod clock;
mod controller;
mod http;
mod keys;
mod licences;
mod link;
mod lock;
mod metrics;
mod peer;
mod server;
mod socket;
mod store;
mod versions;

use std::fs::{self, DirBuilder};
use std::io::{self, IsTerminal};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};

use clap::Parser;
use nix::sys::prctl::set_thp_disable;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing_subscriber::EnvFilter;

use crate::args::{Args, Metrics};
use crate::audit::Audit;
use crate::controller::Controller;
use crate::http::Scrape;
use crate::lock::{Lock, LockError};
use crate::server::Call;

/// Why the process ends badly.
#[derive(Debug, thiserror::Error)]
enum MainError {
    #[error("directory {0}: {1}")]
    Dir(String, #[source] io::Error),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("signals: {0}")]
    Signals(#[source] io::Error),
    #[error("admin socket: {0}")]
    Server(#[source] io::Error),
}

/// What the controller's thread waits for.
#[derive(Debug)]
enum Event {
    /// An operator asks.
    Call(Call),
    /// Somebody wants the page of metrics.
    Scrape(Scrape),
    /// Read the configuration file again.
    Reload,
    /// End.
    Stop,
}

fn main() -> ExitCode {
    // Huge pages are for the data plane's sessions; here each would hold a few kilobytes.
    let small_pages = set_thp_disable(true);
    let args = Args::parse();
    let filter = EnvFilter::try_from_env("UCPROXY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    if args.log_json {
        logs.json().init();
    } else {
        logs.init();
    }
    if let Err(error) = small_pages {
        tracing::warn!(%error, "memory comes in huge pages");
    }
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "control ends");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), MainError> {
    let dir = &args.runtime_dir;
    for dir in [dir, args.state_dir()] {
        make_dir(dir).map_err(|e| MainError::Dir(dir.display().to_string(), e))?;
    }
    let _lock = Lock::take(dir)?;
    let (events, inbox) = mpsc::channel();
    watch_signals(events.clone()).map_err(MainError::Signals)?;
    serve_metrics(args.metrics, &events);
    let socket =
        server::serve(dir, Audit::of(args.state_dir()), events).map_err(MainError::Server)?;
    let mut controller = Controller::new(args, clock::wall_seconds());
    controller.start();
    work(&mut controller, &inbox);
    tracing::info!("control ends; the data plane goes on with its last policy");
    // Nobody listens any more; a client that comes now should not have to wait to learn it.
    drop(fs::remove_file(socket));
    Ok(())
}

/// Serves metrics if it can: the proxy does not depend on being watched.
fn serve_metrics(metrics: Metrics, events: &Sender<Event>) {
    let Some(address) = metrics.0 else {
        return;
    };
    match http::serve(address, events.clone()) {
        Ok(address) => tracing::info!(%address, "metrics served"),
        Err(error) => tracing::warn!(%address, %error, "metrics are not served"),
    }
}

/// Serves events and looks after the data plane until told to stop.
fn work(controller: &mut Controller, inbox: &Receiver<Event>) {
    loop {
        let wait = controller.tick();
        match inbox.recv_timeout(wait) {
            Ok(Event::Call(call)) => controller.handle(call),
            Ok(Event::Scrape(reply)) => controller.scrape(&reply),
            Ok(Event::Reload) => controller.reload(),
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return controller.end(),
        }
    }
}

fn watch_signals(events: Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                let event = if signal == SIGHUP {
                    Event::Reload
                } else {
                    Event::Stop
                };
                if events.send(event).is_err() {
                    return;
                }
            }
        })
        .map(drop)
}

fn make_dir(path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
