//! The call manager: accepts every connection and every REGISTER.

use core::net::SocketAddr;
use std::collections::HashMap;

use abi::Now;
use flow::Wheel;
use sip::{Framer, Limits, Parsed, reply};
use tcp::{Cookies, Params, TcpLeg, Transmit};
use wire::tcp::TcpView;
use wire::{Nic, Packet};

use crate::side::Side;

/// Connections that are woken in one turn.
const TIMERS: usize = 64;

/// One connection of the proxy's.
struct Connection {
    tcp: TcpLeg,
    framer: Framer,
}

/// The call manager.
pub(crate) struct Manager {
    params: Params,
    cookies: Cookies,
    places: HashMap<SocketAddr, u32>,
    connections: Vec<Option<Box<Connection>>>,
    free: Vec<u32>,
    wheel: Wheel,
    /// REGISTER requests answered.
    pub(crate) registered: usize,
    /// Connections that ended in another way than by the proxy's closing them.
    pub(crate) broken: usize,
}

impl Manager {
    /// A call manager with room for `most` connections.
    pub(crate) fn new(most: usize, params: Params, now: Now) -> Self {
        let most = u32::try_from(most).expect("fewer connections than ports");
        Self {
            params,
            cookies: Cookies::new(&[9; 32], &params, now),
            places: HashMap::new(),
            connections: (0..most).map(|_| None).collect(),
            free: (0..most).rev().collect(),
            wheel: Wheel::new(most, now),
            registered: 0,
            broken: 0,
        }
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.places.len()
    }

    /// Some of the connections that are open, and how they stand.
    pub(crate) fn some_open(&self) -> Vec<String> {
        let open = self.connections.iter().flatten();
        open.take(3).map(|c| format!("{:?}", c.tcp)).collect()
    }

    /// Gives a segment to its connection, or begins one.
    pub(crate) fn on_segment<N: Nic>(
        &mut self,
        packet: &Packet,
        header: &[u8],
        segment: &[u8],
        side: &mut Side<N>,
        now: Now,
    ) {
        let remote = SocketAddr::new(packet.src, packet.src_port);
        let mut tx = side.towards(packet.src, now);
        if let Some(&place) = self.places.get(&remote) {
            if let Some(Some(connection)) = self.connections.get_mut(place as usize) {
                // A segment that is dropped comes again if it matters.
                let _ = connection.tcp.on_segment(segment, now, &mut tx);
            }
            return self.poll(place, &mut tx, now);
        }
        let Ok(flags) = TcpView::parse(header).map(|view| view.flags()) else {
            return;
        };
        if flags.is_initial_syn() {
            // Nor is a SYN that cannot be answered any loss: it comes again.
            let _ = self.cookies.on_syn(segment, now, &mut tx);
        } else {
            self.accept(remote, segment, &mut tx, now);
        }
    }

    fn accept(&mut self, remote: SocketAddr, segment: &[u8], tx: &mut dyn Transmit, now: Now) {
        let Ok(accepted) = self.cookies.on_ack(segment, now) else {
            return;
        };
        let Ok(tcp) = TcpLeg::accept(&accepted, segment, &self.params, now, tx) else {
            return;
        };
        let Some(place) = self.free.pop() else {
            return;
        };
        self.places.insert(remote, place);
        if let Some(slot) = self.connections.get_mut(place as usize) {
            *slot = Some(Box::new(Connection {
                tcp,
                framer: Framer::new(Limits::default()),
            }));
        }
        self.poll(place, tx, now);
    }

    /// Wakes the connections whose time has come.
    pub(crate) fn fire_timers<N: Nic>(&mut self, side: &mut Side<N>, now: Now) {
        for _ in 0..TIMERS {
            let Some(place) = self.wheel.pop(now) else {
                break;
            };
            let connection = self.connections.get(place as usize);
            if let Some(Some(connection)) = connection {
                let to = connection.tcp.remote().ip();
                self.poll(place, &mut side.towards(to, now), now);
            }
        }
    }

    fn poll(&mut self, place: u32, tx: &mut dyn Transmit, now: Now) {
        let Some(slot) = self.connections.get_mut(place as usize) else {
            return;
        };
        let Some(connection) = slot.as_deref_mut() else {
            return;
        };
        self.registered += connection.serve();
        if connection.tcp.peer_finished() {
            connection.tcp.finish();
        }
        connection.tcp.poll(now, tx);
        match connection.tcp.deadline(now) {
            Some(at) => self.wheel.schedule(place, at),
            None => self.wheel.cancel(place),
        }
        if connection.tcp.is_done() {
            let finished = connection.tcp.peer_finished();
            self.broken += usize::from(!finished);
            self.places.remove(&connection.tcp.remote());
            self.wheel.cancel(place);
            *slot = None;
            self.free.push(place);
        }
    }
}

impl Connection {
    /// Answers what has come in, and returns how many requests that was.
    fn serve(&mut self) -> usize {
        let Self { tcp, framer } = self;
        let mut answers = Vec::new();
        loop {
            let taken = tcp.recv(|octets| {
                let mut rest = octets;
                while let Ok(parsed) = framer.read(&mut rest) {
                    match parsed {
                        Parsed::Need(_) => break,
                        Parsed::Blank { .. } => {}
                        Parsed::Frame(frame) => {
                            answers.extend(reply::to_request(&frame, 200, "OK", "manager"));
                        }
                    }
                }
                octets.len()
            });
            if taken == 0 {
                break;
            }
        }
        for answer in &answers {
            let sent = tcp.send(answer);
            debug_assert_eq!(sent, answer.len(), "the buffer is empty");
        }
        answers.len()
    }
}
