//! NIC ports, real and virtual: set-up, state and statistics.

use core::mem::MaybeUninit;
use std::ffi::CString;
use std::sync::Arc;

use dpdk_sys as sys;
use wire::{MacAddr, NicInfo, TxChecksums};

use crate::eal::{Control, State};
use crate::error::{PortStep, check};
use crate::{Eal, Pool, PortError, QueuePair, RxQueue, TxQueue};

mod set_up;

/// Octets of a frame around its IP packet at most: Ethernet header, two VLAN tags and, as some
/// ports deliver it, the frame check sequence. A pool's buffers hold this and an MTU.
pub const FRAME_OVERHEAD: u16 = 14 + 2 * 4 + 4;

/// Toeplitz key under which both directions of a flow hash alike: 16 bits, repeated. Ports take
/// as many octets as they want; software that predicts a port's queue uses the first 40.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
pub const SYMMETRIC_RSS_KEY: [u8; 52] = {
    let mut key = [0x6d; 52];
    let mut i = 1;
    while i < key.len() {
        key[i] = 0x5a;
        i += 2;
    }
    key
};

/// How to set up a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// Workers; each gets a [`QueuePair`], with queues as far as the port has them.
    pub workers: u16,
    /// Descriptors of each receive queue, rounded to what the port allows.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue, rounded to what the port allows.
    pub tx_descriptors: u16,
    /// Largest IP packet, in octets.
    pub mtu: u16,
    /// Whether to receive frames for other stations.
    pub promiscuous: bool,
    /// Whether to receive every multicast frame, as IPv6 neighbour discovery needs.
    pub allmulticast: bool,
}

impl Default for PortConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            rx_descriptors: 1_024,
            tx_descriptors: 1_024,
            mtu: 1_500,
            promiscuous: false,
            allmulticast: true,
        }
    }
}

/// A started port and its queues, one pair per worker.
#[derive(Debug)]
pub struct PortQueues {
    /// The port itself, for its state and statistics.
    pub port: Port,
    /// Worker `n`'s queues are `pairs[n]`.
    pub pairs: Vec<QueuePair>,
}

/// A started port, without its queues. Any thread may ask it; it stops when this and all of its
/// queues are dropped.
#[derive(Clone, Debug)]
pub struct Port {
    started: Arc<Started>,
    mac: MacAddr,
    mtu: u16,
    queues: Queues,
}

/// Queues that a port has, whether it spreads flows over them by the symmetric key, and what it
/// does to frames on their way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Queues {
    rx: u16,
    tx: u16,
    /// Of each receive queue, as the port allows.
    rx_descriptors: u16,
    rss: bool,
    tx_checksums: TxChecksums,
}

/// Queues of a port that DPDK counts for.
const QUEUES_COUNTED: usize = 16;

/// What a port has counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Frames received.
    pub rx_packets: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Octets received.
    pub rx_bytes: u64,
    /// Octets sent.
    pub tx_bytes: u64,
    /// Frames lost because a receive ring was full.
    pub rx_missed: u64,
    /// Frames received damaged.
    pub rx_errors: u64,
    /// Frames that could not be sent.
    pub tx_errors: u64,
    /// Frames lost because the pool was empty.
    pub rx_no_mbuf: u64,
    /// What each queue pair has counted, the first sixteen; zero where the driver does not count
    /// by queue.
    pub queues: [QueueStats; QUEUES_COUNTED],
}

/// What one queue pair of a port has counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Frames received.
    pub rx_packets: u64,
    /// Octets received.
    pub rx_bytes: u64,
    /// Frames received damaged or dropped.
    pub rx_errors: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Octets sent.
    pub tx_bytes: u64,
}

/// State of a port's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whether frames can pass.
    pub up: bool,
    /// Speed in Mbit/s; all ones if unknown.
    pub speed_mbps: u32,
    /// Whether both directions can be used at once.
    pub full_duplex: bool,
}

impl Port {
    /// Sets up and starts the port with DPDK's `name`: a PCI address, or a vdev's first word.
    ///
    /// Asks for checksums verified on the way in and filled in on the way out where the port can,
    /// and for symmetric RSS where it has
    /// several receive queues and can.
    ///
    /// # Errors
    /// If there is no such port, its queues are handed out already, or it cannot do what is
    /// asked.
    pub fn configure(
        eal: &Eal,
        name: &str,
        config: &PortConfig,
        pool: &Pool,
    ) -> Result<PortQueues, PortError> {
        if config.workers == 0 {
            return Err(PortError::NoWorkers);
        }
        let id = claim(&mut eal.state().control(), name)?;
        let queues = match set_up::set_up(id, config, pool) {
            Ok(queues) => queues,
            Err(refused) => {
                release(&mut eal.state().control(), id);
                return Err(refused);
            }
        };
        // From here on, dropping `started` closes the port.
        let started = Arc::new(Started {
            id,
            alive: Arc::clone(eal.state()),
        });
        set_up::start(id, config)?;
        let mac = set_up::read_mac(id)?;
        let port = Self {
            started,
            mac,
            mtu: config.mtu,
            queues,
        };
        let pairs = (0..config.workers)
            .map(|worker| port.pair(worker, pool))
            .collect();
        Ok(PortQueues { port, pairs })
    }

