//! The attachment to one data plane: its shared memory, and keys over its socket.

use std::io;
use std::path::{Path, PathBuf};

use abi::counters::Counters;
use abi::layout::{LOCK_NAME, Layout, LayoutError, REGION_NAME};
use abi::policy::PolicyImage;
use abi::publish::PublishError;
use abi::{BootId, Limits, Reason};
use shm::{Region, ShmError};

use crate::keys::Keys;
use crate::socket::{self, SocketError};

/// Why no data plane can be attached to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttachError {
    #[error(transparent)]
    Shm(#[from] ShmError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl AttachError {
    /// Whether there is simply no data plane yet.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Shm(ShmError::Open(error)) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// How far the generation in force has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Every worker obeys it.
    Acknowledged,
    /// The data plane could not use it and stays with the one before.
    Refused,
    /// Neither yet.
    Waiting,
}

/// One data plane's shared memory.
#[derive(Debug)]
pub(crate) struct Link {
    region: Region,
    layout: Layout<'static>,
    runtime_dir: PathBuf,
}

impl Link {
    /// Attaches to the data plane of `runtime_dir`.
    pub(crate) fn attach(runtime_dir: &Path) -> Result<Self, AttachError> {
        let region = Region::open(&runtime_dir.join(REGION_NAME))?;
        let layout = match Layout::open(region.words()) {
            Ok(layout) => layout,
            Err(error) => {
                release(region);
                return Err(error.into());
            }
        };
        Ok(Self {
            region,
            layout,
            runtime_dir: runtime_dir.to_owned(),
        })
    }

    /// Whether another data plane has taken this one's place.
    pub(crate) fn is_stale(&self) -> bool {
        self.region.replaced()
    }

    /// Gives the mapping back.
    pub(crate) fn detach(self) {
        release(self.region);
    }

    /// What is in the shared memory.
    pub(crate) const fn layout(&self) -> &Layout<'static> {
        &self.layout
    }

    /// The start of the data plane that this is.
    pub(crate) fn boot(&self) -> BootId {
        self.layout.boot()
    }

    /// The data plane's process.
    pub(crate) fn pid(&self) -> u64 {
        self.layout.pid()
    }

    /// Whether the data plane's process lives; its memory outlives it.
    pub(crate) fn is_alive(&self) -> bool {
        shm::lives(self.pid(), &self.runtime_dir.join(LOCK_NAME))
    }

    /// Whether workers run.
    pub(crate) fn is_running(&self) -> bool {
        self.layout.workers_running() > 0 && self.is_alive()
    }

    /// The generation in force.
    pub(crate) fn generation(&self) -> u64 {
        self.layout.policy().map_or(0, |slots| slots.generation())
    }

    /// The generation in force if it is just this image.
    pub(crate) fn generation_of(&self, image: &[u8]) -> Option<u64> {
        let (generation, octets) = self.layout.policy()?.read().ok()??;
        (octets == image).then_some(generation)
    }

    /// How far `generation` has got.
    pub(crate) fn progress(&self, generation: u64) -> Progress {
        if self.layout.refused_generation() == generation && generation > 0 {
            return Progress::Refused;
        }
        let workers = self.layout.workers_running();
        if self.layout.acknowledgements().by_all(workers, generation) {
            Progress::Acknowledged
        } else {
            Progress::Waiting
        }
    }

    /// Whether the image that is not in force may be written: no worker still reads it.
    pub(crate) fn may_publish(&self) -> bool {
        let generation = self.generation();
        // Without workers only the management thread reads, and it believes nothing torn.
        generation == 0 || !self.is_running() || self.progress(generation) != Progress::Waiting
    }

    /// Sends the private keys over.
    pub(crate) fn push_keys(&self, keys: &Keys) -> Result<(), SocketError> {
        socket::push_keys(&self.runtime_dir, self.boot(), keys)
    }

    /// Sets the limits; they hold at once.
    pub(crate) fn set_limits(&self, limits: &Limits) {
        if let Some(words) = self.layout.limits() {
            words.store(limits);
        }
    }

    /// Sessions closed because a policy was enforced, since the data plane's start.
    pub(crate) fn closed_by_enforcement(&self) -> u64 {
        let workers = 0..self.layout.shape().workers;
        let blocks = workers.filter_map(|worker| self.layout.counters(worker));
        let closed = |block: Counters<'_>| {
            let reasons = [Reason::PolicyEnforced, Reason::LimitEnforced];
            reasons.map(|reason| block.refused(reason))
        };
        blocks.flat_map(closed).fold(0, u64::saturating_add)
    }

    /// Puts an image in force, and has established sessions held against it if it is enforced;
    /// see [`Self::may_publish`].
    pub(crate) fn publish(&self, image: &[u8], enforce: bool) -> Result<u64, PublishError> {
        // Told in advance, and untold with the next publication, whoever makes it.
        let enforced = if enforce { self.generation() + 1 } else { 0 };
        self.layout.set_enforced_generation(enforced);
        let none = PublishError::TooLarge {
            needed: image.len(),
            room: 0,
        };
        self.layout.policy().ok_or(none)?.publish(image)
    }

    /// Whether the data plane runs with what `image` says of all that takes a restart to change,
    /// or is yet to start.
    pub(crate) fn runs_as(&self, image: &PolicyImage) -> bool {
        !self.is_running() || self.layout.boot_hash() == image.restart_hash()
    }
}

fn release(region: Region) {
    if let Err(error) = region.release() {
        tracing::warn!(%error, "shared memory of the data plane that is gone stays mapped");
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use abi::boot::Origin;
    use abi::layout::Shape;

    use super::*;

    /// Memory in `dir` of a data plane with a worker, whose process this test is.
    fn publish(dir: &Path) {
        let shape = Shape {
            workers: 1,
            sessions: 1,
            streams: 1,
            image_words: 1 << 10,
        };
        let region = Region::create(&dir.join(REGION_NAME), shape.words()).unwrap();
        let layout = Layout::format(region.words(), shape).unwrap();
        layout.set_origin(&Origin {
            boot: BootId(1),
            pid: std::process::id().into(),
            started: 1_000,
        });
        layout.set_workers_running(1);
        region.publish().unwrap();
    }

    #[test]
    fn a_number_that_another_process_has_got_is_no_data_plane() {
        let name = format!("ucproxy-link-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        publish(&dir);
        let lock = File::create(dir.join(LOCK_NAME)).unwrap();
        lock.lock().unwrap();
        let link = Link::attach(&dir).unwrap();
        assert!(link.is_alive() && link.is_running());
        lock.unlock().unwrap();
        assert!(!link.is_alive() && !link.is_running());
        assert!(link.may_publish(), "nobody is waited for");
        fs::remove_dir_all(&dir).unwrap();
    }
}
