//! The loop: sends what is due, takes what comes back.

use core::fmt;

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};
use wire::{BURST, Burst, Frame, Nic};

use crate::{Counts, End, Link, LoadError, Sink, Source, Store, Ticket};

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;
/// Time between two rounds of questions about stations.
const ASK_AGAIN: u64 = SECOND / 10;
/// Once nothing has come back for so long, nothing more will.
const SILENCE: u64 = SECOND / 10;
/// Share of the load after which the rate is measured, so that it is steady.
const SETTLED: f64 = 0.1;

/// The generator's two ports.
#[derive(Debug)]
pub struct Ends<N> {
    /// Where the clients are.
    pub outside: N,
    /// Where the servers are.
    pub inside: N,
}

/// What to send.
#[derive(Debug)]
pub enum Load {
    /// Packets made ahead of time.
    Stored(Store),
    /// Packets made one by one before they are due, for so many nanoseconds.
    Live(u64),
    /// So many packets, made one by one before they are due.
    Count(u64),
}

/// What came of a load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Packets sent that the proxy should pass on.
    pub good: u64,
    /// Packets sent that it should refuse.
    pub bad: u64,
    /// Good packets that have not come back whole and in order.
    pub missing: u64,
    /// What has come back.
    pub counts: Counts,
    /// Seconds from the first packet to the last.
    pub seconds: f64,
    /// Packets sent a second.
    pub sent_per_second: f64,
    /// Packets that came back a second, while the load was steady.
    pub received_per_second: f64,
    /// Share of the turns in which the proxy's ring was full: the generator waited for it.
    pub blocked: f64,
    /// One-way delay from the time at which a packet is due, in nanoseconds; absent where packets
    /// carry no time.
    pub delay: Option<Delay>,
}

/// Percentiles of the one-way delay, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// Half of the packets took no longer.
    pub p50: u64,
    /// Nine in ten took no longer.
    pub p90: u64,
    /// All but one in a hundred took no longer.
    pub p99: u64,
    /// All but one in a thousand took no longer.
    pub p999: u64,
    /// None took longer.
    pub max: u64,
}

/// One port with what waits for room in its ring.
struct Port<N: Nic> {
    end: End,
    nic: N,
    waiting: Burst<N::Frame>,
}

/// A packet that is made and not yet sent.
struct Made<F> {
    frame: F,
    ticket: Ticket,
    /// Nanoseconds from the load's begin after which it is due.
    due: u64,
}

/// The generator: both halves, the ports and a clock in nanoseconds.
pub struct Drive<N: Nic, C> {
    ports: [Port<N>; 2],
    source: Source,
    sink: Sink,
    link: Link,
    clock: C,
}

/// Where a load is.
#[derive(Debug, Default)]
struct Progress {
    good: u64,
    bad: u64,
    turns: u64,
    blocked: u64,
    /// Time and packets received when the load had settled.
    settled: Option<(u64, u64)>,
}

impl Progress {
    const fn sent(&self) -> u64 {
        self.good + self.bad
    }
}

impl<N: Nic, C: Fn() -> u64> Drive<N, C> {
    /// A generator that has sent nothing.
    pub fn new(ends: Ends<N>, source: Source, sink: Sink, link: Link, clock: C) -> Self {
        let port = |end, nic| Port {
            end,
            nic,
            waiting: Burst::new(),
        };
        Self {
            ports: [
                port(End::Outside, ends.outside),
                port(End::Inside, ends.inside),
            ],
            source,
            sink,
            link,
            clock,
        }
    }

    /// The sending half, to make packets ahead of time.
    pub const fn source(&mut self) -> &mut Source {
        &mut self.source
    }

    /// Finds the proxy's stations, for at most `limit` nanoseconds.
    ///
    /// # Errors
    /// [`LoadError::NoStation`].
    pub fn resolve(&mut self, limit: u64) -> Result<(), LoadError> {
        let begin = (self.clock)();
        let mut asked = None;
        loop {
            let now = (self.clock)();
            let Some(unknown) = self.link.unresolved() else {
                self.source.set_stations(self.link.stations());
                return Ok(());
            };
            if now.saturating_sub(begin) > limit {
                return Err(LoadError::NoStation(unknown));
            }
            if asked.is_none_or(|asked| now.saturating_sub(asked) > ASK_AGAIN) {
                asked = Some(now);
                for port in &mut self.ports {
                    for question in self.link.questions(port.end) {
                        port.send(&question);
                    }
                }
            }
            self.receive();
        }
    }

