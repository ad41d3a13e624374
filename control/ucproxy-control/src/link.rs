//! The attachment to one data plane: its shared memory and its key socket.

use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use abi::layout::{Layout, LayoutError, REGION_NAME};
use abi::policy::{Boot, PolicyImage};
use abi::publish::PublishError;
use abi::secrets::{self, MESSAGE_MAX, Request, Response, Secret};
use abi::{BootId, LayoutId, Limits};
use shm::{Region, ShmError};
use zeroize::Zeroizing;

/// The data plane answers at once or not at all.
const KEYS_TIMEOUT: Duration = Duration::from_secs(2);

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

/// Why the keys did not get across.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error("key socket: {0}")]
    Io(#[from] io::Error),
    #[error("keys of the configuration take more than {MESSAGE_MAX} octets")]
    TooLong,
    #[error("data plane has {0}, this program has {ours}", ours = LayoutId::OURS)]
    Layout(LayoutId),
    #[error("data plane has been started again")]
    Restarted,
    #[error("data plane did not understand the keys")]
    Malformed,
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
        Path::new("/proc").join(self.pid().to_string()).exists()
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
        let obeys = |worker| self.layout.acknowledged(worker) >= generation;
        if workers > 0 && (0..workers).all(obeys) {
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
    pub(crate) fn push_keys(&self, keys: &[Secret]) -> Result<(), KeysError> {
        let request = Request::PutKeys {
            layout: LayoutId::OURS,
            boot: self.boot(),
            keys: keys.to_vec(),
        };
        let message = Zeroizing::new(secrets::encode(&request).ok_or(KeysError::TooLong)?);
        let mut stream = UnixStream::connect(self.runtime_dir.join(secrets::SOCKET_NAME))?;
        stream.set_read_timeout(Some(KEYS_TIMEOUT))?;
        stream.set_write_timeout(Some(KEYS_TIMEOUT))?;
        stream.write_all(&message)?;
        let mut len = [0; 4];
        stream.read_exact(&mut len)?;
        let len = u32::from_be_bytes(len);
        if usize::try_from(len).map_or(true, |len| len > MESSAGE_MAX) {
            return Err(KeysError::Malformed);
        }
        let mut body = Vec::new();
        stream.take(len.into()).read_to_end(&mut body)?;
        match secrets::decode(&body) {
            Some(Response::Ok) => Ok(()),
            Some(Response::WrongLayout(theirs)) => Err(KeysError::Layout(theirs)),
            Some(Response::WrongBoot(_)) => Err(KeysError::Restarted),
            Some(Response::Malformed) | None => Err(KeysError::Malformed),
        }
    }

    /// Sets the limits; they hold at once.
    pub(crate) fn set_limits(&self, limits: &Limits) {
        if let Some(words) = self.layout.limits() {
            words.store(limits);
        }
    }

    /// Puts an image in force; see [`Self::may_publish`].
    pub(crate) fn publish(&self, image: &[u8]) -> Result<u64, PublishError> {
        let none = PublishError::TooLarge {
            needed: image.len(),
            room: 0,
        };
        self.layout.policy().ok_or(none)?.publish(image)
    }

    /// Whether the data plane runs with another boot section than `image` has.
    pub(crate) fn needs_restart(&self, image: &PolicyImage) -> bool {
        self.is_running() && self.layout.boot_hash() != boot_hash(&image.boot)
    }
}

/// The hash that the data plane records of the boot section that it runs with.
fn boot_hash(boot: &Boot) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(&secrets::encode(boot).unwrap_or_default());
    hasher.finish()
}

fn release(region: Region) {
    if let Err(error) = region.release() {
        tracing::warn!(%error, "shared memory of the data plane that is gone stays mapped");
    }
}
