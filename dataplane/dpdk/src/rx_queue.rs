//! Receiving.

use core::cell::Cell;
use core::marker::PhantomData;
use std::sync::Arc;

use arrayvec::ArrayVec;
use dpdk_sys as sys;
use wire::Depth;

use crate::Mbuf;
use crate::burst;
use crate::port::Started;

/// One receive queue of a started port. There is one such value per queue, and it polls through
/// `&mut self`, so one thread polls a queue.
#[derive(Debug)]
pub struct RxQueue {
    port: Arc<Started>,
    queue: u16,
    descriptors: u16,
    _not_sync: PhantomData<Cell<()>>,
}

impl RxQueue {
    pub(crate) const fn new(port: Arc<Started>, queue: u16, descriptors: u16) -> Self {
        Self {
            port,
            queue,
            descriptors,
            _not_sync: PhantomData,
        }
    }

    /// Appends what has arrived to `burst`, as far as there is room, and returns how many frames.
    #[inline]
    pub fn receive<const N: usize>(&mut self, burst: &mut ArrayVec<Mbuf, N>) -> usize {
        let (to, room) = burst::free_places(burst);
        // SAFETY: `to` has `room` places, the port is started as long as `self`, and `&mut self`
        // makes us the queue's only user.
        let received = unsafe { sys::ucp_eth_rx_burst(self.port.id(), self.queue, to, room) };
        let received = usize::from(received.min(room));
        // SAFETY: the driver wrote that many mbufs, and gave them up.
        unsafe { burst::grow(burst, received) };
        received
    }

    /// How many frames wait, of those that there are descriptors for; `None` where the driver
    /// cannot say. Not for every burst: some drivers walk their ring to count.
    pub fn depth(&mut self) -> Option<Depth> {
        // SAFETY: the port is started as long as `self`, the queue is one of its own, and
        // `&mut self` makes us its only user.
        let waiting = unsafe { sys::ucp_eth_rx_queue_count(self.port.id(), self.queue) };
        Some(Depth {
            waiting: u64::try_from(waiting).ok()?,
            room: self.descriptors.into(),
        })
    }
}
