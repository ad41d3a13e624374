//! Ports and frames in memory, so that every stage can be tested without DPDK.
//!
//! [`SimNic::pair`] makes two ports joined by a cable; a test holds one end and gives the other
//! to what it tests. [`SimCable`] breaks things on purpose: loss, short transmit rings, an empty
//! pool.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
    mpsc::{Receiver, Sender, channel},
};

use crate::{BURST, Burst, Depth, Frame, Nic, NicInfo, RxChecksum, TxOffload};

mod fill;

/// Octets ahead of the data of a fresh frame, as DPDK leaves them.
pub const HEADROOM: usize = 128;

/// Octets of a frame's buffer.
pub const BUFFER_LEN: usize = 2048 + HEADROOM;

/// A frame on the heap. As large as a pointer, so that to hand one on costs what it costs with a
/// buffer of DPDK.
#[derive(Debug)]
pub struct SimFrame(Box<State>);

#[derive(Debug)]
struct State {
    buffer: Box<[u8]>,
    start: usize,
    len: usize,
    ip_checksum: RxChecksum,
    l4_checksum: RxChecksum,
    contiguous: bool,
    /// What the port is asked to fill in, and behind how much of a link header.
    offload: Option<(u8, TxOffload)>,
    /// Frames that live, of the pool that this one is from.
    live: Option<Arc<AtomicUsize>>,
}

impl SimFrame {
    /// An empty frame of no pool.
    #[must_use]
    pub fn empty() -> Self {
        Self(Box::new(State {
            buffer: vec![0; BUFFER_LEN].into_boxed_slice(),
            start: HEADROOM,
            len: 0,
            ip_checksum: RxChecksum::Unknown,
            l4_checksum: RxChecksum::Unknown,
            contiguous: true,
            offload: None,
            live: None,
        }))
    }

    /// A frame that holds `bytes`, in a buffer large enough for them.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut frame = Self::empty();
        if bytes.len() > BUFFER_LEN - HEADROOM {
            frame.0.buffer = vec![0; HEADROOM + bytes.len()].into_boxed_slice();
        }
        frame.0.len = bytes.len();
        frame.data_mut().copy_from_slice(bytes);
        frame
    }

    /// Sets what the port says about the checksums.
    #[must_use]
    pub fn with_checksums(mut self, ip: RxChecksum, l4: RxChecksum) -> Self {
        (self.0.ip_checksum, self.0.l4_checksum) = (ip, l4);
        self
    }

    /// Makes the frame look as if it went on in another buffer.
    #[must_use]
    pub fn in_segments(mut self) -> Self {
        self.0.contiguous = false;
        self
    }
}

impl Drop for SimFrame {
    fn drop(&mut self) {
        if let Some(live) = &self.0.live {
            live.fetch_sub(1, Relaxed);
        }
    }
}

impl Frame for SimFrame {
    fn data(&self) -> &[u8] {
        self.0
            .buffer
            .get(self.0.start..self.0.start + self.0.len)
            .unwrap_or_default()
    }

    fn data_mut(&mut self) -> &mut [u8] {
        self.0
            .buffer
            .get_mut(self.0.start..self.0.start + self.0.len)
            .unwrap_or_default()
    }

    fn headroom(&self) -> usize {
        self.0.start
    }

    fn tailroom(&self) -> usize {
        self.0.buffer.len() - self.0.start - self.0.len
    }

    fn prepend(&mut self, len: usize) -> bool {
        let Some(start) = self.0.start.checked_sub(len) else {
            return false;
        };
        self.0.start = start;
        self.0.len += len;
        true
    }

    fn trim_front(&mut self, len: usize) -> bool {
        if len > self.0.len {
            return false;
        }
        self.0.start += len;
        self.0.len -= len;
        true
    }

    fn append(&mut self, len: usize) -> bool {
        if len > self.tailroom() {
            return false;
        }
        self.0.len += len;
        true
    }

    fn truncate(&mut self, len: usize) {
        self.0.len = self.0.len.min(len);
    }