    /// Has every talker send twice at `rate` packets a second, good packets alone, so that the
    /// proxy knows all sources and neighbours, and counts nothing of it.
    ///
    /// # Errors
    /// As [`Drive::run`].
    pub fn warm_up(&mut self, rate: f64) -> Result<(), LoadError> {
        let packets = u64::try_from(self.source.talkers()).unwrap_or(u64::MAX);
        // What the proxy refuses is compared with what the load has sent.
        let bad = self.source.set_bad(None);
        for _ in 0..2 {
            self.run(Load::Count(packets), Some(rate))?;
        }
        self.source.set_bad(bad);
        Ok(())
    }

    /// Expects every packet that will be made from now on, and none made before.
    pub fn restart(&mut self) {
        self.sink.restart(self.source.made());
    }

    /// Sends `load` at `rate` packets a second, or as fast as the proxy takes it, and waits for
    /// what comes back.
    ///
    /// # Errors
    /// [`LoadError::Packet`] if a packet cannot be made.
    pub fn run(&mut self, mut load: Load, rate: Option<f64>) -> Result<Report, LoadError> {
        let begin = (self.clock)();
        let mut progress = Progress::default();
        let mut made = ArrayVec::new();
        let total = match &load {
            Load::Stored(store) => store.left() as u64,
            Load::Count(count) => *count,
            Load::Live(nanos) => rate.map_or(u64::MAX, |rate| due(rate, *nanos, 0)),
        };
        loop {
            self.receive();
            let elapsed = (self.clock)().saturating_sub(begin);
            let done = match load {
                Load::Live(nanos) => share(elapsed, nanos),
                Load::Stored(_) | Load::Count(_) if total == 0 => 1.0,
                Load::Stored(_) | Load::Count(_) => share(progress.sent(), total),
            };
            if done >= SETTLED && progress.settled.is_none() {
                progress.settled = Some((elapsed, self.received()));
            }
            if done >= 1.0 {
                break;
            }
            progress.turns += 1;
            self.flush();
            if self.ports.iter().any(|port| !port.waiting.is_empty()) {
                progress.blocked += 1;
                continue;
            }
            let left = total - progress.sent();
            let due = rate.map_or(u64::MAX, |rate| due(rate, elapsed, progress.sent()));
            let count = usize::try_from(due.min(left)).unwrap_or(BURST).min(BURST);
            if let Load::Stored(store) = &mut load {
                self.send_stored(store, count, &mut progress);
                continue;
            }
            if made.is_empty() && left > 0 {
                let first = progress.sent() + 1;
                let due_at = |place| rate.map_or(elapsed, |rate| due_at(rate, first + place));
                let together = usize::try_from(left).map_or(BURST, |left| left.min(BURST));
                let together = self.source.together().min(together);
                made = self.make(count.max(together), begin, due_at)?;
            }
            let elapsed = (self.clock)().saturating_sub(begin);
            self.send_made(&mut made, elapsed, &mut progress);
        }
        let elapsed = (self.clock)().saturating_sub(begin);
        let received = self.received();
        self.drain();
        Ok(self.report(&progress, elapsed, received))
    }

    fn report(&self, progress: &Progress, elapsed: u64, received: u64) -> Report {
        let counts = *self.sink.counts();
        let lasted = seconds(elapsed);
        let (from, before) = progress.settled.unwrap_or_default();
        let window = seconds(elapsed.saturating_sub(from));
        let delay = self.sink.delay();
        let at = |quantile| delay.value_at_quantile(quantile);
        Report {
            good: progress.good,
            bad: progress.bad,
            missing: progress
                .good
                .saturating_sub(counts.packets + counts.reports),
            counts,
            seconds: lasted,
            sent_per_second: float(progress.sent()) / lasted,
            received_per_second: float(received.saturating_sub(before)) / window,
            blocked: share(progress.blocked, progress.turns),
            delay: (!delay.is_empty()).then(|| Delay {
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p999: at(0.999),
                max: delay.max(),
            }),
        }
    }

    fn received(&self) -> u64 {
        let counts = self.sink.counts();
        counts.packets + counts.reports
    }

    fn send_stored(&mut self, store: &mut Store, count: usize, progress: &mut Progress) {
        let [outside, inside] = &mut self.ports;
        for _ in 0..count {
            let Some(ready) = store.ready() else { return };
            let port = match ready.end {
                End::Outside => &mut *outside,
                End::Inside => &mut *inside,
            };
            let Some(mut frame) = port.nic.alloc() else {
                break;
            };
            if !frame.append(ready.octets.len()) {
                break;
            }
            frame.data_mut().copy_from_slice(ready.octets);
            port.waiting.push(frame);
            progress.count(ready.good);
            store.advance();
        }
        self.flush();
    }

