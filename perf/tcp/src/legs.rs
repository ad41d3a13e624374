//! Packets through legs, the way a worker takes them.

use std::io::{self, Write};
use std::time::Duration;

use abi::Now;
use flow::{FlowId, FlowKey, FlowTable, HashSeed, LOOKUP_BURST, Wheel};
use tcp::{Cookies, Params, TcpLeg};

use crate::clock::{Random, clock, each, resident};
use crate::wire::{ACK, CLIENT_ISN, PSH_ACK, SYN, Sink, ends, segment};

/// A signalling message in one segment.
const MESSAGE: [u8; 512] = [b'x'; 512];
const MESSAGE_LEN: u32 = 512;
const BURSTS: usize = 1_000;
const REPEATS: usize = 40;

/// Everything a worker has for its legs.
struct Worker {
    table: FlowTable,
    wheel: Wheel,
    legs: Vec<Option<TcpLeg>>,
    sink: Sink,
    now: Now,
}

/// The clients' side: next sequence numbers of each client and of its leg.
struct Clients(Vec<(u32, u32)>);

pub(crate) fn run(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "bursts of 32 packets of random clients: a 512-octet message in and one out,"
    )?;
    writeln!(
        out,
        "then its acknowledgement in; the best of {REPEATS} runs"
    )?;
    writeln!(
        out,
        "  legs   ns/packet   without prefetch   octets/leg idle   octets/leg used"
    )?;
    for count in [100, 1_000, 10_000, 30_000] {
        let before = resident();
        let mut worker = Worker::new(count);
        let mut clients = Clients(vec![(0, 0); count as usize]);
        for n in 0..count {
            worker.accept(n, &mut clients);
        }
        let idle = resident().saturating_sub(before) / u64::from(count);
        // Once around, so that every leg has used its buffers.
        for n in 0..count {
            worker.turn(&clients.messages(&[n]), &[n], true, true);
            worker.turn(&clients.acknowledgements(&[n]), &[n], false, true);
        }
        let used = resident().saturating_sub(before) / u64::from(count);
        let [nanos, plain] =
            [true, false].map(|prefetch| measure(&mut worker, &mut clients, prefetch));
        writeln!(
            out,
            "{count:>6}   {nanos:>9.0}   {plain:>16.0}   {idle:>15}   {used:>15}"
        )?;
    }
    writeln!(
        out,
        "  of these, TcpLeg itself: {} octets",
        size_of::<TcpLeg>()
    )
}

/// Nanoseconds for each packet that clients send.
fn measure(worker: &mut Worker, clients: &mut Clients, prefetch: bool) -> f64 {
    let count = clients.0.len();
    let mut random = Random::new(11);
    let mut best = f64::INFINITY;
    for _ in 0..REPEATS {
        let mut time = Duration::ZERO;
        for _ in 0..BURSTS / 2 {
            let burst: Vec<u32> = (0..LOOKUP_BURST)
                .map(|_| u32::try_from(random.below(count)).unwrap_or(0))
                .collect();
            for message in [true, false] {
                let packets = if message {
                    clients.messages(&burst)
                } else {
                    clients.acknowledgements(&burst)
                };
                let begun = clock();
                worker.turn(&packets, &burst, message, prefetch);
                time += begun.elapsed();
            }
        }
        best = best.min(each(time, BURSTS * LOOKUP_BURST));
    }
    best
}

impl Clients {
    /// A message of each client.
    fn messages(&mut self, clients: &[u32]) -> Vec<Vec<u8>> {
        self.segments(clients, PSH_ACK, &MESSAGE, (MESSAGE_LEN, 0))
    }

    /// Each client's acknowledgement of what came back.
    fn acknowledgements(&mut self, clients: &[u32]) -> Vec<Vec<u8>> {
        self.segments(clients, ACK, &[], (0, MESSAGE_LEN))
    }

