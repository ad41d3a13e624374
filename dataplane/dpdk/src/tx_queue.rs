//! Sending.

use core::cell::Cell;
use core::marker::PhantomData;
use std::sync::Arc;

use arrayvec::ArrayVec;
use dpdk_sys as sys;

use crate::Mbuf;
use crate::burst;
use crate::port::Started;

/// One transmit queue of a started port; like [`crate::RxQueue`], for one thread.
#[derive(Debug)]
pub struct TxQueue {
    port: Arc<Started>,
    queue: u16,
    _not_sync: PhantomData<Cell<()>>,
}

impl TxQueue {
    pub(crate) const fn new(port: Arc<Started>, queue: u16) -> Self {
        Self {
            port,
            queue,
            _not_sync: PhantomData,
        }
    }

    /// Offers `burst` to the port and returns how many frames it took, from the front; the rest
    /// stay in `burst`.
    ///
    /// Never waits for ring space. A worker that spins on one full port starves every other flow
    /// that it owns, so the caller counts what is left and drops it.
    #[inline]
    pub fn send<const N: usize>(&mut self, burst: &mut ArrayVec<Mbuf, N>) -> usize {
        let offered = u16::try_from(burst.len()).unwrap_or(u16::MAX);
        let frames = burst.as_mut_ptr().cast();
        // SAFETY: `frames` are `offered` owned mbufs, the port is started as long as `self`, and
        // `&mut self` makes us the queue's only user.
        let sent = unsafe { sys::ucp_eth_tx_burst(self.port.id(), self.queue, frames, offered) };
        let sent = usize::from(sent.min(offered));
        // SAFETY: the port owns the first `sent` frames from here on, so our claim ends; else
        // they would be freed twice.
        unsafe { burst::forget_front(burst, sent) };
        sent
    }
}
