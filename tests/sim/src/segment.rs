//! A segment: stations on one wire, and what the wire does to frames.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use abi::Now;
use flow::{FlowKey, rss};
use wire::ethernet::EthernetRepr;
use wire::sim::SimNic;
use wire::{MacAddr, NicInfo, Packet, Parsed};

use crate::Random;
use crate::verify::assert_sums_up;

/// Entries of a port's redirection table.
const REDIRECTION_ENTRIES: u16 = 128;

/// What a segment does to the frames on it. Chances are in thousandths.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Time from one station to another.
    pub delay: Duration,
    /// Frames that are lost.
    pub loss: u32,
    /// Frames that arrive twice.
    pub duplication: u32,
    /// Frames that arrive up to eight delays late, and so out of order.
    pub reorder: u32,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(1),
            loss: 0,
            duplication: 0,
            reorder: 0,
        }
    }
}

/// Which queue of a station a frame arrives at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Steering {
    /// The one that a port with symmetric receive-side scaling chooses; the first for frames
    /// without ports.
    #[default]
    Symmetric,
    /// The one after that: where receive-side scaling chooses well, this is always wrong.
    Next,
    /// Each in turn, as by a port that sprays.
    Spray,
    /// Always this one.
    Fixed(usize),
}

/// A station on a segment: a host with one queue, or a port of the proxy with one a worker.
#[derive(Debug)]
struct Station {
    mac: MacAddr,
    /// The far ends of its cables.
    cables: Vec<SimNic>,
    /// How many of them are queues: those behind have no port, and nothing may come from them.
    queues: usize,
    steering: Steering,
    arrived: usize,
    /// Whether the checksums of what it sends are verified.
    verified: bool,
}

/// A frame on its way, ordered by the time of its arrival, then by when it was sent.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    at: Now,
    serial: u64,
    from: usize,
    frame: Vec<u8>,
}

/// One wire.
#[derive(Debug)]
pub struct Segment {
    stations: Vec<Station>,
    flying: BinaryHeap<Reverse<Flying>>,
    random: Random,
    serial: u64,
    /// What it does to frames.
    pub weather: Weather,
    /// Frames that were sent, while it is wanted; see [`Segment::record`].
    recorded: Option<Vec<Vec<u8>>>,
    /// Frames that were lost.
    pub lost: u64,
}