    /// Station address.
    #[must_use]
    pub const fn mac(&self) -> MacAddr {
        self.mac
    }

    /// Largest IP packet, in octets.
    #[must_use]
    pub const fn mtu(&self) -> u16 {
        self.mtu
    }

    /// Receive queues in use.
    #[must_use]
    pub const fn rx_queues(&self) -> u16 {
        self.queues.rx
    }

    /// Transmit queues in use.
    #[must_use]
    pub const fn tx_queues(&self) -> u16 {
        self.queues.tx
    }

    /// Whether the port spreads flows over its queues by [`SYMMETRIC_RSS_KEY`].
    #[must_use]
    pub const fn symmetric_rss(&self) -> bool {
        self.queues.rss
    }

    /// The checksums that the port fills in on the way out.
    #[must_use]
    pub const fn tx_checksums(&self) -> TxChecksums {
        self.queues.tx_checksums
    }

    /// What the port has counted.
    ///
    /// # Errors
    /// If its driver cannot say.
    pub fn stats(&self) -> Result<PortStats, PortError> {
        let mut stats = MaybeUninit::<sys::ucp_port_stats>::zeroed();
        // SAFETY: the port is started, and `stats` is writable.
        check(unsafe { sys::ucp_eth_stats(self.started.id, stats.as_mut_ptr()) })
            .map_err(PortStep::Stats.refused())?;
        // SAFETY: plain numbers, zeroed and then written.
        let stats = unsafe { stats.assume_init() };
        Ok(PortStats {
            rx_packets: stats.rx_packets,
            tx_packets: stats.tx_packets,
            rx_bytes: stats.rx_bytes,
            tx_bytes: stats.tx_bytes,
            rx_missed: stats.rx_missed,
            rx_errors: stats.rx_errors,
            tx_errors: stats.tx_errors,
            rx_no_mbuf: stats.rx_no_mbuf,
            queues: stats.queues.map(|queue| QueueStats {
                rx_packets: queue.rx_packets,
                rx_bytes: queue.rx_bytes,
                rx_errors: queue.rx_errors,
                tx_packets: queue.tx_packets,
                tx_bytes: queue.tx_bytes,
            }),
        })
    }

    /// State of the link, without waiting for it.
    ///
    /// # Errors
    /// If the driver cannot say.
    pub fn link(&self) -> Result<Link, PortError> {
        let mut link = MaybeUninit::<sys::ucp_link>::zeroed();
        // SAFETY: the port is started, and `link` is writable.
        check(unsafe { sys::ucp_eth_link(self.started.id, link.as_mut_ptr()) })
            .map_err(PortStep::Link.refused())?;
        // SAFETY: numbers and booleans, zeroed and then written.
        let link = unsafe { link.assume_init() };
        Ok(Link {
            up: link.up,
            speed_mbps: link.speed_mbps,
            full_duplex: link.full_duplex,
        })
    }

    /// `worker`'s queues. Called once per worker, in `configure`.
    fn pair(&self, worker: u16, pool: &Pool) -> QueuePair {
        let (has_rx, has_tx) = (worker < self.queues.rx, worker < self.queues.tx);
        QueuePair {
            rx: has_rx.then(|| {
                let descriptors = self.queues.rx_descriptors;
                RxQueue::new(Arc::clone(&self.started), worker, descriptors)
            }),
            tx: has_tx.then(|| TxQueue::new(Arc::clone(&self.started), worker)),
            pool: pool.clone(),
            info: NicInfo {
                mac: self.mac,
                mtu: self.mtu,
                has_rx,
                has_tx,
                tx_checksums: self.queues.tx_checksums,
            },
        }
    }
}

/// A port that this process configured; stops and closes it when the last user is gone.
#[derive(Debug)]
pub(crate) struct Started {
    id: u16,
    alive: Arc<State>,
}

impl Started {
    #[inline]
    pub(crate) const fn id(&self) -> u16 {
        self.id
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let mut control = self.alive.control();
        // SAFETY: the EAL runs while `alive` is held, and no queue of this port is left.
        unsafe { sys::rte_eth_dev_stop(self.id) };
        // SAFETY: as above; a stopped port may be closed.
        unsafe { sys::rte_eth_dev_close(self.id) };
        release(&mut control, self.id);
    }
}

/// Finds the port and marks it as ours.
fn claim(control: &mut Control, name: &str) -> Result<u16, PortError> {
    let name = CString::new(name).map_err(|_| PortError::Nul)?;
    let mut id = 0;
    // SAFETY: the EAL runs, the name is NUL-terminated, and `id` is writable.
    check(unsafe { sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &raw mut id) })
        .map_err(|_| PortError::NoSuchPort)?;
    if control.ports.contains(&id) {
        return Err(PortError::InUse);
    }
    control.ports.push(id);
    Ok(id)
}

fn release(control: &mut Control, id: u16) {
    control.ports.retain(|&port| port != id);
}
