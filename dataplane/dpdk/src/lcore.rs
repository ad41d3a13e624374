//! Threads that DPDK pins to CPUs, and closures to run on them.

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::thread;

use dpdk_sys as sys;

use crate::error::check;
use crate::{Eal, EalError, Errno, LcoreError};

/// A worker's thread: idle, or running one closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lcore {
    id: u32,
    cpu: u16,
}

impl Lcore {
    /// DPDK's number of the thread.
    #[must_use]
    pub const fn id(self) -> u32 {
        self.id
    }

    /// The CPU that it is pinned to.
    #[must_use]
    pub const fn cpu(self) -> u16 {
        self.cpu
    }

    /// NUMA node of its CPU.
    #[must_use]
    pub fn socket(self) -> u32 {
        // SAFETY: the EAL runs, since only it makes an `Lcore`; reads its table.
        unsafe { sys::rte_lcore_to_socket_id(self.id) }
    }

    /// Whether a closure runs on it now.
    #[must_use]
    pub fn is_running(self) -> bool {
        // SAFETY: as in `socket`.
        unsafe { sys::rte_eal_get_lcore_state(self.id) == sys::RUNNING }
    }

    /// Spins until it is idle, and then sees all that its closure wrote.
    pub(crate) fn wait(self) {
        // SAFETY: as in `socket`.
        unsafe { sys::rte_eal_wait_lcore(self.id) };
    }
}

/// The right to wait for a closure's result. Dropping it lets the closure run on.
#[derive(Debug)]
pub struct Handle<T> {
    lcore: Lcore,
    result: mpsc::Receiver<thread::Result<T>>,
}

impl<T> Handle<T> {
    /// Where the closure runs.
    #[must_use]
    pub const fn lcore(&self) -> Lcore {
        self.lcore
    }

    /// Whether the closure has ended, well or not.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        !self.lcore.is_running()
    }

    /// Waits for the closure and returns its result.
    ///
    /// # Errors
    /// If it panicked.
    pub fn join(self) -> Result<T, LcoreError> {
        let result = self.result.recv();
        // The result is sent just before the thread turns idle: this spins for a moment only.
        self.lcore.wait();
        result
            .ok()
            .and_then(Result::ok)
            .ok_or(LcoreError::Panicked(self.lcore.id))
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// Runs `work` on `lcore`'s thread. A panic in it ends the closure, not the process.
///
/// # Errors
/// If the worker still runs an earlier closure.
pub fn spawn<T, F>(eal: &Eal, lcore: Lcore, work: F) -> Result<Handle<T>, LcoreError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (send, result) = mpsc::sync_channel(1);
    let job: Job = Box::new(move || {
        let outcome = panic::catch_unwind(AssertUnwindSafe(work));
        // Without a receiver nobody wants to know.
        let _ = send.send(outcome);
    });
    let job = Box::into_raw(Box::new(job));
    // DPDK wants one launcher at a time.
    let launching = eal.state().control();
    // SAFETY: `run_job` gets the pointer that it expects, once, on a worker of the running EAL;
    // DPDK refuses if the worker is not idle.
    let rc = unsafe { sys::rte_eal_remote_launch(Some(run_job), job.cast(), lcore.id) };
    drop(launching);
    match check(rc) {
        Ok(()) => Ok(Handle { lcore, result }),
        Err(errno) => {
            // SAFETY: the launch failed, so the box is still ours alone.
            drop(unsafe { Box::from_raw(job) });
            let busy = errno.code() == libc::EBUSY;
            Err(if busy {
                LcoreError::Busy(lcore.id)
            } else {
                LcoreError::Launch(errno)
            })
        }
    }
}

/// # Safety
/// `job` comes from `Box::<Job>::into_raw` and is given to this function once.
unsafe extern "C" fn run_job(job: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    let job: Box<Job> = unsafe { Box::from_raw(job.cast()) };
    job();
    0
}

/// Lcores of the workers that were started on `cpus`: lcore 0 is the main thread.
pub(crate) fn workers(cpus: &[u16]) -> Vec<Lcore> {
    (1..)
        .zip(cpus)
        .map(|(id, &cpu)| Lcore { id, cpu })
        .collect()
}

/// CPUs that the calling thread may run on, lowest first. Before the EAL starts they are those
/// that the process was given; it confines the main thread.
///
/// # Errors
/// The system does not say.
pub fn available_cpus() -> Result<Vec<u16>, EalError> {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: `set` is writable and as large as is said; 0 is the calling thread.
    let rc = unsafe { libc::sched_getaffinity(0, size_of_val(&set), set.as_mut_ptr()) };
    check(if rc < 0 { -Errno::os().code() } else { 0 }).map_err(EalError::Affinity)?;
    // SAFETY: all zeroes is an empty set, and the call filled it.
    let set = unsafe { set.assume_init() };
    let max = u16::try_from(libc::CPU_SETSIZE).unwrap_or(u16::MAX);
    // SAFETY: `CPU_ISSET` reads a bit below `CPU_SETSIZE`, which every index is.
    Ok((0..max)
        .filter(|&cpu| unsafe { libc::CPU_ISSET(usize::from(cpu), &set) })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_thread_may_run_somewhere() {
        let cpus = available_cpus().unwrap();
        assert!(!cpus.is_empty());
        assert!(cpus.is_sorted());
    }

    #[test]
    fn workers_follow_the_main_lcore() {
        let lcores = workers(&[4, 6]);
        assert_eq!(
            lcores.iter().map(|l| (l.id(), l.cpu())).collect::<Vec<_>>(),
            [(1, 4), (2, 6)]
        );
    }
}
