//! The worker's ports and its IP stack: how anything leaves.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use abi::counters::Counters;
use abi::records::PortQueues;
use abi::{Counter, Now, Reason};
use ip::{Egress, NeighborEvent, Stack};
use tcp::Transmit;
use wire::{BURST, Burst, Frame, Nic, NicInfo, offload};

use crate::handoff::{Handoff, Message};

/// Resets sent in one turn to segments of no connection; a forged one makes us send to its
/// source.
const RESETS_PER_TURN: u32 = 16;

/// Frames on their way out by one port.
#[derive(Debug)]
struct Outgoing<F> {
    /// They leave at the end of the turn, or when the burst is full.
    line: Burst<F>,
    /// How many the port has taken.
    taken: u64,
    /// How many it has not taken.
    refused: u64,
}

impl<F> Outgoing<F> {
    const NONE: Self = Self {
        line: Burst::new_const(),
        taken: 0,
        refused: 0,
    };
}

/// Ports, and frames on their way out of them.
#[derive(Debug)]
pub(crate) struct Ports<N: Nic> {
    id: usize,
    nics: Vec<N>,
    /// By port.
    outgoing: Vec<Outgoing<N::Frame>>,
    /// Which worker sends by each port: this one wherever it has a queue.
    senders: Vec<usize>,
    pub(crate) handoff: Handoff<N::Frame>,
    pub(crate) counters: Counters<'static>,
}

impl<N: Nic> Ports<N> {
    pub(crate) fn new(
        id: usize,
        nics: Vec<N>,
        senders: Vec<usize>,
        handoff: Handoff<N::Frame>,
        counters: Counters<'static>,
    ) -> Self {
        let outgoing = nics.iter().map(|_| Outgoing::NONE).collect();
        Self {
            id,
            nics,
            outgoing,
            senders,
            handoff,
            counters,
        }
    }

    /// What each port is and can do.
    pub(crate) fn infos(&self) -> Vec<NicInfo> {
        self.nics.iter().map(Nic::info).collect()
    }

    /// How many ports there are.
    pub(crate) fn len(&self) -> usize {
        self.nics.len()
    }

    /// Takes a burst from a port.
    pub(crate) fn receive(&mut self, nic: usize, burst: &mut Burst<N::Frame>) -> usize {
        self.nics.get_mut(nic).map_or(0, |nic| nic.rx_burst(burst))
    }

    /// Puts a finished frame in line for a port on which this worker has a queue.
    #[inline]
    pub(crate) fn push(&mut self, nic: usize, frame: N::Frame) {
        let Some(Outgoing { line, .. }) = self.outgoing.get_mut(nic) else {
            return;
        };
        line.push(frame);
        if line.len() == BURST {
            self.flush_port(nic);
        }
    }

    /// Sends all that is in line. Never waits; what a port does not take is dropped, counted.
    pub(crate) fn flush(&mut self) -> usize {
        (0..self.nics.len()).map(|nic| self.flush_port(nic)).sum()
    }

    fn flush_port(&mut self, at: usize) -> usize {
        let (Some(nic), Some(out)) = (self.nics.get_mut(at), self.outgoing.get_mut(at)) else {
            return 0;
        };
        if out.line.is_empty() {
            return 0;
        }
        let octets =
            |line: &Burst<N::Frame>| -> usize { line.iter().map(|frame| frame.data().len()).sum() };
        let offered = octets(&out.line);
        let sent = nic.tx_burst(&mut out.line);
        out.taken += sent as u64;
        self.counters.add(Counter::TxFrames, sent as u64);
        self.counters
            .add(Counter::TxBytes, (offered - octets(&out.line)) as u64);
        for _ in out.line.drain(..) {
            out.refused += 1;
            self.counters.refuse(if out.taken == 0 {
                Reason::TxClosed
            } else {
                Reason::TxFull
            });
        }
        sent
    }

    /// This worker's queues on a port; the receive queue is looked at if `ask_rx`.
    pub(crate) fn queues(&mut self, nic: usize, ask_rx: bool) -> Option<PortQueues> {
        let out = self.outgoing.get(nic)?;
        Some(PortQueues {
            rx: self
                .nics
                .get_mut(nic)
                .filter(|_| ask_rx)
                .and_then(Nic::rx_depth),
            tx_taken: out.taken,
            tx_refused: out.refused,
        })
    }

