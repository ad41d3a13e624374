//! The load's own two DPDK ports.

use dpdk::eal::{LogLevel, Memory as EalMemory};
use dpdk::{Eal, EalConfig, Mbuf, Pool, PoolConfig, Port, PortConfig, QueuePair};
use wire::{Burst, Depth, Nic, NicInfo};

use crate::Proxy;

/// Buffers that the load has.
const MBUFS: u32 = 16_383;

/// All queues of a port, for the one thread that there is: the proxy sends by as many queues as
/// it has workers, and a memif has no more than we ask for.
pub struct Queues {
    /// Of which frames go out.
    first: QueuePair,
    others: Vec<QueuePair>,
}

impl core::fmt::Debug for Queues {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Queues")
            .field("pairs", &(1 + self.others.len()))
            .finish_non_exhaustive()
    }
}

impl Nic for Queues {
    type Frame = Mbuf;

    fn info(&self) -> NicInfo {
        self.first.info()
    }

    fn rx_burst(&mut self, burst: &mut Burst<Mbuf>) -> usize {
        let received = self.first.rx_burst(burst);
        let others = self.others.iter_mut().map(|pair| pair.rx_burst(burst));
        received + others.sum::<usize>()
    }

    fn tx_burst(&mut self, burst: &mut Burst<Mbuf>) -> usize {
        self.first.tx_burst(burst)
    }

    fn rx_depth(&mut self) -> Option<Depth> {
        self.first.rx_depth()
    }

    fn alloc(&mut self) -> Option<Mbuf> {
        self.first.alloc()
    }
}

/// Starts the EAL on the second core, which becomes this thread's, and opens the other ends of
/// the ports of `proxy`, which has `workers`; outside first. Once a process.
///
/// # Errors
/// What DPDK says, for people.
pub fn open_ports(proxy: &Proxy, workers: u8) -> Result<[Queues; 2], String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let config = EalConfig {
        management: if cores > 1 { vec![1] } else { vec![0] },
        memory: EalMemory::NoHuge,
        memory_mib: Some(128),
        vdevs: proxy.vdevs().into(),
        log_level: LogLevel::Error,
        ..EalConfig::default()
    };
    let eal = Eal::init(&config).map_err(|e| format!("EAL: {e}"))?;
    let pool = PoolConfig {
        mbufs: MBUFS,
        ..PoolConfig::default()
    };
    let pool = Pool::create(&eal, "frames", &pool).map_err(|e| format!("pool: {e}"))?;
    let config = PortConfig {
        workers: workers.into(),
        ..PortConfig::default()
    };
    let open = |name| -> Result<Queues, String> {
        let queues = Port::configure(&eal, name, &config, &pool);
        let queues = queues.map_err(|e| format!("{name}: {e}"))?;
        let mut pairs = queues.pairs.into_iter();
        let first = pairs.next().ok_or_else(|| format!("{name}: no queues"))?;
        Ok(Queues {
            first,
            others: pairs.collect(),
        })
    };
    Ok([open("net_memif0")?, open("net_memif1")?])
}