    fn segments(
        &mut self,
        clients: &[u32],
        flags: u8,
        payload: &[u8],
        (sent, received): (u32, u32),
    ) -> Vec<Vec<u8>> {
        let mut packets = Vec::with_capacity(clients.len());
        for n in clients {
            let Some((seq, ack)) = self.0.get_mut(*n as usize) else {
                continue;
            };
            *ack = ack.wrapping_add(received);
            packets.push(segment(*n, flags, *seq, *ack, payload));
            *seq = seq.wrapping_add(sent);
        }
        packets
    }
}

impl Worker {
    fn new(count: u32) -> Self {
        let now = Now::from_millis(1_000_000);
        Self {
            table: FlowTable::new(count, HashSeed::from_bytes(&[0x5a; 64])),
            wheel: Wheel::new(count, now),
            legs: (0..count).map(|_| None).collect(),
            sink: Sink::new(),
            now,
        }
    }

    /// Opens the leg of client `n` through a cookie.
    fn accept(&mut self, n: u32, clients: &mut Clients) {
        let params = Params::default();
        let mut cookies = Cookies::new(&[1; 32], &params, self.now);
        let syn = segment(n, SYN, CLIENT_ISN, 0, &[]);
        let answered = cookies.on_syn(&syn, self.now, &mut self.sink);
        let server_next = self.sink.seq().wrapping_add(1);
        let third = segment(n, ACK, CLIENT_ISN + 1, server_next, &[]);
        let leg = answered
            .and_then(|()| cookies.on_ack(&third, self.now))
            .and_then(|accepted| {
                TcpLeg::accept(&accepted, &third, &params, self.now, &mut self.sink)
            });
        let (local, remote) = ends(n);
        let id = self.table.insert(FlowKey::new(flow::TCP, local, remote));
        if let (Ok(leg), Ok(id)) = (leg, id)
            && let Some(place) = self.legs.get_mut(id.index() as usize)
        {
            *place = Some(leg);
        }
        if let Some(numbers) = clients.0.get_mut(n as usize) {
            *numbers = (CLIENT_ISN + 1, server_next);
        }
    }

    /// One burst, as a worker takes it: lookups, then legs, timers and answers one by one.
    fn turn(&mut self, packets: &[Vec<u8>], clients: &[u32], answer: bool, prefetch: bool) {
        let mut keys = [FlowKey::new(0, ends(0).0, ends(0).1); LOOKUP_BURST];
        for (key, n) in keys.iter_mut().zip(clients) {
            let (local, remote) = ends(*n);
            *key = FlowKey::new(flow::TCP, local, remote);
        }
        let mut found = [None; LOOKUP_BURST];
        self.table
            .get_burst(keys.get(..clients.len()).unwrap_or_default(), &mut found);
        if prefetch {
            for id in found.iter().flatten() {
                if let Some(Some(leg)) = self.legs.get(id.index() as usize) {
                    crypto::prefetch(leg);
                }
            }
            for id in found.iter().flatten() {
                if let Some(Some(leg)) = self.legs.get(id.index() as usize) {
                    crypto::prefetch(leg.connection());
                }
            }
        }
        self.now = self.now + Duration::from_micros(20);
        for (packet, id) in packets.iter().zip(found.into_iter().flatten()) {
            self.packet(packet, id, answer);
        }
    }

    fn packet(&mut self, packet: &[u8], id: FlowId, answer: bool) {
        let Some(Some(leg)) = self.legs.get_mut(id.index() as usize) else {
            return;
        };
        let taken = leg.on_segment(packet, self.now, &mut self.sink);
        assert_eq!(taken, Ok(()), "{leg:?}");
        if answer {
            let read = leg.recv(<[u8]>::len);
            assert!(read > 0, "{leg:?}");
            assert_eq!(leg.send(&MESSAGE), MESSAGE.len(), "{leg:?}");
        }
        leg.poll(self.now, &mut self.sink);
        match leg.deadline(self.now) {
            Some(at) => self.wheel.schedule_by(id.index(), at),
            None => self.wheel.cancel(id.index()),
        }
    }
}
