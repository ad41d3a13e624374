//! Ports in memory whose frames are used again, as a NIC's are: neither a system call nor the
//! heap is on the way of a packet.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem;

use wire::{Burst, Depth, Frame, Nic, NicInfo, RxChecksum, TxOffload};

/// Room ahead of the data, as DPDK leaves it.
const HEADROOM: usize = 128;
/// Octets of a frame's buffer.
const BUFFER: usize = 2_048 + HEADROOM;

thread_local! {
    /// Buffers of frames that are no more, the last one first.
    static FREE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
    /// Frames on their way: by port, to the worker and from it.
    static WIRES: RefCell<Vec<[VecDeque<MemFrame>; 2]>> = const { RefCell::new(Vec::new()) };
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// To the worker.
    In,
    /// From the worker.
    Out,
}

/// A frame whose checksums a port has verified.
#[derive(Debug)]
pub(crate) struct MemFrame {
    buffer: Box<[u8]>,
    start: usize,
    len: usize,
}

impl MemFrame {
    fn empty() -> Self {
        let free = FREE.with_borrow_mut(Vec::pop);
        Self {
            buffer: free.unwrap_or_else(|| vec![0; BUFFER].into_boxed_slice()),
            start: HEADROOM,
            len: 0,
        }
    }
}

impl Drop for MemFrame {
    fn drop(&mut self) {
        let buffer = mem::take(&mut self.buffer);
        // At the end of the thread there may be nowhere to put it.
        let _ = FREE.try_with(|free| free.borrow_mut().push(buffer));
    }
}

impl Frame for MemFrame {
    fn data(&self) -> &[u8] {
        let end = self.start + self.len;
        self.buffer.get(self.start..end).unwrap_or_default()
    }

    fn data_mut(&mut self) -> &mut [u8] {
        let end = self.start + self.len;
        self.buffer.get_mut(self.start..end).unwrap_or_default()
    }

    fn headroom(&self) -> usize {
        self.start
    }

    fn tailroom(&self) -> usize {
        self.buffer.len() - self.start - self.len
    }

    fn prepend(&mut self, len: usize) -> bool {
        let Some(start) = self.start.checked_sub(len) else {
            return false;
        };
        (self.start, self.len) = (start, self.len + len);
        true
    }

    fn trim_front(&mut self, len: usize) -> bool {
        let fits = len <= self.len;
        if fits {
            (self.start, self.len) = (self.start + len, self.len - len);
        }
        fits
    }

    fn append(&mut self, len: usize) -> bool {
        let fits = len <= self.tailroom();
        if fits {
            self.len += len;
        }
        fits
    }

    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    fn is_contiguous(&self) -> bool {
        true
    }

    fn rx_ip_checksum(&self) -> RxChecksum {
        RxChecksum::Good
    }

    fn rx_l4_checksum(&self) -> RxChecksum {
        RxChecksum::Good
    }

    /// Never asked: the port fills in nothing.
    fn set_tx_offload(&mut self, _: u8, _: TxOffload) {}

    fn prefetch(&self) {}
}

/// A port of the worker, and the handle on what is connected to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemNic {
    info: NicInfo,
    wire: usize,
}

impl MemNic {
    /// A new port. It belongs to the thread that made it.
    pub(crate) fn new(info: NicInfo) -> Self {
        let wire = WIRES.with_borrow_mut(|wires| {
            wires.push([VecDeque::new(), VecDeque::new()]);
            wires.len() - 1
        });
        Self { info, wire }
    }

    /// Puts `octets` on the way to the worker.
    pub(crate) fn inject(&self, octets: &[u8]) {
        let mut frame = MemFrame::empty();
        assert!(frame.append(octets.len()), "a frame has room");
        frame.data_mut().copy_from_slice(octets);
        self.with(Way::In, |wire| wire.push_back(frame));
    }

    /// Frames on the way to the worker.
    pub(crate) fn waiting(&self) -> usize {
        self.with(Way::In, |wire| wire.len())
    }

    /// The next frame from the worker.
    pub(crate) fn take(&self) -> Option<MemFrame> {
        self.with(Way::Out, VecDeque::pop_front)
    }

    fn with<T>(&self, way: Way, f: impl FnOnce(&mut VecDeque<MemFrame>) -> T) -> T {
        WIRES.with_borrow_mut(|wires| {
            let wire = wires
                .get_mut(self.wire)
                .and_then(|wire| wire.get_mut(way as usize));
            f(wire.expect("a port is used by the thread that made it"))
        })
    }
}

impl Nic for MemNic {
    type Frame = MemFrame;

    fn info(&self) -> NicInfo {
        self.info
    }

    fn rx_burst(&mut self, burst: &mut Burst<MemFrame>) -> usize {
        self.with(Way::In, |wire| {
            let count = wire.len().min(burst.remaining_capacity());
            burst.extend(wire.drain(..count));
            count
        })
    }

    fn tx_burst(&mut self, burst: &mut Burst<MemFrame>) -> usize {
        let count = burst.len();
        self.with(Way::Out, |wire| wire.extend(burst.drain(..)));
        count
    }

    fn rx_depth(&mut self) -> Option<Depth> {
        None
    }

    fn alloc(&mut self) -> Option<MemFrame> {
        Some(MemFrame::empty())
    }
}
