//! Starting and ending the EAL, DPDK's run-time.

use core::ffi::{CStr, c_char, c_int};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};
use std::ffi::CString;
use std::sync::{Arc, MutexGuard, PoisonError};

use dpdk_sys as sys;

use crate::error::check;
use crate::lcore::{self, Lcore};
use crate::{EalError, Errno, ShutdownError};

mod config;

pub use config::{EalConfig, LogLevel, Memory};

/// Whether this process ever tried to start the EAL: it cannot be started twice.
static STARTED: AtomicBool = AtomicBool::new(false);

#[expect(clippy::disallowed_types, reason = "taken at set-up and shutdown only")]
type Mutex<T> = std::sync::Mutex<T>;

/// The running EAL. Everything made from it keeps its memory in place.
#[derive(Debug)]
pub struct Eal {
    state: Arc<State>,
    workers: Vec<Lcore>,
}

/// What ports, queues and pools share with the [`Eal`]: as long as any of them holds it,
/// [`Eal::shutdown`] refuses.
#[derive(Debug, Default)]
pub(crate) struct State {
    control: Mutex<Control>,
}

/// Guarded by the lock that also serialises set-up operations, few of which DPDK lets run at
/// the same time.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// Every pool ever created; they live as long as the EAL.
    pub(crate) pools: Vec<PoolPtr>,
    /// Identifiers of the ports whose queues are handed out.
    pub(crate) ports: Vec<u16>,
}

/// A pool that lives as long as the EAL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolPtr(NonNull<sys::rte_mempool>);

// SAFETY: every mempool is created for many producers and consumers, and its per-thread caches
// are found by lcore; any thread may use it.
unsafe impl Send for PoolPtr {}
// SAFETY: as above; the pointer is all that is shared.
unsafe impl Sync for PoolPtr {}

impl PoolPtr {
    pub(crate) const fn new(pool: NonNull<sys::rte_mempool>) -> Self {
        Self(pool)
    }

    #[inline]
    pub(crate) const fn as_ptr(self) -> *mut sys::rte_mempool {
        self.0.as_ptr()
    }

    /// Buffers in all.
    pub(crate) fn size(self) -> u32 {
        // SAFETY: pools are freed by a successful shutdown only, which drops every `PoolPtr`.
        unsafe { sys::ucp_mempool_size(self.as_ptr()) }
    }

    /// Buffers in the pool and in its caches.
    pub(crate) fn available(self) -> u32 {
        // SAFETY: as in `size`.
        unsafe { sys::rte_mempool_avail_count(self.as_ptr()) }
    }
}

impl State {
    /// Waits for any other set-up operation to finish. A panic in one leaves nothing half done
    /// in `Control`, so a poisoned lock is as good as another.
    pub(crate) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Eal {
    /// Starts the EAL with lcore 0 as the calling thread and one pinned thread per worker.
    ///
    /// The calling thread, and so every thread that it spawns afterwards, is confined to the
    /// management CPUs of the configuration.
    ///
    /// # Errors
    /// If the configuration is impossible, if the EAL ran before in this process, or if DPDK
    /// refuses; it then says why on standard error.
    pub fn init(config: &EalConfig) -> Result<Self, EalError> {
        let args = config.to_args(&lcore::available_cpus()?)?;
        if STARTED.swap(true, Ordering::AcqRel) {
            return Err(EalError::Once);
        }
        // DPDK keeps pointers into its arguments.
        let args: &'static mut [*mut c_char] = args
            .into_iter()
            .map(CString::into_raw)
            .collect::<Vec<_>>()
            .leak();
        let argc = c_int::try_from(args.len()).unwrap_or(c_int::MAX);
        // SAFETY: `args` holds `argc` pointers to NUL-terminated strings that live for ever and
        // may be written to, and the EAL has not run before.
        if unsafe { sys::rte_eal_init(argc, args.as_mut_ptr()) } < 0 {
            return Err(EalError::Init(Errno::last()));
        }
        Ok(Self {
            state: Arc::default(),
            workers: lcore::workers(&config.workers),
        })
    }

    /// The workers' lcores, in the order of [`EalConfig::workers`].
    #[must_use]
    pub fn workers(&self) -> &[Lcore] {
        &self.workers
    }

    /// DPDK's version, as it names itself.
    #[must_use]
    pub fn version() -> &'static str {
        // SAFETY: returns a constant of the library.
        let version = unsafe { sys::rte_version() };
        // SAFETY: that constant is a NUL-terminated string.
        unsafe { CStr::from_ptr(version) }
            .to_str()
            .unwrap_or("DPDK")
    }

    /// Attaches a device after start, e.g. `net_ring0` or `0000:03:00.0`.
    ///
    /// # Errors
    /// If no driver takes the device.
    pub fn attach(&self, device: &str) -> Result<(), EalError> {
        let device = CString::new(device).map_err(|_| EalError::Nul)?;
        let _control = self.state.control();
        // SAFETY: the EAL runs, and the string is NUL-terminated; DPDK copies it.
        check(unsafe { sys::rte_dev_probe(device.as_ptr()) }).map_err(EalError::Attach)
    }

    /// Ends the EAL and unmaps its memory, provided that nothing uses it any more.
    ///
    /// # Errors
    /// If a port, queue, pool, worker or packet buffer is still about. Memory then stays mapped
    /// until the process ends, which is always sound.
    pub fn shutdown(self) -> Result<(), ShutdownError> {
        if let Some(worker) = self.workers.iter().find(|worker| worker.is_running()) {
            return Err(ShutdownError::WorkerRunning(worker.id()));
        }
        self.workers.iter().for_each(|worker| worker.wait());
        let state = Arc::into_inner(self.state).ok_or(ShutdownError::StillReferenced)?;
        let control = state.control();
        // No pool or queue handle is left to take buffers, so the count can only fall.
        let outstanding: u32 = control.pools.iter().map(|p| p.size() - p.available()).sum();
        if outstanding > 0 {
            return Err(ShutdownError::MbufsOutstanding(outstanding));
        }
        for pool in &control.pools {
            // SAFETY: no handle to the pool is left, no port receives into it, and all of its
            // buffers are back.
            unsafe { sys::rte_mempool_free(pool.as_ptr()) };
        }
        // SAFETY: no object of DPDK's is reachable from safe code any more, and workers are idle.
        check(unsafe { sys::rte_eal_cleanup() }).map_err(ShutdownError::Cleanup)
    }

    pub(crate) const fn state(&self) -> &Arc<State> {
        &self.state
    }
}