    /// Gives a message to another worker, or drops it, counted.
    pub(crate) fn hand(&self, worker: usize, message: Message<N::Frame>) {
        match self.handoff.send(worker, message) {
            Ok(()) => self.counters.add(Counter::HandoffOut, 1),
            Err(_) => self.counters.refuse(Reason::HandoffFull),
        }
    }
}

impl<N: Nic> Egress<N::Frame> for Ports<N> {
    fn alloc(&mut self, port: u16) -> Option<N::Frame> {
        self.nics.get_mut(usize::from(port))?.alloc()
    }

    #[inline]
    fn send(&mut self, port: u16, frame: N::Frame) {
        let nic = usize::from(port);
        match self.senders.get(nic) {
            Some(&sender) if sender != self.id => {
                self.hand(sender, Message::Transmit { nic, frame });
            }
            _ => self.push(nic, frame),
        }
    }

    fn refuse(&mut self, reason: Reason) {
        self.counters.refuse(reason);
    }

    fn count(&mut self, counter: Counter) {
        self.counters.add(counter, 1);
    }

    fn tell(&mut self, event: NeighborEvent) {
        for worker in (0..self.handoff.workers()).filter(|&worker| worker != self.id) {
            self.hand(worker, Message::Neighbor(event));
        }
    }
}

/// Ports and stack together.
#[derive(Debug)]
pub(crate) struct Net<N: Nic> {
    pub(crate) ports: Ports<N>,
    pub(crate) stack: Stack<N::Frame>,
    resets: u32,
}

impl<N: Nic> Net<N> {
    pub(crate) const fn new(ports: Ports<N>, stack: Stack<N::Frame>) -> Self {
        Self {
            ports,
            stack,
            resets: 0,
        }
    }

    /// Both parts, to lend one to the other.
    pub(crate) const fn parts(&mut self) -> (&mut Stack<N::Frame>, &mut Ports<N>) {
        (&mut self.stack, &mut self.ports)
    }

    /// Begins a turn: resets may be sent again.
    pub(crate) const fn begin_turn(&mut self) {
        self.resets = 0;
    }

    /// Answers a segment that belongs to no connection.
    pub(crate) fn reset(&mut self, segment: &[u8], now: Now) {
        if self.resets < RESETS_PER_TURN {
            self.resets += 1;
            tcp::reset_for(segment, &mut TcpOut::new(self, now));
        }
    }
}

/// Where TCP's packets go: into a fresh frame, and out by the route to their destination.
pub(crate) struct TcpOut<'a, N: Nic> {
    net: &'a mut Net<N>,
    now: Now,
}

impl<'a, N: Nic> TcpOut<'a, N> {
    pub(crate) const fn new(net: &'a mut Net<N>, now: Now) -> Self {
        Self { net, now }
    }
}

impl<N: Nic> Transmit for TcpOut<'_, N> {
    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> bool {
        let Net { ports, stack, .. } = &mut *self.net;
        let Some(mut frame) = ports.alloc(0) else {
            ports.counters.refuse(Reason::NoBuffer);
            return false;
        };
        if !frame.append(len) {
            ports.counters.refuse(Reason::NoBuffer);
            return false;
        }
        fill(frame.data_mut());
        let to = destination(frame.data()).ok_or(Reason::IpMalformed);
        match to.and_then(|to| stack.next_hop(to, self.now)) {
            Ok(hop) => {
                stack.finish_and_transmit_to(frame, hop, offload::complete_tcp, self.now, ports);
            }
            Err(reason) => ports.counters.refuse(reason),
        }
        true
    }
}

/// Destination of an IP packet.
fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => <[u8; 4]>::try_from(packet.get(16..20)?)
            .ok()
            .map(|a| Ipv4Addr::from(a).into()),
        6 => <[u8; 16]>::try_from(packet.get(24..40)?)
            .ok()
            .map(|a| Ipv6Addr::from(a).into()),
        _ => None,
    }
}
