//! SYN cookies (RFC 4987 §3.6): handshakes without state before the third packet.

use core::net::SocketAddr;
use core::time::Duration;

use abi::{Now, Reason};
use ring::hmac;
use smoltcp::wire::{TcpControl, TcpRepr};

use crate::isn::{endpoint_bytes, word};
use crate::reset::{empty, number};
use crate::segment::{self, Segment};
use crate::{Params, Transmit};

/// Segment sizes that a cookie can remember. A peer gets the largest that is no larger than what
/// it announced; one that announces less than the first gets the first, since tiny segments are
/// an attack of their own.
const SIZES: [u16; 8] = [
    crate::params::MSS_MIN,
    536,
    1_220,
    1_360,
    1_400,
    1_440,
    1_452,
    1_460,
];

/// Segment size of a peer that announces none (RFC 9293 §3.7.1).
const fn size_unsaid(is_ipv6: bool) -> u16 {
    if is_ipv6 { 1_220 } else { 536 }
}

/// Value of the window scale field of a peer that does not scale; the largest scale is 14.
const UNSCALED: u32 = 15;

/// Time after a SYN in which what the client says next may overtake its third packet, or that be
/// lost and sent again.
const EARLY: Duration = Duration::from_secs(4);

/// Places for the times of SYNs, a power of two.
const PLACES: usize = 4_096;

/// Time in which all cookies are made with one key. The cookies of one period hold good until
/// the next one ends, so between one and two periods.
const PERIOD: Duration = Duration::from_secs(64);

/// What the third packet of a handshake tells, with the sequence numbers that began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The address and port that the client connected to.
    pub local: SocketAddr,
    /// The client.
    pub remote: SocketAddr,
    /// Largest segment that the client takes, in octets, rounded down.
    pub mss: u16,
    /// The client's window scale, if it scales (RFC 7323).
    pub window_scale: Option<u8>,
    /// Whether the client takes selective acknowledgements (RFC 2018).
    pub sack: bool,
    /// The client's initial sequence number.
    pub client_isn: u32,
    /// Ours: the cookie.
    pub server_isn: u32,
}

/// Makes and checks SYN cookies.
///
/// A cookie is the initial sequence number of a SYN-ACK. Its low 8 bits hold segment size (3),
/// window scale (4) and SACK (1), the next one the parity of the period, and the other 23 are
/// from an HMAC-SHA256 over the addresses, ports, the client's sequence number and those bits,
/// under the period's key. A blind guess succeeds once in eight million packets, and gains a
/// connection whose other side the guesser cannot see.
///
/// Cookies made from one secret agree in all workers. Keys of periods derive from the secret, and
/// [`Cookies::replace_secret`] changes that too.
#[derive(Debug)]
pub struct Cookies {
    secret: hmac::Key,
    current: Period,
    previous: Period,
    mtu: [u16; 2],
    window_shift: u8,
    window: u16,
    answered: Answered,
}

/// When SYNs were last answered, by a hash of their flows: a fixed number of times, of which a
/// flood may overwrite any. What is lost by that is a reset here and there.
#[derive(Debug)]
struct Answered(Box<[Option<Now>]>);

impl Answered {
    fn new() -> Self {
        Self(vec![None; PLACES].into_boxed_slice())
    }

    /// The place of a flow (FNV-1a).
    fn place(&mut self, segment: &Segment<'_>) -> Option<&mut Option<Now>> {
        let ends = [segment.local(), segment.remote()].map(endpoint_bytes);
        let hash = ends.iter().flatten().fold(0x811c_9dc5_u32, |hash, octet| {
            (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193)
        });
        self.0.get_mut((hash ^ hash >> 16) as usize & (PLACES - 1))
    }

    fn note(&mut self, segment: &Segment<'_>, now: Now) {
        if let Some(place) = self.place(segment) {
            *place = Some(now);
        }
    }

    fn lately(&mut self, segment: &Segment<'_>, now: Now) -> bool {
        let at = self.place(segment).and_then(|place| *place);
        at.is_some_and(|at| now.since(at) < EARLY)
    }
}

#[derive(Clone, Debug)]
struct Period {
    number: u64,
    key: hmac::Key,
}

impl Period {
    fn derive(secret: &hmac::Key, number: u64) -> Self {
        let key = hmac::sign(secret, &number.to_be_bytes());
        Self {
            number,
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
        }
    }
}