    fn is_contiguous(&self) -> bool {
        self.0.contiguous
    }

    fn rx_ip_checksum(&self) -> RxChecksum {
        self.0.ip_checksum
    }

    fn rx_l4_checksum(&self) -> RxChecksum {
        self.0.l4_checksum
    }

    fn set_tx_offload(&mut self, l2_len: u8, offload: TxOffload) {
        self.0.offload = Some((l2_len, offload));
    }

    fn prefetch(&self) {}
}

/// What a test may do to one end of a cable while something else owns the port.
#[derive(Clone, Debug)]
pub struct SimCable {
    inner: Arc<CableState>,
}

#[derive(Debug)]
struct CableState {
    /// Of the frames sent, every n-th is lost; 0: none.
    loss_every: AtomicUsize,
    /// Frames that one `tx_burst` takes at most.
    tx_max: AtomicUsize,
    /// Frames that may live at once.
    pool_len: AtomicUsize,
    live: Arc<AtomicUsize>,
    /// Frames sent whose checksums the port was asked to fill in.
    filled: AtomicUsize,
}

impl SimCable {
    fn new() -> Self {
        let inner = CableState {
            loss_every: AtomicUsize::new(0),
            tx_max: AtomicUsize::new(BURST),
            pool_len: AtomicUsize::new(usize::MAX),
            live: Arc::new(AtomicUsize::new(0)),
            filled: AtomicUsize::new(0),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Loses every `n`-th frame that the port sends from now on; 0 loses none.
    pub fn set_loss_every(&self, n: usize) {
        self.inner.loss_every.store(n, Relaxed);
    }

    /// Makes each `tx_burst` take `n` frames at most.
    pub fn set_tx_max(&self, n: usize) {
        self.inner.tx_max.store(n, Relaxed);
    }

    /// Lets `n` frames of the port's pool live at once.
    pub fn set_pool_len(&self, n: usize) {
        self.inner.pool_len.store(n, Relaxed);
    }

    /// Frames of the port's pool that live now.
    #[must_use]
    pub fn live_frames(&self) -> usize {
        self.inner.live.load(Relaxed)
    }

    /// Frames that the port was asked to fill in checksums of.
    #[must_use]
    pub fn filled_frames(&self) -> usize {
        self.inner.filled.load(Relaxed)
    }
}

/// A port whose cable ends in another one.
#[derive(Debug)]
pub struct SimNic {
    info: NicInfo,
    rx: Receiver<SimFrame>,
    tx: Sender<SimFrame>,
    cable: SimCable,
    sent: usize,
}

impl SimNic {
    /// Two ports joined to each other.
    #[must_use]
    pub fn pair(a: NicInfo, b: NicInfo) -> (Self, Self) {
        let ((to_b, from_a), (to_a, from_b)) = (channel(), channel());
        let new = |info, rx, tx| Self {
            info,
            rx,
            tx,
            cable: SimCable::new(),
            sent: 0,
        };
        (new(a, from_b, to_b), new(b, from_a, to_a))
    }

    /// The handle on this end of the cable.
    #[must_use]
    pub fn cable(&self) -> SimCable {
        self.cable.clone()
    }

    /// Sends one frame that holds `bytes`.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let mut burst = Burst::new();
        burst.push(SimFrame::from_bytes(bytes));
        self.tx_burst(&mut burst);
    }

    /// Takes the next frame that arrived.
    pub fn receive(&mut self) -> Option<SimFrame> {
        self.rx.try_recv().ok()
    }

    fn is_lost(&mut self) -> bool {
        self.sent = self.sent.wrapping_add(1);
        let every = self.cable.inner.loss_every.load(Relaxed);
        every != 0 && self.sent.is_multiple_of(every)
    }
}

impl Nic for SimNic {
    type Frame = SimFrame;

    fn info(&self) -> NicInfo {
        self.info
    }

    fn rx_burst(&mut self, burst: &mut Burst<SimFrame>) -> usize {
        let before = burst.len();
        while !burst.is_full() {
            let Ok(frame) = self.rx.try_recv() else { break };
            burst.push(frame);
        }
        burst.len() - before
    }

