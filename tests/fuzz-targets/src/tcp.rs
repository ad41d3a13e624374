//! TCP: cookies, and two legs that talk over a line which the fuzzer plays with.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use abi::Now;
use tcp::{Accepted, Cookies, IsnSource, Params, State, TcpLeg, Transmit, reset_for};
use wire::TxChecksums;
use wire::offload::complete_tcp;

use crate::input::Input;

/// Where packets go.
#[derive(Default)]
struct Line(VecDeque<Vec<u8>>);

impl Transmit for Line {
    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> bool {
        let mut packet = vec![0; len];
        fill(&mut packet);
        complete_tcp(&mut packet, TxChecksums::NONE).expect("a packet of TCP");
        self.0.push_back(packet);
        true
    }

    fn has_room(&mut self) -> bool {
        self.0.len() < 64
    }
}

fn client() -> SocketAddr {
    ([198, 51, 100, 7], 40_000).into()
}

fn server() -> SocketAddr {
    ([192, 0, 2, 10], 5_061).into()
}

/// An IPv4 packet from `client` to `server` around a segment.
fn packet(from: SocketAddr, to: SocketAddr, segment: &[u8]) -> Vec<u8> {
    let len = u16::try_from(20 + segment.len()).unwrap_or(u16::MAX);
    let mut packet = vec![0x45, 0];
    packet.extend(len.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
    for end in [from, to] {
        if let SocketAddr::V4(v4) = end {
            packet.extend(v4.ip().octets());
        }
    }
    packet.extend_from_slice(segment);
    packet
}

/// A segment's first twelve octets.
fn head(from: SocketAddr, to: SocketAddr, seq: u32, ack: u32) -> Vec<u8> {
    let mut head = Vec::new();
    head.extend(from.port().to_be_bytes());
    head.extend(to.port().to_be_bytes());
    head.extend(seq.to_be_bytes());
    head.extend(ack.to_be_bytes());
    head
}

fn word(packet: &[u8], at: usize) -> u32 {
    let octets = packet.get(at..).and_then(|rest| rest.first_chunk());
    octets.copied().map_or(0, u32::from_be_bytes)
}

/// Packets of any content, and handshakes with any options and any third packet.
pub(crate) fn cookies(data: &[u8]) {
    let params = Params::default();
    let mut now = Now::from_millis(10_000);
    let mut cookies = Cookies::new(&[7; 32], &params, now);
    let mut input = Input::new(data);
    while let Some(step) = input.next() {
        now = now + Duration::from_secs(u64::from(step >> 4));
        let mut line = Line::default();
        let piece = input.piece();
        match step & 3 {
            0 => {
                let _ = cookies.on_syn(piece, now, &mut line);
                let accepted = cookies.on_ack(piece, now);
                if let Ok(accepted) = accepted {
                    let _ = TcpLeg::accept(&accepted, piece, &params, now, &mut line);
                }
                reset_for(piece, &mut line);
            }
            1 => {
                let packet = packet(client(), server(), piece);
                let _ = cookies.on_syn(&packet, now, &mut line);
                let _ = cookies.on_ack(&packet, now);
                reset_for(&packet, &mut line);
            }
            _ => shake_hands(&mut cookies, piece, input.piece(), &params, now),
        }
    }
}

/// A SYN with `options`, and a third packet that goes on with `third` after its numbers.
fn shake_hands(cookies: &mut Cookies, options: &[u8], third: &[u8], params: &Params, now: Now) {
    let options = options
        .get(..options.len().min(40) & !3)
        .unwrap_or_default();
    let offset = u8::try_from((20 + options.len()) / 4).unwrap_or(5) << 4;
    let mut syn = head(client(), server(), 1_000, 0);
    syn.extend([offset, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
    syn.extend_from_slice(options);
    let mut line = Line::default();
    if cookies
        .on_syn(&packet(client(), server(), &syn), now, &mut line)
        .is_err()
    {
        return;
    }
    let answer = line.0.pop_front().expect("an answer to a SYN");
    let cookie = word(&answer, 24);
    assert_eq!(word(&answer, 28), 1_001);
    let mut ack = head(client(), server(), 1_001, cookie.wrapping_add(1));
    ack.extend_from_slice(third);
    let ack = packet(client(), server(), &ack);
    let accepted: Option<Accepted> = cookies.on_ack(&ack, now).ok();
    if let Some(accepted) = accepted {
        assert_eq!((accepted.local, accepted.remote), (server(), client()));
        if let Ok(mut leg) = TcpLeg::accept(&accepted, &ack, params, now, &mut line) {
            leg.poll(now, &mut line);
            assert!(leg.unread() <= params.rx_buffer);
        }
    }
}

/// One end of the connection.
struct End {
    leg: TcpLeg,
    /// What has left and not arrived.
    line: Line,
    sent: u64,
    received: u64,
}

/// The octet at a place of the stream.
fn octet(at: u64) -> u8 {
    (at % 251).to_le_bytes()[0]
}

impl End {
    fn send(&mut self, len: usize) {
        let octets: Vec<u8> = (self.sent..).take(len).map(octet).collect();
        self.sent += self.leg.send(&octets) as u64;
    }

    /// Takes up to `most` octets; `intact`: they are what the other end sent.
    fn receive(&mut self, most: usize, intact: bool) {
        let at = self.received;
        let taken = self.leg.recv(|octets| {
            let few = octets.get(..octets.len().min(most)).unwrap_or_default();
            if intact {
                assert!(few.iter().zip(at..).all(|(got, at)| *got == octet(at)));
            }
            few.len()
        });
        self.received += taken as u64;
    }
}

/// A connection over a line that loses, doubles, swaps, damages and makes up segments.
pub(crate) fn legs(data: &[u8]) {
    let params = Params {
        rx_buffer: 2_048,
        tx_buffer: 2_048,
        ..Params::default()
    };
    let mut now = Now::from_millis(10_000);
    let Some(mut ends) = connect(&params, now) else {
        panic!("two legs on a good line do not connect");
    };
    let mut input = Input::new(data);
    let mut intact = true;
    while let Some(step) = input.next() {
        let side = usize::from(step & 1);
        intact &= !matches!(step >> 1 & 15, 5 | 6);
        act(
            &mut ends,
            side,
            step >> 1 & 15,
            &mut input,
            intact,
            &mut now,
        );
        for End { leg, line, .. } in &mut ends {
            leg.poll(now, line);
            let _ = leg.deadline(now);
            assert!(leg.unread() <= params.rx_buffer && leg.pending() <= params.tx_buffer);
        }
        if intact {
            let [a, b] = &ends;
            assert!(a.received <= b.sent && b.received <= a.sent);
        }
    }
}

fn connect(params: &Params, now: Now) -> Option<[End; 2]> {
    let isn = IsnSource::new(&[3; 32]).isn(client(), server(), now);
    let mut cookies = Cookies::new(&[7; 32], params, now);
    let (mut up, mut down) = (Line::default(), Line::default());
    let mut leg = TcpLeg::connect(client(), server(), isn, params, now).ok()?;
    leg.poll(now, &mut up);
    cookies.on_syn(&up.0.pop_front()?, now, &mut down).ok()?;
    leg.on_segment(&down.0.pop_front()?, now, &mut up).ok()?;
    leg.poll(now, &mut up);
    let ack = up.0.pop_front()?;
    let accepted = cookies.on_ack(&ack, now).ok()?;
    let other = TcpLeg::accept(&accepted, &ack, params, now, &mut down).ok()?;
    let end = |leg, line| End {
        leg,
        line,
        sent: 0,
        received: 0,
    };
    Some([end(leg, up), end(other, down)])
}

fn act(
    ends: &mut [End; 2],
    side: usize,
    what: u8,
    input: &mut Input<'_>,
    intact: bool,
    now: &mut Now,
) {
    let [a, b] = ends;
    let (end, other) = if side == 0 { (a, b) } else { (b, a) };
    match what {
        0 | 1 => deliver(end, other, *now),
        2 => drop(end.line.0.pop_front()),
        3 => {
            if let Some(packet) = end.line.0.front().cloned() {
                end.line.0.push_back(packet);
            }
        }
        4 => {
            let len = end.line.0.len();
            if len > 1 {
                end.line.0.swap(0, input.below(len));
            }
        }
        5 => {
            let (at, with) = (usize::from(input.u8()), input.u8());
            if let Some(octet) = end.line.0.front_mut().and_then(|p| p.get_mut(at)) {
                *octet ^= with;
            }
        }
        6 => make_up(end, other, input, *now),
        7 | 8 => end.send(input.below(4_096)),
        9 | 10 => end.receive(input.below(4_096), intact),
        11 => *now = *now + Duration::from_millis(input.u16().into()),
        12 => end.leg.finish(),
        13 if input.u8() == 0xff => end.leg.abort(),
        14 => end.leg.lower_mtu(input.u16(), *now),
        _ => *now = *now + Duration::from_millis(u64::from(input.u16()) * 100),
    }
}

fn deliver(end: &mut End, other: &mut End, now: Now) {
    if let Some(packet) = end.line.0.pop_front() {
        let _ = other.leg.on_segment(&packet, now, &mut other.line);
    }
}

/// A segment that `end` never sent, near the numbers of the last one that it did.
fn make_up(end: &End, other: &mut End, input: &mut Input<'_>, now: Now) {
    let last = end.line.0.back();
    let near = |at, by: u16| {
        let number = last.map_or(0, |packet| word(packet, at));
        number.wrapping_add(u32::from(by)).wrapping_sub(1 << 15)
    };
    let (seq, ack) = (near(24, input.u16()), near(28, input.u16()));
    let mut segment = head(end.leg.local(), end.leg.remote(), seq, ack);
    segment.extend_from_slice(input.piece());
    let was_open = matches!(other.leg.state(), State::Open);
    let _ = other.leg.on_segment(
        &packet(end.leg.local(), end.leg.remote(), &segment),
        now,
        &mut other.line,
    );
    assert!(was_open || !matches!(other.leg.state(), State::Open));
}
