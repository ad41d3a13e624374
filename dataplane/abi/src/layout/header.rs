//! The header: what the region is, who made it, and how the data plane is.

use super::Layout;
use crate::boot::{BootId, Origin};
use crate::digest::{self, Field};
use crate::sync::Ordering::{Acquire, Release};

pub(super) const HEADER_WORDS: usize = 16;

macro_rules! header {
    ($($word:ident,)*) => {
        /// Words of the header, by position.
        #[derive(Clone, Copy)]
        pub(super) enum Head {
            $($word,)*
        }

        /// The same, described.
        pub(crate) const HEADER: &[Field] = &[$(Field::word(stringify!($word)),)*];
    };
}

header! {
    Magic,
    Version,
    Hash,
    Workers,
    Sessions,
    Streams,
    ImageWords,
    Boot,
    Pid,
    Started,
    Ready,
    Heartbeat,
    BootHash,
    Refused,
    Enforced,
}

impl Layout<'_> {
    /// Workers that the data plane runs; zero until it is ready.
    #[must_use]
    pub fn workers_running(&self) -> usize {
        usize::try_from(self.get(Head::Ready))
            .unwrap_or(0)
            .min(self.shape.workers)
    }

    /// Says how many workers run. Only the data plane calls this.
    pub fn set_workers_running(&self, workers: usize) {
        self.set(Head::Ready, workers as u64);
    }

    /// Which start of the data plane made the region.
    #[must_use]
    pub fn boot(&self) -> BootId {
        BootId(self.get(Head::Boot))
    }

    /// Process id of the data plane.
    #[must_use]
    pub fn pid(&self) -> u64 {
        self.get(Head::Pid)
    }

    /// Wall clock at the data plane's start, seconds since 1970.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.get(Head::Started)
    }

    /// Records who made the region and when. Only the data plane calls this.
    pub fn set_origin(&self, origin: &Origin) {
        self.set(Head::Boot, origin.boot.0);
        self.set(Head::Pid, origin.pid);
        self.set(Head::Started, origin.started);
    }

    /// The data plane's clock, nanoseconds, when it last did its housekeeping.
    #[must_use]
    pub fn heartbeat(&self) -> u64 {
        self.get(Head::Heartbeat)
    }

    /// Notes that the data plane is alive. Only its management thread calls this.
    pub fn beat(&self, nanos: u64) {
        self.set(Head::Heartbeat, nanos);
    }

    /// The [`restart_hash`](crate::policy::PolicyImage::restart_hash) of the policy that the data
    /// plane started with.
    #[must_use]
    pub fn boot_hash(&self) -> u64 {
        self.get(Head::BootHash)
    }

    /// Records it. Only the data plane calls this.
    pub fn set_boot_hash(&self, hash: u64) {
        self.set(Head::BootHash, hash);
    }

    /// The last generation that the data plane could not use; it stays with the one before.
    #[must_use]
    pub fn refused_generation(&self) -> u64 {
        self.get(Head::Refused)
    }

    /// Says that `generation` cannot be used. Only the management thread calls this.
    pub fn refuse_generation(&self, generation: u64) {
        self.set(Head::Refused, generation);
    }

    /// The generation that sessions from before it are held against too; zero when none is.
    #[must_use]
    pub fn enforced_generation(&self) -> u64 {
        self.get(Head::Enforced)
    }

    /// Says which generation that is, before it is published. Only control calls this.
    pub fn set_enforced_generation(&self, generation: u64) {
        self.set(Head::Enforced, generation);
    }

    pub(super) fn get(&self, head: Head) -> u64 {
        self.words.get(head as usize).map_or(0, |w| w.load(Acquire))
    }

    pub(super) fn set(&self, head: Head, value: u64) {
        if let Some(word) = self.words.get(head as usize) {
            word.store(value, Release);
        }
    }
}

const _: () = assert!(digest::words(HEADER) <= HEADER_WORDS);