    fn tx_burst(&mut self, burst: &mut Burst<SimFrame>) -> usize {
        let count = burst.len().min(self.cable.inner.tx_max.load(Relaxed));
        for mut frame in burst.drain(..count) {
            if let Some((l2_len, offload)) = frame.0.offload.take() {
                let able = self.info.tx_checksums;
                fill::fill(frame.data_mut(), l2_len.into(), offload, able);
                self.cable.inner.filled.fetch_add(1, Relaxed);
            }
            if !self.is_lost() {
                // The other end may be gone; then the cable is open and the frame is lost.
                drop(self.tx.send(frame));
            }
        }
        count
    }

    /// A cable does not say what is on it.
    fn rx_depth(&mut self) -> Option<Depth> {
        None
    }

    fn alloc(&mut self) -> Option<SimFrame> {
        let state = &self.cable.inner;
        if state.live.load(Relaxed) >= state.pool_len.load(Relaxed) {
            return None;
        }
        state.live.fetch_add(1, Relaxed);
        let mut frame = SimFrame::empty();
        frame.0.live = Some(Arc::clone(&state.live));
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MacAddr, TxChecksums};

    fn pair() -> (SimNic, SimNic) {
        let info = |last| NicInfo {
            mac: MacAddr([2, 0, 0, 0, 0, last]),
            mtu: 1500,
            has_rx: true,
            has_tx: true,
            tx_checksums: TxChecksums::NONE,
        };
        SimNic::pair(info(1), info(2))
    }

    #[test]
    fn room_is_kept_at_both_ends() {
        let mut frame = SimFrame::from_bytes(b"payload");
        assert!(frame.prepend(14) && frame.append(3));
        assert_eq!((frame.data().len(), frame.headroom()), (24, HEADROOM - 14));
        assert!(!frame.prepend(HEADROOM) && !frame.append(BUFFER_LEN) && !frame.trim_front(25));
        assert!(frame.trim_front(14));
        frame.truncate(7);
        assert_eq!(frame.data(), b"payload");
        assert_eq!(SimFrame::from_bytes(&[1; 9000]).data(), [1; 9000]);
    }

    #[test]
    fn frames_arrive_in_order_at_the_other_end() {
        let (mut a, mut b) = pair();
        for i in 0..40u8 {
            a.send_bytes(&[i]);
        }
        let mut burst = Burst::new();
        assert_eq!(b.rx_burst(&mut burst), BURST);
        assert_eq!(burst[31].data(), [31]);
        assert_eq!(b.rx_burst(&mut burst), 0, "the burst is full");
        burst.clear();
        assert_eq!(b.rx_burst(&mut burst), 8);
        assert!(a.receive().is_none());
    }

    #[test]
    fn cable_loses_and_refuses_on_demand() {
        let (mut a, mut b) = pair();
        let cable = a.cable();
        cable.set_loss_every(2);
        cable.set_tx_max(3);
        let mut burst: Burst<SimFrame> = (0..4).map(|i| SimFrame::from_bytes(&[i])).collect();
        assert_eq!(a.tx_burst(&mut burst), 3);
        assert_eq!(burst.len(), 1);
        let arrived: Vec<u8> = core::iter::from_fn(|| b.receive())
            .map(|f| f.data()[0])
            .collect();
        assert_eq!(arrived, [0, 2]);
    }

    #[test]
    fn pool_counts_what_lives() {
        let (mut a, b) = pair();
        let cable = a.cable();
        cable.set_pool_len(2);
        let (first, second) = (a.alloc(), a.alloc());
        assert!(first.is_some() && second.is_some() && a.alloc().is_none());
        drop((first, b));
        assert_eq!(cable.live_frames(), 1);
        let mut burst: Burst<SimFrame> = second.into_iter().collect();
        assert_eq!(a.tx_burst(&mut burst), 1);
        assert_eq!(cable.live_frames(), 0, "the other end is gone");
    }
}
