//! One port of ours with an IP stack above it: TCP segments come out, packets go in.

use core::net::IpAddr;
use std::collections::VecDeque;

use abi::policy::{Interface, Prefix, Route};
use abi::{Counter, Now, Reason};
use ip::{Egress, Limits, NeighborEvent, Stack};
use tcp::Transmit;
use wire::offload::complete_tcp;
use wire::{Burst, Frame, Nic, Packet, Parsed, proto};

/// Frames that may wait for room in the port's ring.
const BACKLOG_MAX: usize = 4_096;

/// A port, and frames that wait for room in its ring.
struct Port<N: Nic> {
    nic: N,
    backlog: VecDeque<N::Frame>,
    lost: u64,
}

impl<N: Nic> Egress<N::Frame> for Port<N> {
    fn alloc(&mut self, _: u16) -> Option<N::Frame> {
        self.nic.alloc()
    }

    fn send(&mut self, _: u16, frame: N::Frame) {
        if self.backlog.len() < BACKLOG_MAX {
            self.backlog.push_back(frame);
        } else {
            self.lost += 1;
        }
    }

    fn refuse(&mut self, _: Reason) {
        self.lost += 1;
    }

    fn count(&mut self, _: Counter) {}

    fn tell(&mut self, _: NeighborEvent) {}
}

/// Where a side stands in the network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Our address, in a network of 256.
    pub(crate) address: IpAddr,
    /// The router to everywhere else.
    pub(crate) router: IpAddr,
}

/// One port of ours with an IP stack above it.
pub(crate) struct Side<N: Nic> {
    port: Port<N>,
    stack: Stack<N::Frame>,
}

impl<N: Nic> Side<N> {
    /// A side of the network at `place`.
    pub(crate) fn new(nic: N, place: Place) -> Self {
        let mut stack = Stack::new(Limits::default());
        let interface = Interface {
            name: "side".to_owned(),
            device: 0,
            vlan: None,
            addresses: vec![Prefix {
                address: place.address,
                len: 24,
            }],
            owned: Vec::new(),
            reassemble: false,
        };
        let everywhere = Route {
            prefix: Prefix {
                address: IpAddr::from([0, 0, 0, 0]),
                len: 0,
            },
            via: Some(place.router),
            interface: 0,
        };
        stack
            .configure(&[interface], &[everywhere], &[nic.info()])
            .expect("one interface on one port");
        let port = Port {
            nic,
            backlog: VecDeque::new(),
            lost: 0,
        };
        Self { port, stack }
    }

    /// Takes the TCP segments of one burst; answers what else there is.
    pub(crate) fn receive(&mut self, now: Now) -> Burst<(N::Frame, Packet)> {
        let mut burst = Burst::new();
        self.port.nic.rx_burst(&mut burst);
        burst
            .into_iter()
            .filter_map(|frame| self.sort(frame, now))
            .collect()
    }

    fn sort(&mut self, frame: N::Frame, now: Now) -> Option<(N::Frame, Packet)> {
        match wire::parse(&frame) {
            Ok(Parsed::Ip(packet)) if packet.protocol == proto::TCP => Some((frame, packet)),
            Ok(Parsed::Arp(link)) => {
                self.stack.on_arp(0, frame, &link, now, &mut self.port);
                None
            }
            Ok(Parsed::Ip(_)) | Err(_) => {
                self.port.lost += 1;
                None
            }
        }
    }

    /// Sends what waits, as far as the ring has room, and does what is due. Returns how many
    /// frames left.
    pub(crate) fn flush(&mut self, now: Now) -> usize {
        if self.stack.next_deadline().is_some_and(|at| at <= now) {
            self.stack.poll(now, &mut self.port);
        }
        let mut sent = 0;
        while !self.port.backlog.is_empty() {
            let few = self.port.backlog.len().min(wire::BURST);
            let mut burst: Burst<N::Frame> = self.port.backlog.drain(..few).collect();
            let taken = self.port.nic.tx_burst(&mut burst);
            sent += taken;
            if taken < few {
                for frame in burst.into_iter().rev() {
                    self.port.backlog.push_front(frame);
                }
                break;
            }
        }
        sent
    }

    /// The way out for segments to `to`.
    pub(crate) const fn towards(&mut self, to: IpAddr, now: Now) -> Towards<'_, N> {
        Towards {
            side: self,
            to,
            now,
        }
    }

    /// Frames that were dropped on this side: malformed, of no use, or for want of room.
    pub(crate) const fn lost(&self) -> u64 {
        self.port.lost
    }
}

/// The way out for segments to one address.
pub(crate) struct Towards<'a, N: Nic> {
    side: &'a mut Side<N>,
    to: IpAddr,
    now: Now,
}

impl<N: Nic> Transmit for Towards<'_, N> {
    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> bool {
        let Side { port, stack } = &mut *self.side;
        let Some(mut frame) = port.nic.alloc() else {
            return false;
        };
        if !frame.append(len) {
            return false;
        }
        fill(frame.data_mut());
        match stack.next_hop(self.to, self.now) {
            Ok(hop) => stack.finish_and_transmit_to(frame, hop, complete_tcp, self.now, port),
            Err(reason) => port.refuse(reason),
        }
        true
    }

    fn has_room(&mut self) -> bool {
        self.side.port.backlog.len() < BACKLOG_MAX
    }
}
