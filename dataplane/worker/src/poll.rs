//! The loop: a turn takes a burst from each port and runs every frame to its end.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use abi::{Counter, Now};
use ip::InterfaceId;
use wire::udp::Datagram;
use wire::{Burst, Frame, Nic, Packet, Parsed};

use crate::Worker;
use crate::classify::Class;
use crate::handoff::Message;
use crate::idle::{Backoff, Rest};
use crate::media::{Arrival, fetch_frames};
use crate::setup::worker_number;

/// Messages of other workers taken in one turn.
const MESSAGES_PER_TURN: usize = 64;
/// Legs taken back from handshakes in one turn.
const HANDSHAKES_PER_TURN: usize = 16;
/// Timers fired in one turn.
const TIMERS_PER_TURN: usize = 64;
/// Turns between two housekeepings of a busy worker.
const HOUSEKEEP_TURNS: u64 = 256;
/// Time between two housekeepings of an idle worker: what comes meanwhile waits for them.
const HOUSEKEEP_EVERY: Duration = Duration::from_micros(10);

/// What one turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Whether it found anything to do.
    pub busy: bool,
    /// Media packets that it passed on.
    pub media: u64,
}

impl<N: Nic> Worker<N> {
    /// Polls until it is told to stop, then ends every session.
    pub fn run(&mut self, clock: impl Fn() -> Now) {
        if self.id == 0 {
            let (stack, ports) = self.net.parts();
            stack.announce(ports);
        }
        let mut backoff = Backoff::new(self.policy.image.boot.idle);
        while !self.stop.load(Ordering::Relaxed) {
            let now = clock();
            let turn = self.poll_once(now);
            let took = u64::try_from(clock().since(now).as_nanos()).unwrap_or(u64::MAX);
            self.times.turn.record(took, 1);
            if turn.busy {
                self.counters.add(Counter::BusyNanos, took);
                self.report.note_turn(took);
                if turn.media > 0 {
                    self.times.media_delay.record(took, turn.media);
                }
            }
            let next = || self.next_deadline().map(|at| at.since(now));
            match backoff.after_turn(turn.busy, next) {
                Rest::None => {}
                Rest::Pause => core::hint::spin_loop(),
                Rest::Sleep(time) => {
                    self.counters.add(Counter::Sleeps, 1);
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "the idle back-off is the one place that gives the core back"
                    )]
                    thread::sleep(time);
                }
            }
        }
        self.end_all(clock());
        self.net.ports.flush();
    }

    /// When something is to be done unless a frame comes before; it may be told too early.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Now> {
        let deadlines = [self.wheel.next_deadline(), self.net.stack.next_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// One turn of the loop.
    pub fn poll_once(&mut self, now: Now) -> Turn {
        self.net.begin_turn();
        // News of neighbours first: the answer to another worker's question may come by our port.
        let mut work = self.take_messages(now);
        self.run_segments(now);
        let mut media = self.run_media(now);
        for nic in 0..self.net.ports.len() {
            let mut burst = Burst::new();
            let received = self.net.ports.receive(nic, &mut burst);
            if received == 0 {
                continue;
            }
            work += received;
            let octets: usize = burst.iter().map(|frame| frame.data().len()).sum();
            self.bursts.record(received);
            self.counters.add(Counter::RxFrames, received as u64);
            self.counters.add(Counter::RxBytes, octets as u64);
            fetch_frames(&burst);
            for frame in burst {
                self.on_frame(nic, frame, true, now);
            }
            self.run_segments(now);
            media += self.run_media(now);
            // Now, not at the end of the turn: what comes next would delay it.
            self.net.ports.flush();
        }
        work += self.take_handshakes(HANDSHAKES_PER_TURN, now);
        work += self.fire_timers(now);
        work += self.sweep_on(now);
        work += self.net.ports.flush();
        self.turns += 1;
        let busy = work > 0;
        self.counters.add(Counter::Loops, 1);
        self.counters.add(Counter::BusyLoops, u64::from(busy));
        if self.turns.is_multiple_of(HOUSEKEEP_TURNS) || (!busy && now >= self.housekeep_at) {
            self.housekeep(now);
            self.housekeep_at = now + HOUSEKEEP_EVERY;
        }
        Turn { busy, media }
    }

    /// Runs one frame to its end, or puts it in line for the burst of media or TCP. A frame of another
    /// worker's is handed to it, if it is `fresh` from a port.
    fn on_frame(&mut self, nic: usize, frame: N::Frame, fresh: bool, now: Now) {
        let port = worker_number(nic);
        match self.media.recognise(&self.net.stack, port, &frame) {
            Some(arrival) => self.on_media(nic, frame, &arrival, fresh, now),
            None => self.on_other_frame(nic, frame, fresh, now),
        }
    }

    #[inline]
    fn on_media(&mut self, nic: usize, frame: N::Frame, arrival: &Arrival, fresh: bool, now: Now) {
        let owner = usize::from(arrival.port.owner);
        if fresh && owner != self.id {
            self.net.ports.hand(owner, Message::Received { nic, frame });
        } else {
            self.queue_media(frame, arrival, now);
        }
    }

    /// As [`on_frame`](Self::on_frame), for all but ordinary media.
    #[inline(never)]
    fn on_other_frame(&mut self, nic: usize, frame: N::Frame, fresh: bool, now: Now) {
        match wire::parse(&frame) {
            Ok(Parsed::Ip(packet)) => self.on_packet(nic, frame, packet, fresh, now),
            Ok(Parsed::Arp(link)) => {
                let (stack, ports) = self.net.parts();
                stack.on_arp(worker_number(nic), frame, &link, now, ports);
            }
            Err(reason) => self.counters.refuse(reason),
        }
    }

    fn on_packet(&mut self, nic: usize, frame: N::Frame, packet: Packet, fresh: bool, now: Now) {
        let interface = match self.net.stack.accept(worker_number(nic), &packet) {
            Ok(interface) => interface,
            Err(reason) => return self.counters.refuse(reason),
        };
        let class = self.classify(interface, &frame, &packet);
        let owner = class.owner().unwrap_or(self.id);
        if fresh && owner != self.id {
            self.net.ports.hand(owner, Message::Received { nic, frame });
            return;
        }
        match class {
            Class::Media(port) => {
                let arrival = Arrival::new(port, &Datagram::from(&packet));
                self.queue_media(frame, &arrival, now);
            }
            Class::Signal { .. } => self.queue_segment(interface, frame, packet, now),
            Class::Fragment { .. } => self.on_fragment(nic, interface, &frame, &packet, now),
            Class::Report { report, .. } if self.on_report(&report, now) => {}
            Class::Report { .. } | Class::Here => self.on_other(interface, frame, packet, now),
        }
    }

    /// A part of a packet; the whole of it, once it is there, begins anew.
    fn on_fragment(
        &mut self,
        nic: usize,
        interface: InterfaceId,
        frame: &N::Frame,
        packet: &Packet,
        now: Now,
    ) {
        let (stack, ports) = self.net.parts();
        if let Some(whole) = stack.on_fragment(frame, packet, interface, now, ports) {
            self.on_frame(nic, whole, true, now);
        }
    }

    fn take_messages(&mut self, now: Now) -> usize {
        let mut taken = 0;
        while taken < MESSAGES_PER_TURN {
            let Some(message) = self.net.ports.handoff.receive() else {
                break;
            };
            taken += 1;
            self.counters.add(Counter::HandoffIn, 1);
            match message {
                Message::Received { nic, frame } => self.on_frame(nic, frame, false, now),
                Message::Transmit { nic, frame } => self.net.ports.push(nic, frame),
                Message::Neighbor(event) => {
                    let (stack, ports) = self.net.parts();
                    stack.import(event, now, ports);
                }
            }
        }
        taken
    }

    fn fire_timers(&mut self, now: Now) -> usize {
        let mut fired = 0;
        while fired < TIMERS_PER_TURN {
            let Some(index) = self.wheel.pop(now) else {
                break;
            };
            fired += 1;
            self.on_timer(index, now);
        }
        fired
    }
}
