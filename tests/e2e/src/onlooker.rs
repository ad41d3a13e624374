//! Somebody who reads the shared memory all the time, as `ucproxy show` does, and believes
//! nothing that he sees.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use abi::layout::{Layout, REGION_NAME};
use abi::policy::PolicyImage;
use abi::publish::PublishError;
use shm::Region;

use crate::error::{Failure, Result, ensure};

/// A thread that looks at the region of a runtime directory until it is told to stop.
#[derive(Debug)]
pub struct Onlooker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Seen>>,
}

/// What an onlooker has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Policies read whole.
    pub whole: u64,
    /// Generations among them.
    pub generations: u64,
    /// Times that another policy was published while one was read, which was not believed.
    pub overtaken: u64,
}

impl Onlooker {
    /// Starts looking.
    #[must_use]
    pub fn start(runtime_dir: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (path, stopped) = (Path::new(runtime_dir).join(REGION_NAME), Arc::clone(&stop));
        let thread = thread::spawn(move || look(&path, &stopped));
        Self { stop, thread }
    }

    /// Stops looking.
    ///
    /// # Errors
    /// What was wrong with the region, if ever anything was.
    pub fn stop(self) -> Result<Seen> {
        self.stop.store(true, Relaxed);
        let panicked = || Failure::Unexpected("the onlooker panicked".to_owned());
        self.thread.join().map_err(|_| panicked())?
    }
}

fn look(path: &Path, stop: &AtomicBool) -> Result<Seen> {
    let unusable = |error: &dyn std::error::Error| Failure::Unexpected(error.to_string());
    let region = Region::open_read_only(path).map_err(|e| unusable(&e))?;
    let layout = Layout::open(region.words()).map_err(|e| unusable(&e))?;
    let (mut seen, mut newest) = (Seen::default(), 0);
    while !stop.load(Relaxed) {
        let slots = layout.policy().ok_or_else(|| unusable(&NoPolicyArea))?;
        match slots.read() {
            Ok(Some((generation, image))) => {
                PolicyImage::decode(&image).map_err(|e| unusable(&e))?;
                ensure(newest <= generation, || {
                    format!("generation {generation} after {newest}")
                })?;
                seen.whole += 1;
                seen.generations += u64::from(newest < generation);
                newest = generation;
            }
            Ok(None) => {}
            Err(PublishError::Torn) => seen.overtaken += 1,
            Err(error) => return Err(unusable(&error)),
        }
        thread::yield_now();
    }
    Ok(seen)
}

/// The region has no room for policies.
#[derive(Debug, thiserror::Error)]
#[error("no policy area")]
struct NoPolicyArea;
