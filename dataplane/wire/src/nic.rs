//! Ports, as one worker sees them.

use arrayvec::ArrayVec;

use crate::{Depth, Frame, MacAddr, TxChecksums};

/// Frames taken or given in one call at most.
pub const BURST: usize = 32;

/// Frames in a fixed array that the worker owns.
pub type Burst<F> = ArrayVec<F, BURST>;

/// What a port is and can do; fixed once it has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NicInfo {
    /// Station address.
    pub mac: MacAddr,
    /// Largest IP packet, in octets.
    pub mtu: u16,
    /// Whether this worker has a receive queue on the port.
    pub has_rx: bool,
    /// Whether this worker has a transmit queue on the port.
    pub has_tx: bool,
    /// The checksums that the port fills in on the way out.
    pub tx_checksums: TxChecksums,
}

/// One worker's queues on one port. `&mut self` makes the worker their only user.
pub trait Nic: Send {
    /// The buffers that this port receives and sends.
    type Frame: Frame;

    /// What the port is and can do.
    fn info(&self) -> NicInfo;

    /// Appends up to the free places of `burst` frames to it and returns how many.
    fn rx_burst(&mut self, burst: &mut Burst<Self::Frame>) -> usize;

    /// Offers `burst` to the port and returns how many frames it took, from the front; the rest
    /// stay. Never waits for ring space.
    fn tx_burst(&mut self, burst: &mut Burst<Self::Frame>) -> usize;

    /// How many frames wait to be received; `None` without a receive queue, or where the port
    /// cannot say.
    fn rx_depth(&mut self) -> Option<Depth>;

    /// An empty frame with headroom for any header and room for an MTU; `None` when the pool is
    /// empty.
    fn alloc(&mut self) -> Option<Self::Frame>;
}
