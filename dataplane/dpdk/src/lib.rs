//! DPDK as safe Rust: the EAL, worker threads, packet pools, ports and their queues.
//!
//! What the types guarantee:
//! - An [`Mbuf`] is owned. It goes back to its pool when dropped, or belongs to the port once
//!   [`TxQueue::send`] took it; nothing frees it twice.
//! - A queue is polled by one thread only: [`RxQueue`] and [`TxQueue`] are handed out once, by
//!   [`Port::configure`], cannot be cloned, and poll through `&mut self`.
//! - A port stops when its [`Port`] and all of its queues are gone, never under a poller.
//! - DPDK's memory stays mapped unless [`Eal::shutdown`] proved that nothing of it is in use.
//!
//! Deliberately absent: headers and checksums (`wire`), the poll loop (`worker`), logs.

mod burst;
mod clock;
pub mod eal;
mod error;
pub mod lcore;
mod mbuf;
mod pool;
mod port;
mod queue_pair;
pub mod ring;
mod rx_queue;
mod tx_queue;

pub use clock::Clock;
pub use eal::{Eal, EalConfig};
pub use error::{EalError, Errno, LcoreError, PoolError, PortError, PortStep, ShutdownError};
pub use lcore::Lcore;
pub use mbuf::Mbuf;
pub use pool::{HEADROOM, Pool, PoolConfig};
pub use port::{
    FRAME_OVERHEAD, Link, Port, PortConfig, PortQueues, PortStats, QueueStats, SYMMETRIC_RSS_KEY,
};
pub use queue_pair::QueuePair;
pub use rx_queue::RxQueue;
pub use tx_queue::TxQueue;