impl Segment {
    /// An empty segment in fair weather.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            stations: Vec::new(),
            flying: BinaryHeap::new(),
            random: Random::new(seed),
            serial: 0,
            weather: Weather::default(),
            recorded: None,
            lost: 0,
        }
    }

    /// Adds a station with `queues` queues for `users` users, and gives each user its end of a
    /// cable.
    ///
    /// # Panics
    /// When there are more queues than users.
    pub fn attach(&mut self, info: NicInfo, users: usize, queues: usize) -> Vec<SimNic> {
        assert!((1..=users).contains(&queues));
        let info = |user| NicInfo {
            has_rx: user < queues,
            has_tx: user < queues,
            ..info
        };
        let pairs = (0..users).map(|user| SimNic::pair(info(user), info(user)));
        let (near, far) = pairs.unzip();
        self.stations.push(Station {
            mac: info(0).mac,
            cables: far,
            queues,
            steering: Steering::default(),
            arrived: 0,
            verified: false,
        });
        near
    }

    /// Makes frames to the station at `mac` arrive elsewhere from now on.
    pub fn steer(&mut self, mac: MacAddr, steering: Steering) {
        for station in self.stations.iter_mut().filter(|s| s.mac == mac) {
            station.steering = steering;
        }
    }

    /// Verifies the checksums of all that the station at `mac` sends.
    pub fn verify(&mut self, mac: MacAddr) {
        for station in self.stations.iter_mut().filter(|s| s.mac == mac) {
            station.verified = true;
        }
    }

    /// Keeps a copy of every frame that is sent from now on.
    pub fn record(&mut self) {
        self.recorded = Some(Vec::new());
    }

    /// The frames sent since [`Segment::record`] or the last call.
    pub fn recorded(&mut self) -> Vec<Vec<u8>> {
        self.recorded.replace(Vec::new()).unwrap_or_default()
    }

    /// Takes from the stations what they have sent. Returns whether there was any.
    ///
    /// # Panics
    /// When somebody sent by a queue that is not there, or a wrong checksum where they are verified.
    pub fn collect(&mut self, now: Now) -> bool {
        let mut any = false;
        for from in 0..self.stations.len() {
            for queue in 0..self.stations[from].cables.len() {
                while let Some(frame) = self.stations[from].cables[queue].receive() {
                    assert!(queue < self.stations[from].queues, "sent without a queue");
                    any = true;
                    let frame = wire::Frame::data(&frame).to_vec();
                    if self.stations[from].verified {
                        assert_sums_up(&frame);
                    }
                    self.launch(from, frame, now);
                }
            }
        }
        any
    }

    fn launch(&mut self, from: usize, frame: Vec<u8>, now: Now) {
        if let Some(recorded) = &mut self.recorded {
            recorded.push(frame.clone());
        }
        if self.random.chance(self.weather.loss) {
            self.lost += 1;
            return;
        }
        let copies = 1 + u32::from(self.random.chance(self.weather.duplication));
        for _ in 0..copies {
            let delays = if self.random.chance(self.weather.reorder) {
                2 + self.random.below(7)
            } else {
                1
            };
            self.serial += 1;
            let delay = self.weather.delay * u32::try_from(delays).unwrap();
            self.flying.push(Reverse(Flying {
                at: now + delay,
                serial: self.serial,
                from,
                frame: frame.clone(),
            }));
        }
    }

    /// When the next frame arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Now> {
        self.flying.peek().map(|Reverse(flying)| flying.at)
    }

    /// Hands over the frames whose time has come.
    pub fn deliver(&mut self, now: Now) {
        while self.next_arrival().is_some_and(|at| at <= now) {
            let Some(Reverse(flying)) = self.flying.pop() else {
                break;
            };
            self.hand_over(&flying);
        }
    }

    /// Gives a frame to the station it is for; a group's, or an unknown one's, to all others.
    fn hand_over(&mut self, flying: &Flying) {
        let to = EthernetRepr::parse(&flying.frame).map(|(link, _)| link.dst);
        let known = |station: &Station| to.is_ok_and(|to| station.mac == to);
        let is_unicast = self.stations.iter().any(known);
        for (at, station) in self.stations.iter_mut().enumerate() {
            if at != flying.from && (!is_unicast || known(station)) {
                station.take(&flying.frame);
            }
        }
    }
}

impl Station {
    fn take(&mut self, frame: &[u8]) {
        self.arrived += 1;
        let queue = match self.steering {
            Steering::Symmetric => self.scaled(frame),
            Steering::Next => self.scaled(frame) + 1,
            Steering::Spray => self.arrived,
            Steering::Fixed(queue) => queue,
        };
        self.cables[queue % self.queues].send_bytes(frame);
    }

    /// The queue that symmetric receive-side scaling chooses.
    fn scaled(&self, frame: &[u8]) -> usize {
        let unknown = wire::RxChecksum::Unknown;
        let Ok(Parsed::Ip(packet)) = wire::packet::parse_bytes(frame, unknown, unknown) else {
            return 0;
        };
        let Packet {
            src,
            dst,
            src_port,
            dst_port,
            ..
        } = packet;
        let key = FlowKey::new(
            packet.protocol,
            (dst, dst_port).into(),
            (src, src_port).into(),
        );
        let queues = u16::try_from(self.queues).unwrap();
        rss::queue_of(rss::symmetric_hash(&key), REDIRECTION_ENTRIES, queues).into()
    }
}
