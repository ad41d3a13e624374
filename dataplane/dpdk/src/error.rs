//! What can go wrong, by operation and by whose fault it is.

use core::ffi::c_int;
use core::fmt;
use std::io;

use thiserror::Error;

/// An error number as DPDK and the kernel report it; always positive.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(i32);

impl Errno {
    /// No such device.
    pub const ENODEV: Self = Self(libc::ENODEV);
    /// The driver does not offer the operation.
    pub const ENOTSUP: Self = Self(libc::ENOTSUP);
    /// No memory.
    pub const ENOMEM: Self = Self(libc::ENOMEM);

    /// The calling thread's `rte_errno`.
    pub(crate) fn last() -> Self {
        // SAFETY: reads a thread-local variable of the EAL; callable at any time.
        Self(unsafe { dpdk_sys::ucp_errno() })
    }

    /// The calling thread's `errno` of the C library.
    pub(crate) fn os() -> Self {
        Self(
            io::Error::last_os_error()
                .raw_os_error()
                .unwrap_or(libc::EIO),
        )
    }

    /// The number.
    #[must_use]
    pub const fn code(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Turns DPDK's "zero or minus errno" into a result.
pub(crate) fn check(rc: c_int) -> Result<(), Errno> {
    if rc < 0 {
        Err(Errno(rc.saturating_neg()))
    } else {
        Ok(())
    }
}

/// Why the EAL did not start, or refused a device.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum EalError {
    /// The EAL starts once in the life of a process, even if that start failed.
    #[error("the EAL was already started in this process")]
    Once,
    /// A text of the configuration holds a NUL byte.
    #[error("a name or device argument holds a NUL byte")]
    Nul,
    /// A worker's CPU is not one that the process may use.
    #[error("CPU {0} is not available to this process")]
    CpuUnavailable(u16),
    /// More workers than DPDK is built for.
    #[error("{wanted} workers, and this DPDK is built for {most}")]
    TooManyWorkers {
        /// Workers in the configuration.
        wanted: usize,
        /// Most that this DPDK allows.
        most: usize,
    },
    /// The CPUs that the process may use could not be read.
    #[error("cannot read the CPU affinity: {0}")]
    Affinity(Errno),
    /// `rte_eal_init` failed; DPDK logged the details to standard error.
    #[error("the EAL did not start: {0}")]
    Init(Errno),
    /// The device could not be attached.
    #[error("the device could not be attached: {0}")]
    Attach(Errno),
}

/// Why the EAL was not cleaned up. Its memory stays mapped.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ShutdownError {
    /// A port, queue or pool still exists.
    #[error("a port, queue or pool is still in use")]
    StillReferenced,
    /// A closure still runs on a worker.
    #[error("worker lcore {0} is still running")]
    WorkerRunning(u32),
    /// Buffers have not come back to their pool.
    #[error("{0} packet buffers have not come back to their pool")]
    MbufsOutstanding(u32),
    /// `rte_eal_cleanup` failed.
    #[error("the EAL did not clean up: {0}")]
    Cleanup(Errno),
}

/// Why a pool was not created.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PoolError {
    /// The name holds a NUL byte.
    #[error("the name holds a NUL byte")]
    Nul,
    /// The per-thread cache is over DPDK's limit, or two thirds of the pool.
    #[error("a cache of {cache} buffers is too large for a pool of {mbufs}")]
    CacheTooLarge {
        /// Buffers cached for each thread.
        cache: u32,
        /// Buffers in all.
        mbufs: u32,
    },
    /// A buffer and its headroom are more than 65,535 octets.
    #[error("a buffer of {0} octets and its headroom exceed 65535")]
    BufferTooLarge(u16),
    /// DPDK refused; with `ENOMEM`, hugepages ran out.
    #[error("the pool could not be created: {0}")]
    Create(Errno),
}

/// Why a port was not configured.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PortError {
    /// The name holds a NUL byte.
    #[error("the name holds a NUL byte")]
    Nul,
    /// No port has that name: not probed, not bound to a DPDK driver, or not allowed.
    #[error("no such port")]
    NoSuchPort,
    /// The port is configured already, and its queues are handed out.
    #[error("the port is in use already")]
    InUse,
    /// A port without workers would never be polled.
    #[error("a port needs at least one worker")]
    NoWorkers,
    /// The port does not do the MTU.
    #[error("MTU {mtu} is outside of the port's range {least} to {most}")]
    MtuOutOfRange {
        /// The MTU asked for.
        mtu: u16,
        /// The port's least.
        least: u16,
        /// The port's most.
        most: u16,
    },
    /// A frame of this MTU does not fit one buffer of the pool.
    #[error("MTU {mtu} needs buffers of {need} octets, and the pool's have {have}")]
    BufferTooSmall {
        /// The MTU asked for.
        mtu: u16,
        /// Octets that a frame of it may take.
        need: u32,
        /// Octets of a buffer without headroom.
        have: u16,
    },
    /// DPDK refused one step.
    #[error("{step}: {errno}")]
    Refused {
        /// What was being done.
        step: PortStep,
        /// Why it failed.
        errno: Errno,
    },
}

/// A step of setting up a port or asking it something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortStep {
    /// Reading what the port can do.
    Capabilities,
    /// Setting queue counts, MTU, offloads and RSS.
    Configure,
    /// Rounding the number of descriptors.
    Descriptors,
    /// Setting up a receive queue.
    RxQueue,
    /// Setting up a transmit queue.
    TxQueue,
    /// Setting the MTU.
    Mtu,
    /// Reading the station address.
    Mac,
    /// Starting.
    Start,
    /// Turning promiscuous mode on.
    Promiscuous,
    /// Receiving every multicast frame.
    AllMulticast,
    /// Reading statistics.
    Stats,
    /// Reading the link's state.
    Link,
    /// Creating a software ring or a port over rings.
    Ring,
}

impl PortStep {
    pub(crate) const fn refused(self) -> impl Fn(Errno) -> PortError {
        move |errno| PortError::Refused { step: self, errno }
    }
}

impl fmt::Display for PortStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capabilities => "cannot read what the port can do",
            Self::Configure => "cannot configure the port",
            Self::Descriptors => "cannot adjust the number of descriptors",
            Self::RxQueue => "cannot set up a receive queue",
            Self::TxQueue => "cannot set up a transmit queue",
            Self::Mtu => "cannot set the MTU",
            Self::Mac => "cannot read the station address",
            Self::Start => "cannot start the port",
            Self::Promiscuous => "cannot turn promiscuous mode on",
            Self::AllMulticast => "cannot receive all multicast",
            Self::Stats => "cannot read statistics",
            Self::Link => "cannot read the link state",
            Self::Ring => "cannot create a port over rings",
        })
    }
}

/// Why a closure did not run on a worker, or did not end well.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LcoreError {
    /// The worker still runs an earlier closure.
    #[error("worker lcore {0} is busy")]
    Busy(u32),
    /// DPDK refused to launch.
    #[error("cannot launch on the lcore: {0}")]
    Launch(Errno),
    /// The closure panicked.
    #[error("worker lcore {0} panicked")]
    Panicked(u32),
}
