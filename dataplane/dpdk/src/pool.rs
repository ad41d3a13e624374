//! Where packet buffers come from and go back to.

use core::ptr::NonNull;
use std::ffi::CString;
use std::sync::Arc;

use dpdk_sys as sys;

use crate::eal::{PoolPtr, State};
use crate::{Eal, Errno, Mbuf, PoolError};

/// Octets before the data of a fresh or received frame.
pub const HEADROOM: u16 = sys::UCP_PKTMBUF_HEADROOM;

/// How large a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Buffers: enough for all descriptors of the ports that receive into it, the cache of each
    /// worker one and a half times, and what is queued above. One less than a power of two
    /// wastes least.
    pub mbufs: u32,
    /// Buffers that each worker keeps for itself; at most 512 and two thirds of the pool.
    pub cache: u32,
    /// Octets of a frame that fit one buffer, [`HEADROOM`] not counted: an MTU and
    /// [`crate::FRAME_OVERHEAD`].
    pub data_room: u16,
    /// NUMA node; `None` is any.
    pub socket: Option<u32>,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            mbufs: 16_383,
            cache: 256,
            data_room: 2_048,
            socket: None,
        }
    }
}

/// A handle to a pool of packet buffers, for any thread. The pool itself lives as long as the
/// EAL.
#[derive(Clone, Debug)]
pub struct Pool {
    pool: PoolPtr,
    data_room: u16,
    _alive: Arc<State>,
}

impl Pool {
    /// Creates a pool; `name` is unique in the process and shorter than 26 octets.
    ///
    /// # Errors
    /// If the configuration is impossible, the name taken, or memory short.
    pub fn create(eal: &Eal, name: &str, config: &PoolConfig) -> Result<Self, PoolError> {
        let &PoolConfig {
            mbufs,
            cache,
            data_room,
            socket,
        } = config;
        let name = CString::new(name).map_err(|_| PoolError::Nul)?;
        if cache > sys::UCP_MEMPOOL_CACHE_MAX || cache.saturating_mul(3) / 2 > mbufs {
            return Err(PoolError::CacheTooLarge { cache, mbufs });
        }
        let room = data_room
            .checked_add(HEADROOM)
            .ok_or(PoolError::BufferTooLarge(data_room))?;
        let socket = socket
            .and_then(|s| i32::try_from(s).ok())
            .unwrap_or(sys::UCP_SOCKET_ID_ANY);
        let mut control = eal.state().control();
        // SAFETY: the EAL runs, the name is NUL-terminated and copied, and the sizes are checked.
        let pool =
            unsafe { sys::rte_pktmbuf_pool_create(name.as_ptr(), mbufs, cache, 0, room, socket) };
        let pool = NonNull::new(pool).ok_or_else(|| PoolError::Create(Errno::last()))?;
        let pool = PoolPtr::new(pool);
        control.pools.push(pool);
        Ok(Self {
            pool,
            data_room,
            _alive: Arc::clone(eal.state()),
        })
    }

    /// An empty frame with [`HEADROOM`]; `None` when the pool is empty.
    #[must_use]
    #[inline]
    pub fn alloc(&self) -> Option<Mbuf> {
        // SAFETY: the pool is alive as long as `self`.
        let mbuf = unsafe { sys::ucp_pktmbuf_alloc(self.pool.as_ptr()) };
        // SAFETY: a fresh mbuf belongs to whoever asked for it.
        NonNull::new(mbuf).map(|mbuf| unsafe { Mbuf::from_raw(mbuf) })
    }

    /// Octets of a frame that fit one buffer.
    #[must_use]
    pub const fn data_room(&self) -> u16 {
        self.data_room
    }

    /// Buffers in all.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.pool.size()
    }

    /// Buffers not in use. Counts every worker's cache: for statistics, not for each packet.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.pool.available()
    }

    pub(crate) const fn as_ptr(&self) -> *mut sys::rte_mempool {
        self.pool.as_ptr()
    }
}