    /// Makes `count` packets that carry the times at which they are due: `begin` and the
    /// nanoseconds that `due_at` has by their place.
    fn make(
        &mut self,
        count: usize,
        begin: u64,
        due_at: impl Fn(u64) -> u64,
    ) -> Result<ArrayVec<Made<N::Frame>, BURST>, LoadError> {
        let nic = &mut self.ports[0].nic;
        let mut frames: Burst<N::Frame> = (0..count).map_while(|_| nic.alloc()).collect();
        let tickets = self.source.tickets(frames.len());
        for (frame, ticket) in frames.iter_mut().zip(&tickets) {
            if !frame.append(ticket.len) {
                return Err(LoadError::NoBuffers);
            }
        }
        let time = |place| begin + due_at(place);
        {
            let bodies = frames.iter_mut().map(Frame::data_mut);
            let mut bodies: ArrayVec<&mut [u8], BURST> = bodies.collect();
            self.source.fill(&tickets, &mut bodies, time)?;
        }
        let made = frames.into_iter().zip(tickets).zip(0..);
        let made = made.map(|((frame, ticket), place)| Made {
            frame,
            ticket,
            due: due_at(place),
        });
        Ok(made.collect())
    }

    /// Sends those of `made` that are due after `elapsed` nanoseconds.
    fn send_made(
        &mut self,
        made: &mut ArrayVec<Made<N::Frame>, BURST>,
        elapsed: u64,
        progress: &mut Progress,
    ) {
        let due = made.iter().take_while(|made| made.due <= elapsed).count();
        if due == 0 {
            return;
        }
        let [outside, inside] = &mut self.ports;
        for made in made.drain(..due) {
            progress.count(made.ticket.is_good());
            match made.ticket.end {
                End::Outside => outside.waiting.push(made.frame),
                End::Inside => inside.waiting.push(made.frame),
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        for port in &mut self.ports {
            if !port.waiting.is_empty() {
                port.nic.tx_burst(&mut port.waiting);
            }
        }
    }

    /// Takes a burst from each port; returns whether there was anything.
    fn receive(&mut self) -> bool {
        let mut any = false;
        for port in &mut self.ports {
            let mut frames = Burst::new();
            if port.nic.rx_burst(&mut frames) == 0 {
                continue;
            }
            any = true;
            self.sink.take(port.end, &mut frames, (self.clock)());
            for frame in &frames {
                if let Some(answer) = self.link.on_frame(port.end, frame) {
                    port.send(&answer);
                }
            }
        }
        any
    }

    /// Sends what waits and takes what still comes.
    fn drain(&mut self) {
        let mut last = (self.clock)();
        loop {
            self.flush();
            let now = (self.clock)();
            if self.receive() {
                last = now;
            } else if now.saturating_sub(last) > SILENCE {
                return;
            }
        }
    }
}

impl Progress {
    const fn count(&mut self, good: bool) {
        if good {
            self.good += 1;
        } else {
            self.bad += 1;
        }
    }
}

impl<N: Nic> Port<N> {
    /// Sends one frame at once, or drops it: whoever wants it asks again.
    fn send(&mut self, octets: &[u8]) {
        let Some(mut frame) = self.nic.alloc() else {
            return;
        };
        if frame.append(octets.len()) {
            frame.data_mut().copy_from_slice(octets);
            let mut burst: Burst<N::Frame> = Burst::new();
            burst.push(frame);
            self.nic.tx_burst(&mut burst);
        }
    }
}

impl<N: Nic, C> fmt::Debug for Drive<N, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drive")
            .field("source", &self.source)
            .field("sink", &self.sink)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// Packets that are due at `rate` after `elapsed` nanoseconds, beyond those `sent`.
fn due(rate: f64, elapsed: u64, sent: u64) -> u64 {
    let due = rate * seconds(elapsed);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and saturates"
    )]
    let due = due as u64;
    due.saturating_sub(sent)
}

/// Nanoseconds after which so many packets are due at `rate`.
fn due_at(rate: f64, packets: u64) -> u64 {
    let nanos = float(packets) / rate * float(SECOND);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and saturates"
    )]
    let nanos = nanos.ceil() as u64;
    nanos
}

fn share(part: u64, whole: u64) -> f64 {
    float(part) / float(whole.max(1))
}

/// A time that something is divided by.
fn seconds(nanos: u64) -> f64 {
    float(nanos.max(1)) / float(SECOND)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and times of a benchmark"
)]
const fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests;
