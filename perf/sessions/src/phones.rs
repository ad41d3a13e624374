//! All the phones, behind one router.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use abi::Now;
use flow::Wheel;
use tcp::{IsnSource, Params, TcpLeg};
use tls::{ClientProfile, LegLimits, Target, TlsLeg};
use wire::{Nic, Packet};

use crate::phone::{Phone, Stage};
use crate::side::Side;

/// Addresses that phones share; the network of them is 203.0.113.0/24.
const ADDRESSES: usize = 250;
/// First port of the phones on each address.
const FIRST_PORT: usize = 10_000;
/// Fates kept of phones that were lost.
const FATES: usize = 5;
/// Phones that are woken in one turn.
const TIMERS: usize = 64;

/// All the phones.
pub(crate) struct Phones {
    target: SocketAddr,
    /// `None`: in clear.
    tls: Option<ClientProfile>,
    params: Params,
    isns: IsnSource,
    phones: Vec<Option<Box<Phone>>>,
    wheel: Wheel,
    /// How many phones are at each stage.
    pub(crate) tally: Tally,
    /// Why some were lost.
    pub(crate) fates: Vec<String>,
    /// Time that each took from its SYN to the answer to its REGISTER.
    pub(crate) set_up_times: Vec<Duration>,
}

/// How many phones are at each stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Have begun.
    pub started: usize,
    /// Neither registered nor lost yet.
    pub pending: usize,
    /// Registered and idle.
    pub established: usize,
    /// Were so at some time.
    pub ever_established: usize,
    /// Hung up in good order.
    pub gone: usize,
    /// Lost.
    pub lost: usize,
}

impl Phones {
    /// `count` phones that will connect to `target`.
    pub(crate) fn new(
        count: usize,
        target: SocketAddr,
        tls: Option<ClientProfile>,
        params: Params,
        now: Now,
    ) -> Self {
        let timers = u32::try_from(count).expect("fewer phones than addresses");
        Self {
            target,
            tls,
            params,
            isns: IsnSource::new(&[7; 32]),
            phones: (0..count).map(|_| None).collect(),
            wheel: Wheel::new(timers, now),
            tally: Tally::default(),
            fates: Vec::new(),
            set_up_times: Vec::with_capacity(count),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.phones.len()
    }

    /// Lets the next phone connect.
    pub(crate) fn start_next<N: Nic>(&mut self, side: &mut Side<N>, now: Now) {
        let index = self.tally.started;
        let local = address_of(index);
        let isn = self.isns.isn(local, self.target, now);
        let tcp = TcpLeg::connect(local, self.target, isn, &self.params, now)
            .expect("two unicast addresses");
        let target = Target {
            address: self.target.ip(),
            client_sni: None,
        };
        let tls = match &self.tls {
            Some(profile) => TlsLeg::client(profile, &target),
            None => TlsLeg::clear(LegLimits::default()),
        };
        let slot = self.phones.get_mut(index).expect("a phone that has not");
        *slot = Some(Box::new(Phone::new(tcp, tls, now)));
        self.tally.started += 1;
        self.tally.pending += 1;
        self.with(index, side, now, |phone, side, to| {
            phone.poll(now, &mut side.towards(to, now));
        });
    }

    /// Lets a phone hang up.
    pub(crate) fn hang_up<N: Nic>(&mut self, index: usize, side: &mut Side<N>, now: Now) {
        self.with(index, side, now, |phone, side, to| {
            if phone.stage() == Stage::Established {
                phone.hang_up(now, &mut side.towards(to, now));
            }
        });
    }

    /// Gives a segment to its phone; nobody answers one that is for none.
    pub(crate) fn on_segment<N: Nic>(
        &mut self,
        packet: &Packet,
        segment: &[u8],
        side: &mut Side<N>,
        now: Now,
    ) {
        let to = SocketAddr::new(packet.dst, packet.dst_port);
        if let Some(index) = index_of(to) {
            self.with(index, side, now, |phone, side, to| {
                phone.on_segment(segment, now, &mut side.towards(to, now));
            });
        }
    }

    /// Wakes the phones whose time has come.
    pub(crate) fn fire_timers<N: Nic>(&mut self, side: &mut Side<N>, now: Now) {
        for _ in 0..TIMERS {
            let Some(index) = self.wheel.pop(now) else {
                break;
            };
            self.with(index as usize, side, now, |phone, side, to| {
                phone.poll(now, &mut side.towards(to, now));
            });
        }
    }

    /// Works on one phone, and keeps the tally of what became of it.
    fn with<N: Nic>(
        &mut self,
        index: usize,
        side: &mut Side<N>,
        now: Now,
        work: impl FnOnce(&mut Phone, &mut Side<N>, IpAddr),
    ) {
        let Some(slot) = self.phones.get_mut(index) else {
            return;
        };
        let Some(phone) = slot.as_deref_mut() else {
            return;
        };
        let before = phone.stage();
        work(phone, side, self.target.ip());
        let id = u32::try_from(index).unwrap_or(u32::MAX);
        match phone.deadline(now) {
            Some(at) => self.wheel.schedule(id, at),
            None => self.wheel.cancel(id),
        }
        let after = phone.stage();
        if after == before {
            return;
        }
        match before {
            Stage::Connecting | Stage::Registering => {
                if !matches!(after, Stage::Connecting | Stage::Registering) {
                    self.tally.pending -= 1;
                }
            }
            Stage::Established => self.tally.established -= 1,
            Stage::Closing | Stage::Gone | Stage::Lost => {}
        }
        match after {
            Stage::Established => {
                self.tally.established += 1;
                self.tally.ever_established += 1;
                self.set_up_times.push(now.since(phone.began()));
            }
            Stage::Gone => self.tally.gone += 1,
            Stage::Lost => {
                self.tally.lost += 1;
                if self.fates.len() < FATES {
                    self.fates.push(phone.fate());
                }
            }
            Stage::Connecting | Stage::Registering | Stage::Closing => {}
        }
    }
}

/// Address and port of a phone.
fn address_of(index: usize) -> SocketAddr {
    let host = u8::try_from(1 + index % ADDRESSES).expect("fewer than 255");
    let port = u16::try_from(FIRST_PORT + index / ADDRESSES).expect("fewer phones than ports");
    SocketAddr::new(Ipv4Addr::new(203, 0, 113, host).into(), port)
}

/// The phone at an address and port.
fn index_of(address: SocketAddr) -> Option<usize> {
    let IpAddr::V4(ip) = address.ip() else {
        return None;
    };
    let [203, 0, 113, host] = ip.octets() else {
        return None;
    };
    let host = usize::from(host)
        .checked_sub(1)
        .filter(|host| *host < ADDRESSES)?;
    let row = usize::from(address.port()).checked_sub(FIRST_PORT)?;
    Some(row * ADDRESSES + host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phone_has_its_own_address() {
        for index in [0, 1, 249, 250, 9_999, 13_000] {
            assert_eq!(index_of(address_of(index)), Some(index));
        }
        assert_eq!(index_of(SocketAddr::from(([203, 0, 113, 0], 10_000))), None);
        assert_eq!(index_of(SocketAddr::from(([203, 0, 113, 1], 80))), None);
    }
}
