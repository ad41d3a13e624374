//! The data plane's shared memory, to look at.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use abi::layout::{LOCK_NAME, Layout, REGION_NAME};
use abi::policy::PolicyImage;
use abi::records::{SessionRecord, StreamRecord};
use shm::{Region, ShmError};

use crate::out::{self, CliError};

/// A data plane's shared memory. It outlives the process.
pub(crate) struct View {
    region: Region,
    pub(crate) layout: Layout<'static>,
    /// What the data plane locks for its life.
    lock: PathBuf,
}

impl View {
    /// Opens the shared memory of `runtime_dir`.
    pub(crate) fn open(runtime_dir: &Path) -> Result<Self, CliError> {
        let path = runtime_dir.join(REGION_NAME);
        let region = Region::open_read_only(&path).map_err(|error| refusal(&path, error))?;
        let layout =
            Layout::open(region.words()).map_err(|error| CliError::Layout { path, error })?;
        let lock = runtime_dir.join(LOCK_NAME);
        Ok(Self {
            region,
            layout,
            lock,
        })
    }

    /// The same, saying so beside the output when the process is gone.
    pub(crate) fn open_live(runtime_dir: &Path) -> Result<Self, CliError> {
        let view = Self::open(runtime_dir)?;
        if !view.is_alive() {
            let pid = view.layout.pid();
            out::complain(&format!(
                "the data plane, pid {pid}, is gone; this is what it left"
            ));
        }
        Ok(view)
    }

    /// The shared memory of the data plane that has started since in `runtime_dir`, if one has.
    pub(crate) fn successor(&self, runtime_dir: &Path) -> Option<Self> {
        let replaced = self.region.replaced();
        replaced.then(|| Self::open(runtime_dir).ok()).flatten()
    }

    /// Gives the memory back.
    pub(crate) fn close(self) -> Result<(), ShmError> {
        self.region.release()
    }

    /// Whether the data plane's process lives.
    pub(crate) fn is_alive(&self) -> bool {
        shm::lives(self.layout.pid(), &self.lock)
    }

    /// Seconds since `then`, a reading of the data plane's clock.
    pub(crate) fn seconds_since(&self, then: u64) -> u64 {
        self.layout.heartbeat().saturating_sub(then) / 1_000_000_000
    }

    /// Every live session, with its worker.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = (usize, SessionRecord)> {
        let layout = self.layout;
        self.workers().flat_map(move |worker| {
            (0..layout.shape().sessions)
                .filter_map(move |i| SessionRecord::load(layout.session(worker, i)?))
                .map(move |record| (worker, record))
        })
    }

    /// Every live media stream, with its worker.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (usize, StreamRecord)> {
        let layout = self.layout;
        self.workers().flat_map(move |worker| {
            (0..layout.shape().streams)
                .filter_map(move |i| StreamRecord::load(layout.stream(worker, i)?))
                .map(move |record| (worker, record))
        })
    }

    /// Positions of the workers that have anything to show.
    pub(crate) fn workers(&self) -> core::ops::Range<usize> {
        match self.layout.workers_running() {
            // They have ended, or not begun; what they wrote is still there.
            0 => 0..self.layout.shape().workers,
            running => 0..running,
        }
    }

    /// The policy in force, if it reads.
    pub(crate) fn policy(&self) -> Option<PolicyImage> {
        let (_, octets) = self.layout.policy()?.read().ok()??;
        PolicyImage::decode(&octets).ok()
    }
}

/// Why the shared memory at `path` is not to be had.
fn refusal(path: &Path, error: ShmError) -> CliError {
    let path = path.to_owned();
    let kind = match &error {
        ShmError::Open(error) => Some(error.kind()),
        ShmError::Owner { .. } => Some(ErrorKind::PermissionDenied),
        _ => None,
    };
    match kind {
        Some(ErrorKind::NotFound) => CliError::NoRegion { path, error },
        Some(ErrorKind::PermissionDenied) => CliError::NotOurs { path, error },
        _ => CliError::Region { path, error },
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn only_where_there_is_none_no_data_plane_has_run() {
        let told = |error| refusal(Path::new("/run/x/region"), error).to_string();
        let open = |kind: ErrorKind| told(ShmError::Open(io::Error::from(kind)));
        let never = "no data plane has run with /run/x/region: ";
        assert!(open(ErrorKind::NotFound).starts_with(never));
        let private =
            "shared memory is its owner's alone, and this user may not read /run/x/region: ";
        assert!(open(ErrorKind::PermissionDenied).starts_with(private));
        let other = told(ShmError::Owner { owner: 1, us: 2 });
        assert!(other.starts_with(private), "{other}");
        assert!(told(ShmError::NotAFile).starts_with("/run/x/region: "));
    }
}
