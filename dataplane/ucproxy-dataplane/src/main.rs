//! The data plane's process: shared memory, ports, workers, and the thread that watches them.
//!
//! Deliberately absent: YAML, licences and files other than its own runtime directory.

mod args;
mod boot;
mod entropy;
mod fit;
mod keys;
mod orders;
mod register;
mod stalls;
mod statistics;
mod watch;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use abi::BootId;
use abi::boot::Origin;
use abi::layout::{LOCK_NAME, Layout, LayoutError, REGION_NAME};
use clap::Parser;
use dpdk::Clock;
use pipeline::Entropy;
use shm::{Region, ShmError};
use tracing_subscriber::EnvFilter;

use crate::args::Args;
use crate::boot::BootError;
use crate::entropy::SystemEntropy;
use crate::keys::{KeyServer, KeyStore};
use crate::orders::{Inboxes, Orders};
use crate::watch::Watch;

#[global_allocator]
static HEAP: shm::Heap = shm::Heap;

/// Why the process ends badly.
#[derive(Debug, thiserror::Error)]
enum MainError {
    #[error("runtime directory: {0}")]
    RuntimeDir(io::Error),
    #[error("another data plane holds {0}")]
    Locked(String),
    #[error("shared memory: {0}")]
    Shm(#[from] ShmError),
    #[error("shared memory: {0}")]
    Layout(#[from] LayoutError),
    #[error("key socket: {0}")]
    Keys(io::Error),
    #[error("the system gives no random numbers")]
    Entropy,
    #[error("signals: {0}")]
    Signals(io::Error),
    #[error(transparent)]
    Boot(#[from] BootError),
    #[error("a worker ended by itself")]
    WorkerDied,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let filter = EnvFilter::try_from_env("UCPROXY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    if args.log_json {
        logs.json().init()
    } else {
        logs.init()
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "data plane ends");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), MainError> {
    make_runtime_dir(&args.runtime_dir).map_err(MainError::RuntimeDir)?;
    let _lock = lock(&args.runtime_dir.join(LOCK_NAME))?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(MainError::Signals)?;
    }
    let clock = Clock::calibrate();
    let boot = draw_boot_id()?;
    let keys = KeyStore::default();
    let inboxes = Inboxes::default();
    let server = KeyServer {
        boot,
        store: keys.clone(),
        orders: Orders::new(Inboxes::clone(&inboxes)),
    };
    // Whoever finds our region may connect at once.
    keys::serve(&args.runtime_dir, server).map_err(MainError::Keys)?;
    let layout = make_region(args, boot)?;
    tracing::info!(runtime_dir = %args.runtime_dir.display(), %boot, "waiting for a policy");
    Watch::new(layout, keys, inboxes, clock, stop).run()
}

fn draw_boot_id() -> Result<BootId, MainError> {
    let mut octets = [0; 8];
    if SystemEntropy::default().fill(&mut octets) {
        Ok(BootId(u64::from_le_bytes(octets)))
    } else {
        Err(MainError::Entropy)
    }
}

fn make_region(args: &Args, boot: BootId) -> Result<Layout<'static>, MainError> {
    let shape = args.shape();
    let region = Region::create(&args.runtime_dir.join(REGION_NAME), shape.words())?;
    let layout = Layout::format(region.words(), shape)?;
    layout.set_origin(&Origin {
        boot,
        pid: u64::from(std::process::id()),
        started: watch::wall_clock_seconds(),
    });
    // The words stay mapped for as long as the process lives.
    let _region = region.publish()?;
    Ok(layout)
}

fn make_runtime_dir(path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Times that the lock is tried, and the time between two. Whoever asks whether a data plane lives
/// holds it for an instant.
const LOCK_TRIES: u32 = 20;
const LOCK_EVERY: Duration = Duration::from_millis(5);

fn lock_soon(file: &File) -> Result<(), TryLockError> {
    for _ in 1..LOCK_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::park_timeout(LOCK_EVERY),
            done => return done,
        }
    }
    file.try_lock()
}

/// Takes the lock that keeps a second data plane from the same runtime directory.
fn lock(path: &Path) -> Result<File, MainError> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(MainError::RuntimeDir)?;
    match lock_soon(&file) {
        Ok(()) => {
            file.set_len(0).map_err(MainError::RuntimeDir)?;
            writeln!(file, "{}", std::process::id()).map_err(MainError::RuntimeDir)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => Err(MainError::Locked(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(MainError::RuntimeDir(error)),
    }
}
