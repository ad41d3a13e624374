//! One worker's share of a port.

use wire::{Burst, Depth, Nic, NicInfo};

use crate::{Mbuf, Pool, RxQueue, TxQueue};

/// A worker's receive and transmit queue on one port, and the pool that it allocates from. A
/// port with fewer queues than there are workers leaves some pairs without.
#[derive(Debug)]
pub struct QueuePair {
    pub(crate) rx: Option<RxQueue>,
    pub(crate) tx: Option<TxQueue>,
    pub(crate) pool: Pool,
    pub(crate) info: NicInfo,
}

impl Nic for QueuePair {
    type Frame = Mbuf;

    #[inline]
    fn info(&self) -> NicInfo {
        self.info
    }

    #[inline]
    fn rx_burst(&mut self, burst: &mut Burst<Mbuf>) -> usize {
        self.rx.as_mut().map_or(0, |rx| rx.receive(burst))
    }

    #[inline]
    fn tx_burst(&mut self, burst: &mut Burst<Mbuf>) -> usize {
        self.tx.as_mut().map_or(0, |tx| tx.send(burst))
    }

    fn rx_depth(&mut self) -> Option<Depth> {
        self.rx.as_mut()?.depth()
    }

    #[inline]
    fn alloc(&mut self) -> Option<Mbuf> {
        self.pool.alloc()
    }
}
