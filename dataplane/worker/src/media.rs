//! The media path of one worker: from a burst of datagrams on our media ports to a burst of
//! datagrams to the other leg.
//!
//! Frames wait in line until the worker runs them, so that one call of the ciphers serves a whole
//! burst. What each packet means is `media::Stream`; here are the tables that find the stream,
//! the ciphers, and the way out. Nothing is allocated, locked or logged for a packet.

mod arrival;
mod burst;
mod ciphers;
mod exit;
mod line;
mod terminations;
mod turn;

#[cfg(test)]
mod tests;

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use abi::layout::Layout;
use abi::policy::{MediaTermination, RtpSettings};
use abi::records::StreamRecord;
use abi::{Now, Reason};
use arrayvec::ArrayVec;
use crypto::{CryptoError, Key};
use media::Stream;
use pipeline::{Endpoint, Leg, MediaId, MediaPlan, PerLeg, SidePlan};
use srtp::{Config, WindowSize};
use wire::{BURST, Frame, Packet};

use ciphers::Ciphers;
use exit::Exits;
use line::Waiting;
use terminations::{PortPair, Terminations};

pub use arrival::Arrival;
pub use burst::{Probe, Stage};
pub use line::fetch_frames;
pub use terminations::MediaPort;

/// How often the record of one stream or another is written for `show`. A packet that comes
/// meanwhile waits, so they are spread.
const RECORD_EVERY: Duration = Duration::from_micros(10);
/// Records written at once by a worker that is late with them.
const RECORDS_AT_ONCE: usize = 64;

/// The media path of one worker.
pub struct MediaEngine<F> {
    ciphers: Ciphers,
    config: Config,
    terminations: Terminations,
    /// By slot. Boxed one by one: a table that grew would move gigabytes while packets wait.
    streams: Vec<Option<Box<Open>>>,
    streams_max: u32,
    free: Vec<u32>,
    /// Slots whose records are still to be cleared.
    closed: Vec<u32>,
    /// The slot whose record is written next.
    next_record: usize,
    /// Up to when records have been written that were due.
    recorded: Now,
    line: ArrayVec<Waiting<F>, BURST>,
    /// Packets passed on since this was last asked.
    passed: u64,
}

/// An open stream. The ways out come first, so that each has a cache line of its own.
#[repr(C, align(64))]
struct Open {
    exits: PerLeg<Exits>,
    stream: Stream<Key>,
    ports: PerLeg<PortPair>,
    session: u64,
    media: MediaId,
    opened: Now,
}

impl<F: Frame> MediaEngine<F> {
    /// An engine with room for `streams` streams and no termination address yet, for the worker
    /// of that number among `workers`. `seed` makes the order in which ports are taken.
    ///
    /// # Errors
    /// The ciphers do not run here.
    pub fn new(worker: u16, workers: u16, streams: u32, seed: u64) -> Result<Self, CryptoError> {
        Ok(Self {
            ciphers: Ciphers::new()?,
            config: Config::default(),
            terminations: Terminations::new(worker, workers, seed),
            streams: Vec::new(),
            streams_max: streams.min(terminations::SLOTS_MAX),
            free: Vec::new(),
            closed: Vec::new(),
            next_record: 0,
            recorded: Now::ZERO,
            line: ArrayVec::new(),
            passed: 0,
        })
    }

    /// Takes the policy's termination addresses and settings; what is open stays open.
    pub fn configure(&mut self, terminations: &[MediaTermination], rtp: RtpSettings) {
        self.terminations.configure(terminations);
        self.config = Config {
            window: WindowSize::new(rtp.replay_window).unwrap_or_default(),
            sources_max: rtp.sources_max.max(1),
            ..Config::default()
        };
    }

    /// The media port of ours that a packet is to; `None` when it is to none.
    #[inline]
    pub fn port(&self, packet: &Packet) -> Option<MediaPort> {
        let to = SocketAddr::new(packet.dst, packet.dst_port);
        self.terminations.find(to)
    }

    /// Opens a stream: picks a port pair on each side from the terminations (indices into the
    /// policy's list) of the family that the plan asks for. Returns the stream's slot and our
    /// addresses.
    ///
    /// # Errors
    /// No room, no ports, or keys that are not usable.
    pub fn open(
        &mut self,
        session: u64,
        media: MediaId,
        plan: &MediaPlan,
        terminations: PerLeg<&[u16]>,
        now: Now,
    ) -> Result<(u32, PerLeg<Endpoint>), Reason> {
        let ports = self.take_ports(plan, terminations)?;
        let opened = self.open_at(session, media, plan, ports, now);
        if opened.is_err() {
            Leg::BOTH
                .into_iter()
                .for_each(|leg| self.terminations.give_back(ports[leg]));
        }
        opened
    }

