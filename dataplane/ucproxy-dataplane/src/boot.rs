//! From a policy's boot section to running workers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use abi::Now;
use abi::layout::Layout;
use abi::policy::{Boot, Device, DeviceKind};
use dpdk::eal::Memory;
use dpdk::lcore::{self, Handle};
use dpdk::{
    Clock, Eal, EalConfig, EalError, LcoreError, Pool, PoolConfig, PoolError, Port, PortConfig,
    PortError, QueuePair,
};
use tls::{HandshakePool, PoolConfig as HandshakeConfig};
use wire::Nic;
use worker::{Handoff, Policy, PolicyInbox, Worker, WorkerError, WorkerSetup};

use crate::entropy::SystemEntropy;

/// Handshakes of all workers that may wait for a thread.
const HANDSHAKE_QUEUE: usize = 4_096;

/// Why the data plane could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootError {
    /// The policy asks for more workers than the shared memory has room for.
    #[error("{wanted} workers wanted, --workers-max allows {room}")]
    Workers {
        /// Workers of the policy.
        wanted: u16,
        /// Room in the shared memory.
        room: usize,
    },
    /// The EAL did not start.
    #[error("EAL: {0}")]
    Eal(#[from] EalError),
    /// The packet pool could not be made.
    #[error("packet pool: {0}")]
    Pool(#[from] PoolError),
    /// A port could not be opened.
    #[error("interface {name}: {error}")]
    Port {
        /// The operator's name for the device.
        name: String,
        /// What is wrong.
        error: PortError,
    },
    /// The handshake threads could not be started.
    #[error("handshake threads: {0}")]
    Handshakes(#[from] io::Error),
    /// A worker could not be made.
    #[error("worker: {0}")]
    Worker(#[from] WorkerError),
    /// A worker's thread could not be used.
    #[error("worker thread: {0}")]
    Lcore(#[from] LcoreError),
}

/// The running data plane. Fields drop in order: queues end with their workers, then the ports,
/// then the EAL.
pub(crate) struct Running {
    handles: Vec<Handle<()>>,
    /// The handshake threads.
    pub(crate) handshakes: HandshakePool,
    /// Where each worker takes new policies from.
    pub(crate) inboxes: Vec<PolicyInbox>,
    /// The ports, by device.
    pub(crate) ports: Vec<Port>,
    /// Where packet buffers come from.
    pub(crate) pool: Pool,
    eal: Eal,
}

impl Running {
    /// Opens the ports and starts the workers.
    pub(crate) fn start(
        layout: Layout<'static>,
        policy: &Arc<Policy>,
        clock: Clock,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, BootError> {
        let boot = &policy.image.boot;
        let workers = usize::from(boot.workers.max(1));
        if workers > layout.shape().workers {
            return Err(BootError::Workers {
                wanted: boot.workers,
                room: layout.shape().workers,
            });
        }
        // Before the EAL confines this thread to the CPUs that workers leave.
        let (handshakes, handshake_ports) = HandshakePool::start(HandshakeConfig {
            threads: usize::from(boot.handshake_threads),
            workers,
            queue_max: HANDSHAKE_QUEUE,
        })?;
        let cpus = cpus(boot, &lcore::available_cpus()?);
        let eal = Eal::init(&eal_config(boot, cpus))?;
        let pool = Pool::create(&eal, "frames", &pool_config(boot))?;
        let (ports, nics) = open_ports(&eal, &pool, boot)?;
        let inboxes: Vec<PolicyInbox> = (0..workers).map(|_| PolicyInbox::default()).collect();
        let entropy = Arc::new(SystemEntropy::default());
        let ends = Handoff::mesh(workers)
            .into_iter()
            .zip(handshake_ports)
            .zip(nics);
        let mut handles = Vec::with_capacity(workers);
        for (id, ((handoff, handshakes), nics)) in ends.enumerate() {
            let (Some(&lcore), Some(inbox)) = (eal.workers().get(id), inboxes.get(id)) else {
                continue;
            };
            let setup = WorkerSetup {
                id,
                workers,
                layout,
                nics,
                senders: senders(id, &ports),
                handoff,
                handshakes,
                policies: inbox.clone(),
                policy: Arc::clone(policy),
                entropy: entropy.clone(),
                stop: Arc::clone(stop),
            };
            handles.push(launch(&eal, lcore, setup, clock)?);
        }
        Ok(Self {
            handles,
            handshakes,
            inboxes,
            ports,
            pool,
            eal,
        })
    }

    /// Whether a worker has ended by itself, which only a panic makes it do.
    pub(crate) fn worker_died(&self) -> bool {
        self.handles.iter().any(Handle::is_finished)
    }

    /// Waits for the workers, which have been told to stop, and closes everything.
    pub(crate) fn finish(self) {
        for handle in self.handles {
            if let Err(error) = handle.join() {
                tracing::error!(%error, "worker ended badly");
            }
        }
        self.handshakes.shutdown();
        drop((self.ports, self.pool));
        if let Err(error) = self.eal.shutdown() {
            tracing::debug!(%error, "packet memory left to the system");
        }
    }
}

fn launch<N: Nic + 'static>(
    eal: &Eal,
    lcore: dpdk::Lcore,
    setup: WorkerSetup<N>,
    clock: Clock,
) -> Result<Handle<()>, BootError> {
    let mut worker = Worker::new(setup, Now::from_nanos(clock.now()))?;
    Ok(lcore::spawn(eal, lcore, move || {
        worker.run(|| Now::from_nanos(clock.now()))
    })?)
}

fn eal_config(boot: &Boot, workers: Vec<u16>) -> EalConfig {
    let of = |pick: fn(&DeviceKind) -> Option<&String>| -> Vec<String> {
        boot.devices
            .iter()
            .filter_map(|device| pick(&device.kind))
            .cloned()
            .collect()
    };
    EalConfig {
        workers,
        memory: if boot.memory.hugepages {
            Memory::HugeInMemory
        } else {
            Memory::NoHuge
        },
        memory_mib: (boot.memory.mib > 0).then_some(boot.memory.mib),
        pci: of(|kind| match kind {
            DeviceKind::Pci(address) => Some(address),
            DeviceKind::Vdev(_) => None,
        }),
        vdevs: of(|kind| match kind {
            DeviceKind::Vdev(args) => Some(args),
            DeviceKind::Pci(_) => None,
        }),
        ..EalConfig::default()
    }
}

/// One CPU a worker: as configured, or those that are `available` in turn.
fn cpus(boot: &Boot, available: &[u16]) -> Vec<u16> {
    let cpus = if boot.cpus.is_empty() {
        available
    } else {
        &boot.cpus
    };
    cpus.iter()
        .copied()
        .cycle()
        .take(usize::from(boot.workers.max(1)))
        .collect()
}

fn pool_config(boot: &Boot) -> PoolConfig {
    let mtu = boot
        .devices
        .iter()
        .map(|device| device.mtu)
        .max()
        .unwrap_or(1_500);
    let default = PoolConfig::default();
    PoolConfig {
        mbufs: if boot.mbufs > 0 {
            boot.mbufs
        } else {
            default.mbufs
        },
        data_room: default
            .data_room
            .max(mtu.saturating_add(dpdk::FRAME_OVERHEAD)),
        ..default
    }
}

/// Which worker sends by each port for worker `id`: itself where it has a queue.
fn senders(id: usize, ports: &[Port]) -> Vec<usize> {
    ports
        .iter()
        .map(|port| id % usize::from(port.tx_queues()).max(1))
        .collect()
}

/// Opens every device; the queues come back by worker, then by device.
fn open_ports(
    eal: &Eal,
    pool: &Pool,
    boot: &Boot,
) -> Result<(Vec<Port>, Vec<Vec<QueuePair>>), BootError> {
    let workers = boot.workers.max(1);
    let mut ports = Vec::with_capacity(boot.devices.len());
    let mut nics: Vec<Vec<QueuePair>> = (0..workers).map(|_| Vec::new()).collect();
    for device in &boot.devices {
        let config = PortConfig {
            workers,
            rx_descriptors: device.descriptors,
            tx_descriptors: device.descriptors,
            mtu: device.mtu,
            ..PortConfig::default()
        };
        let queues = Port::configure(eal, eal_name(device), &config, pool).map_err(|error| {
            BootError::Port {
                name: device.name.clone(),
                error,
            }
        })?;
        tracing::info!(
            interface = device.name,
            mac = %queues.port.mac(),
            rx_queues = queues.port.rx_queues(),
            tx_queues = queues.port.tx_queues(),
            tx_checksums = ?queues.port.tx_checksums(),
            "port open"
        );
        for (nics, pair) in nics.iter_mut().zip(queues.pairs) {
            nics.push(pair);
        }
        ports.push(queues.port);
    }
    Ok((ports, nics))
}

/// The EAL's name of a device: its PCI address, or a vdev's first word.
fn eal_name(device: &Device) -> &str {
    let (DeviceKind::Pci(text) | DeviceKind::Vdev(text)) = &device.kind;
    text.split(',').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_take_the_cpus_that_the_process_was_given() {
        let mut boot = Boot {
            workers: 3,
            ..Boot::default()
        };
        assert_eq!(cpus(&boot, &[4, 5]), [4, 5, 4]);
        boot.cpus = vec![7];
        assert_eq!(cpus(&boot, &[4, 5]), [7, 7, 7]);
    }
}