impl Cookies {
    /// Cookies for legs that will be accepted with `params`. `secret` is 32 octets of a
    /// cryptographic random source, the same in all workers.
    #[must_use]
    pub fn new(secret: &[u8; 32], params: &Params, now: Now) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let number = period_at(now);
        Self {
            current: Period::derive(&secret, number),
            previous: Period::derive(&secret, number.wrapping_sub(1)),
            secret,
            mtu: [params.mss(false), params.mss(true)],
            window_shift: params.window_shift(),
            window: params.first_window(),
            answered: Answered::new(),
        }
    }

    /// Uses another secret from the next period on. Cookies of this period stay good for their
    /// time.
    pub fn replace_secret(&mut self, secret: &[u8; 32]) {
        self.secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
    }

    /// Answers a SYN with a SYN-ACK, and keeps nothing.
    ///
    /// A SYN that comes again in the same period gets the same answer. Whatever payload it has
    /// is ignored, so the client sends it again (RFC 7413 is not spoken).
    ///
    /// # Errors
    ///
    /// The packet is malformed, is no SYN, has an address that no connection can have, or there
    /// is no buffer for the answer.
    pub fn on_syn(&mut self, packet: &[u8], now: Now, tx: &mut dyn Transmit) -> Result<(), Reason> {
        let segment = Segment::parse(packet)?;
        let syn = segment.repr()?;
        if syn.control != TcpControl::Syn || syn.ack_number.is_some() {
            return Err(Reason::TcpNoFlow);
        }
        if !segment.is_unicast() {
            return Err(Reason::IpBadSource);
        }
        self.turn(now);
        let is_ipv6 = segment.local().is_ipv6();
        let options = Options::of(&syn, is_ipv6);
        let cookie = self.make(&self.current, &segment, segment.seq, options.to_bits());
        let answer = TcpRepr {
            src_port: segment.local().port(),
            dst_port: segment.remote().port(),
            control: TcpControl::Syn,
            seq_number: number(cookie),
            ack_number: Some(number(segment.seq.wrapping_add(1))),
            window_len: self.window,
            window_scale: options.window_scale.map(|_| self.window_shift),
            max_seg_size: self.mtu.get(usize::from(is_ipv6)).copied(),
            sack_permitted: options.sack,
            ..empty()
        };
        self.answered.note(&segment, now);
        if segment::send(&segment.reply(&answer), &answer, tx) {
            Ok(())
        } else {
            Err(Reason::NoBuffer)
        }
    }

    /// Checks the third packet of a handshake. It may carry data and a FIN.
    ///
    /// # Errors
    ///
    /// [`Reason::TcpBadCookie`] if it answers no SYN-ACK of the last one to two minutes;
    /// [`Reason::TcpEarly`] if the client may only just have been answered, and must not be reset
    /// because what is missing will be sent again; [`Reason::TcpNoFlow`] if it cannot be a third
    /// packet; or why it is malformed.
    pub fn on_ack(&mut self, packet: &[u8], now: Now) -> Result<Accepted, Reason> {
        let segment = Segment::parse(packet)?;
        let Some(ack) = segment.ack.filter(|_| !segment.syn && !segment.rst) else {
            return Err(Reason::TcpNoFlow);
        };
        if !segment.is_unicast() {
            return Err(Reason::IpBadSource);
        }
        self.turn(now);
        let server_isn = ack.wrapping_sub(1);
        let client_isn = segment.seq.wrapping_sub(1);
        let parity = u64::from(server_isn >> 8 & 1);
        let period = if self.current.number & 1 == parity {
            &self.current
        } else {
            &self.previous
        };
        if self.make(period, &segment, client_isn, server_isn & 0xff) != server_isn {
            return Err(if self.answered.lately(&segment, now) {
                Reason::TcpEarly
            } else {
                Reason::TcpBadCookie
            });
        }
        let options = Options::from_bits(server_isn);
        Ok(Accepted {
            local: segment.local(),
            remote: segment.remote(),
            mss: options.mss(),
            window_scale: options.window_scale,
            sack: options.sack,
            client_isn,
            server_isn,
        })
    }

    /// Moves to the period of `now`.
    fn turn(&mut self, now: Now) {
        let number = period_at(now);
        if number == self.current.number {
            return;
        }
        let next = Period::derive(&self.secret, number);
        self.previous = if number == self.current.number.wrapping_add(1) {
            core::mem::replace(&mut self.current, next)
        } else {
            self.current = next;
            Period::derive(&self.secret, number.wrapping_sub(1))
        };
    }

    /// The cookie for a client's handshake with the given option bits.
    ///
    /// The hash covers our own window scale too: legs have to be accepted with the one that was
    /// announced, so a change of the buffer size ends the cookies that were made before it.
    fn make(&self, period: &Period, segment: &Segment<'_>, client_isn: u32, options: u32) -> u32 {
        let low = options | ((period.number & 1) as u32) << 8;
        let mut mac = hmac::Context::with_key(&period.key);
        mac.update(&endpoint_bytes(segment.local()));
        mac.update(&endpoint_bytes(segment.remote()));
        mac.update(&client_isn.to_be_bytes());
        mac.update(&low.to_be_bytes());
        mac.update(&[self.window_shift]);
        word(mac.sign().as_ref()) & !0x1ff | low
    }
}

fn period_at(now: Now) -> u64 {
    now.since(Now::ZERO).as_secs() / PERIOD.as_secs()
}

/// What a SYN's options say, as far as a cookie can remember it.
#[derive(Clone, Copy, Debug)]
struct Options {
    size_index: u32,
    window_scale: Option<u8>,
    sack: bool,
}

impl Options {
    fn of(syn: &TcpRepr<'_>, is_ipv6: bool) -> Self {
        let mss = syn
            .max_seg_size
            .filter(|mss| *mss > 0)
            .unwrap_or_else(|| size_unsaid(is_ipv6));
        let size_index = (0..).zip(SIZES).take_while(|(_, size)| *size <= mss).last();
        Self {
            size_index: size_index.map_or(0, |(index, _)| index),
            window_scale: syn.window_scale,
            sack: syn.sack_permitted,
        }
    }

    fn to_bits(self) -> u32 {
        let scale = self
            .window_scale
            .map_or(UNSCALED, |scale| u32::from(scale.min(14)));
        self.size_index << 5 | scale << 1 | u32::from(self.sack)
    }

    const fn from_bits(bits: u32) -> Self {
        let scale = bits >> 1 & 0xf;
        Self {
            size_index: bits >> 5 & 7,
            window_scale: if scale == UNSCALED {
                None
            } else {
                Some((scale & 0xf) as u8)
            },
            sack: bits & 1 == 1,
        }
    }

    fn mss(self) -> u16 {
        SIZES
            .get(self.size_index as usize)
            .copied()
            .unwrap_or(crate::params::MSS_MIN)
    }
}

#[cfg(test)]
mod tests;