    fn take_ports(
        &mut self,
        plan: &MediaPlan,
        terminations: PerLeg<&[u16]>,
    ) -> Result<PerLeg<PortPair>, Reason> {
        let take = |all: &mut Terminations, among: &[u16], side: &SidePlan| {
            all.take(among, side.family_of)
                .ok_or(Reason::MediaPortsExhausted)
        };
        let sides = &plan.sides;
        let client = take(&mut self.terminations, terminations.client, &sides.client)?;
        match take(&mut self.terminations, terminations.server, &sides.server) {
            Ok(server) => Ok(PerLeg { client, server }),
            Err(reason) => {
                self.terminations.give_back(client);
                Err(reason)
            }
        }
    }

    fn open_at(
        &mut self,
        session: u64,
        media: MediaId,
        plan: &MediaPlan,
        ports: PerLeg<PortPair>,
        now: Now,
    ) -> Result<(u32, PerLeg<Endpoint>), Reason> {
        let local = PerLeg::from_fn(|leg| ports[leg].endpoint());
        let stream = Stream::new(plan, local, self.config, &mut self.ciphers)?;
        let slot = self.vacant_slot().ok_or(Reason::MediaTableFull)?;
        let open = Open {
            exits: PerLeg::default(),
            stream,
            ports,
            session,
            media,
            opened: now,
        };
        if let Some(place) = self.streams.get_mut(slot as usize) {
            *place = Some(Box::new(open));
        }
        Leg::BOTH
            .into_iter()
            .for_each(|leg| self.terminations.bind(ports[leg], slot, leg));
        Ok((slot, local))
    }

    fn vacant_slot(&mut self) -> Option<u32> {
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        let slot = u32::try_from(self.streams.len()).ok()?;
        if slot >= self.streams_max {
            return None;
        }
        self.streams.push(None);
        Some(slot)
    }

    /// Changes an open stream, and returns our addresses, which stay.
    ///
    /// # Errors
    /// As [`Stream::update`]; the stream stays as it was.
    pub fn update(&mut self, slot: u32, plan: &MediaPlan) -> Result<PerLeg<Endpoint>, Reason> {
        let open = stream_at(&mut self.streams, slot).ok_or(Reason::MediaNoSession)?;
        open.stream.update(plan, self.config, &mut self.ciphers)?;
        Ok(open.stream.local())
    }

    /// Closes a stream.
    pub fn close(&mut self, slot: u32) {
        let place = self.streams.get_mut(slot as usize);
        let Some(open) = place.and_then(Option::take) else {
            return;
        };
        Leg::BOTH
            .into_iter()
            .for_each(|leg| self.terminations.give_back(open.ports[leg]));
        self.closed.push(slot);
        self.free.push(slot);
    }

    /// How many streams are open.
    #[must_use]
    pub const fn streams(&self) -> usize {
        self.streams.len() - self.free.len()
    }

    /// What `show` says of a stream.
    #[must_use]
    pub fn record(&self, slot: u32) -> Option<StreamRecord> {
        self.streams
            .get(slot as usize)?
            .as_deref()
            .map(Open::record)
    }

    /// Streams that there is room for.
    #[must_use]
    pub const fn room(&self) -> u32 {
        self.streams_max
    }

    /// Writes the stream records for `show` that are due.
    pub fn publish(&mut self, layout: &Layout<'static>, worker: usize, now: Now) {
        for slot in self.closed.drain(..) {
            if let Some(words) = layout.stream(worker, slot as usize) {
                StreamRecord::clear(words);
            }
        }
        if self.next_record >= self.streams.len() {
            self.next_record = 0;
        }
        let end = (self.next_record + self.records_due(now)).min(self.streams.len());
        let slots = self.next_record..end;
        let streams = self.streams.get(slots.clone()).unwrap_or_default();
        for (slot, open) in slots.zip(streams) {
            if let (Some(open), Some(words)) = (open, layout.stream(worker, slot)) {
                open.record().store(words);
            }
        }
        self.next_record = end;
    }

    fn records_due(&mut self, now: Now) -> usize {
        let due = now.since(self.recorded).as_nanos() / RECORD_EVERY.as_nanos();
        match u32::try_from(due) {
            Ok(due) if (due as usize) < RECORDS_AT_ONCE => {
                self.recorded = self.recorded + RECORD_EVERY * due;
                due as usize
            }
            _ => {
                self.recorded = now;
                RECORDS_AT_ONCE
            }
        }
    }
}

/// The stream in a slot.
#[inline]
fn stream_at(streams: &mut [Option<Box<Open>>], slot: u32) -> Option<&mut Open> {
    streams.get_mut(slot as usize)?.as_deref_mut()
}

impl Open {
    fn record(&self) -> StreamRecord {
        StreamRecord {
            live: true,
            session: self.session,
            media: self.media.0,
            opened: self.opened.nanos(),
            client: self.stream.record(Leg::Client),
            server: self.stream.record(Leg::Server),
        }
    }
}

impl<F> fmt::Debug for MediaEngine<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaEngine")
            .field("slots", &self.streams.len())
            .field("terminations", &self.terminations)
            .finish_non_exhaustive()
    }
}
