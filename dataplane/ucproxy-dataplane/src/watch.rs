//! The management thread: puts policies in force and shows that the process lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use abi::Now;
use abi::layout::Layout;
use abi::policy::{KeyId, PolicyImage};
use abi::publish::PublishError;
use dpdk::Clock;
use tls::LegLimits;
use worker::{Keys, Policy};
use zeroize::Zeroizing;

use crate::MainError;
use crate::boot::Running;
use crate::fit::Fitting;
use crate::keys::KeyStore;
use crate::orders::Inboxes;
use crate::statistics::Statistics;

/// Time between two looks at the shared memory. A policy is in force one look and one turn of
/// the workers' housekeeping after it was published.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The management thread's state.
pub(crate) struct Watch {
    layout: Layout<'static>,
    keys: KeyStore,
    inboxes: Inboxes,
    clock: Clock,
    stop: Arc<AtomicBool>,
    /// The generation that was last looked at, good or bad.
    seen: u64,
    /// The ports that run, once they do.
    running: Option<Fitting>,
}

impl Keys for KeyStore {
    fn key(&self, id: &KeyId) -> Option<Zeroizing<Vec<u8>>> {
        self.get(id)
    }
}

impl Watch {
    pub(crate) fn new(
        layout: Layout<'static>,
        keys: KeyStore,
        inboxes: Inboxes,
        clock: Clock,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self {
            layout,
            keys,
            inboxes,
            clock,
            stop,
            seen: 0,
            running: None,
        }
    }

    /// Waits for the first policy, starts the workers, hands later policies on, and returns when
    /// the process is told to stop.
    pub(crate) fn run(mut self) -> Result<(), MainError> {
        let Some(policy) = self.first_policy() else {
            return Ok(());
        };
        let running = Running::start(self.layout, &policy, self.clock, &self.stop)?;
        // Workers are started once in a process.
        drop(self.inboxes.set(running.inboxes.clone()));
        let fitting = Fitting::of(&policy.image);
        let devices = fitting.devices().to_vec();
        self.running = Some(fitting);
        let mut statistics = Statistics::default();
        self.layout.set_boot_hash(policy.image.restart_hash());
        self.layout
            .set_workers_running(usize::from(policy.image.boot.workers.max(1)));
        tracing::info!(generation = policy.generation, "workers running");
        let mut died = false;
        while !self.stop.load(Ordering::Relaxed) && !died {
            self.layout.beat(self.clock.now());
            if let Some(policy) = self.new_policy() {
                tracing::info!(generation = policy.generation, "policy compiled");
                for inbox in &running.inboxes {
                    inbox.put(Arc::clone(&policy));
                }
            }
            died = running.worker_died();
            let now = Now::from_nanos(self.clock.now());
            statistics.tell(&self.layout, &devices, &running, now);
            thread::park_timeout(LOOK_EVERY);
        }
        self.stop.store(true, Ordering::Relaxed);
        self.layout.set_workers_running(0);
        running.finish();
        if died {
            Err(MainError::WorkerDied)
        } else {
            Ok(())
        }
    }

    fn first_policy(&mut self) -> Option<Arc<Policy>> {
        while !self.stop.load(Ordering::Relaxed) {
            self.layout.beat(self.clock.now());
            if let Some(policy) = self.new_policy() {
                return Some(policy);
            }
            thread::park_timeout(LOOK_EVERY);
        }
        None
    }

    /// The policy of a generation that has not been looked at, if it can be used.
    fn new_policy(&mut self) -> Option<Arc<Policy>> {
        let slots = self.layout.policy()?;
        if slots.generation() == self.seen {
            return None;
        }
        let (generation, octets) = match slots.read() {
            Ok(image) => image?,
            Err(error) => {
                // Of a torn one there is another to look at.
                if let PublishError::Damaged { generation } = error {
                    self.seen = generation;
                    self.refuse(generation, &error.to_string());
                }
                return None;
            }
        };
        self.seen = generation;
        let enforced = self.layout.enforced_generation() == generation;
        let workers = self.layout.workers_running();
        let compiled = PolicyImage::decode(&octets)
            .map_err(|e| e.to_string())
            .and_then(|mut image| {
                if let Some(running) = &self.running {
                    let left_out = running.fit(&mut image);
                    if !left_out.is_empty() {
                        tracing::warn!(?left_out, "interfaces of devices that are not open yet");
                    }
                }
                Policy::compile(generation, image, &self.keys, LegLimits::default())
                    .map_err(|e| e.to_string())
            });
        let policy = compiled
            .inspect_err(|error| self.refuse(generation, error))
            .ok()?;
        if let Some(running) = &mut self.running {
            running.note(&policy.image);
        }
        Some(Arc::new(if enforced {
            policy.enforced(workers)
        } else {
            policy
        }))
    }

    fn refuse(&self, generation: u64, error: &str) {
        tracing::error!(generation, error, "policy refused; the one in force stays");
        self.layout.refuse_generation(generation);
    }
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "shown to people; no decision rests on it"
)]
pub(crate) fn wall_clock_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}
