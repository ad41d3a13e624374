//! One TCP connection.

use core::net::SocketAddr;
use core::time::Duration;

use abi::{Now, Reason};
use smoltcp::socket::tcp;
use smoltcp::wire::{IpEndpoint, TcpControl, TcpRepr};

use crate::cookie::Accepted;
use crate::liveness::{Awaits, Liveness};
use crate::nudge::Nudge;
use crate::reset::{empty, number};
use crate::segment::Segment;
use crate::stack::Stack;
use crate::{CloseCause, Params, State, Transmit};

/// One TCP connection of ours: octets in order, both ways.
///
/// Nothing happens by itself. Give it every segment of its flow ([`TcpLeg::on_segment`]); after
/// that, after [`TcpLeg::recv`], [`TcpLeg::send`], [`TcpLeg::finish`] and [`TcpLeg::abort`], and
/// when [`TcpLeg::deadline`] has come, call [`TcpLeg::poll`], which is when it sends. Drop it once
/// [`TcpLeg::is_done`].
pub struct TcpLeg {
    stack: Stack,
    local: SocketAddr,
    remote: SocketAddr,
    live: Liveness,
    nudge: Nudge,
    cause: Option<CloseCause>,
    /// The owner has finished, but the connection is not open yet.
    finish_wanted: bool,
    time_wait: Duration,
    /// When a leg that has finished stops answering.
    lingers_until: Option<Now>,
    lingered: bool,
}

impl core::fmt::Debug for TcpLeg {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (state, detail) = (self.state(), self.stack.state());
        write!(f, "{} <> {} {state:?} {detail}", self.local, self.remote)
    }
}

impl TcpLeg {
    /// Opens a connection from `local` to `remote`. The first [`TcpLeg::poll`] sends the SYN,
    /// with the sequence number `isn` (see [`crate::IsnSource`]).
    ///
    /// # Errors
    ///
    /// [`Reason::TcpConnectFailed`] if the two are not of one family, or an address or port
    /// cannot be connected.
    pub fn connect(
        local: SocketAddr,
        remote: SocketAddr,
        isn: u32,
        params: &Params,
        now: Now,
    ) -> Result<Self, Reason> {
        let mut leg = Self::new(local, remote, isn, params, now);
        if leg.stack.connect(local, remote) {
            Ok(leg)
        } else {
            Err(Reason::TcpConnectFailed)
        }
    }

    /// The leg of a connection whose third packet has shown a good cookie, open, with what
    /// that packet carries.
    ///
    /// # Errors
    ///
    /// Why the packet does not open the connection after all: it is not the one that `accepted`
    /// is from, or malformed.
    pub fn accept(
        accepted: &Accepted,
        packet: &[u8],
        params: &Params,
        now: Now,
        tx: &mut dyn Transmit,
    ) -> Result<Self, Reason> {
        let Accepted {
            local,
            remote,
            server_isn,
            client_isn,
            ..
        } = *accepted;
        let mut leg = Self::new(local, remote, server_isn, params, now);
        if leg
            .stack
            .socket_mut()
            .listen(IpEndpoint::from(local))
            .is_err()
        {
            return Err(Reason::TcpBadCookie);
        }
        leg.stack.open(client_isn, accepted.window_scale.is_some());
        leg.replay_handshake(accepted, now)?;
        leg.on_segment(packet, now, tx)?;
        match leg.state() {
            State::Open => Ok(leg),
            _ => Err(Reason::TcpBadCookie),
        }
    }

    fn new(local: SocketAddr, remote: SocketAddr, isn: u32, params: &Params, now: Now) -> Self {
        Self {
            stack: Stack::new(isn, local.is_ipv6(), params, now),
            local,
            remote,
            live: Liveness::new(params, now),
            nudge: Nudge::default(),
            cause: None,
            finish_wanted: false,
            time_wait: params.time_wait,
            lingers_until: None,
            lingered: false,
        }
    }

    /// Our address and port.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The peer's address and port.
    #[must_use]
    pub const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// What the leg keeps elsewhere, for a worker with a burst of segments for many legs, which
    /// has the memory of all fetched before it gives them their segments.
    #[must_use]
    pub fn connection(&self) -> &(impl Sized + use<>) {
        self.stack.socket()
    }

    /// Addresses at which octets come in and go out while nothing waits, for the same worker.
    #[must_use]
    pub const fn rings(&self) -> [usize; 2] {
        self.stack.rings()
    }

    /// How far the connection has come.
    #[must_use]
    pub fn state(&self) -> State {
        match (self.cause, self.stack.state()) {
            (Some(cause), _) => State::Closed(cause),
            (None, tcp::State::SynSent | tcp::State::SynReceived | tcp::State::Listen) => {
                State::Connecting
            }
            _ => State::Open,
        }
    }

    /// Takes a segment of this flow: an IP packet from its IP header on, whose checksums have
    /// been verified. Some segments are answered at once, into `tx`; call [`TcpLeg::poll`] for
    /// the rest.
    ///
    /// # Errors
    ///
    /// Why the segment was dropped. The connection goes on.
    pub fn on_segment(
        &mut self,
        packet: &[u8],
        now: Now,
        tx: &mut dyn Transmit,
    ) -> Result<(), Reason> {
        let segment = Segment::parse(packet)?;
        if segment.local() != self.local || segment.remote() != self.remote {
            return Err(Reason::TcpNoFlow);
        }
        let before = self.stack.state();
        if before == tcp::State::SynSent {
            self.on_answer(&segment)?;
        } else if before != tcp::State::Closed {
            self.check_window(&segment, now, tx)?;
        }
        let unread = self.unread();
        self.stack.ingress(packet, now, tx);
        let done = Done {
            reset: segment.rst,
            acknowledged: self.stack.track.acknowledge(&segment),
            received: self.unread() != unread,
        };
        self.live.heard(now);
        self.settle(before, done, now);
        Ok(())
    }

    /// Sends what there is to send, and gives the connection up if its peer has kept it waiting
    /// for too long.
    pub fn poll(&mut self, now: Now, tx: &mut dyn Transmit) {
        if self.is_done() {
            return;
        }
        if self.cause.is_none()
            && let Some(cause) = self.live.expired(now)
        {
            self.give_up(cause);
        }
        if self.finish_wanted && self.state() == State::Open {
            self.finish_wanted = false;
            self.stack.socket_mut().close();
        }
        if self.nudge.take(now) {
            self.resume(now, tx);
        }
        let before = self.stack.state();
        self.stack.egress(now, tx);
        self.settle(before, Done::default(), now);
        // Not before the peer's FIN has been acknowledged.
        self.lingered = self.lingers_until.is_some_and(|until| until <= now);
    }

    /// When to call [`TcpLeg::poll`] next, if nothing comes before; `now` or earlier means at
    /// once.
    #[must_use]
    pub fn deadline(&mut self, now: Now) -> Option<Now> {
        if self.is_done() {
            return None;
        }
        let own = match self.cause {
            Some(_) => self.lingers_until,
            None => self.live.deadline(),
        };
        let deadlines = [self.stack.deadline(now), own, self.nudge.due()];
        deadlines.into_iter().flatten().min()
    }

    /// Shows the owner received octets, oldest first; `f` tells how many of them it takes.
    ///
    /// Returns that number. Call again for the rest: the octets shown are in one piece, and may
    /// be fewer than [`TcpLeg::unread`]. What is taken opens the window again; what is not is
    /// shown again.
    pub fn recv(&mut self, f: impl FnOnce(&[u8]) -> usize) -> usize {
        let taken = self.stack.socket_mut().recv(|octets| {
            let taken = f(octets).min(octets.len());
            (taken, taken)
        });
        // An error means that there is nothing and will be nothing.
        let taken = taken.unwrap_or(0);
        self.stack.track.take(taken);
        taken
    }

    /// Octets received that the owner has not taken.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.stack.socket().recv_queue()
    }

    /// Appends octets to what is to be sent, as far as there is room, and returns how many.
    /// None while the connection is not open, and none after [`TcpLeg::finish`].
    pub fn send(&mut self, octets: &[u8]) -> usize {
        if self.cause.is_some() || self.finish_wanted {
            return 0;
        }
        self.stack.socket_mut().send_slice(octets).unwrap_or(0)
    }

    /// Octets that [`TcpLeg::send`] would take.
    #[must_use]
    pub fn send_room(&self) -> usize {
        let socket = self.stack.socket();
        if self.cause.is_some() || self.finish_wanted || !socket.may_send() {
            return 0;
        }
        socket.send_capacity() - socket.send_queue()
    }

    /// Octets that the peer has not acknowledged.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.stack.socket().send_queue()
    }

    /// Ends our direction, once what is pending has been sent. The peer may go on sending.
    pub fn finish(&mut self) {
        match self.state() {
            State::Connecting => self.finish_wanted = true,
            State::Open => self.stack.socket_mut().close(),
            State::Closed(_) => {}
        }
    }

    /// Whether the owner has finished.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finish_wanted || !self.stack.socket().may_send() && self.state() != State::Connecting
    }

    /// Whether the peer has finished and the owner has taken all that it sent.
    #[must_use]
    pub fn peer_finished(&self) -> bool {
        self.unread() == 0 && (self.fin_received() || self.cause == Some(CloseCause::Finished))
    }

    /// Gives the connection up: drops what is pending, and resets the peer at the next
    /// [`TcpLeg::poll`].
    pub fn abort(&mut self) {
        if self.cause.is_none() {
            self.give_up(CloseCause::Aborted);
        }
    }

    /// Whether nothing more is to be sent or answered, so that the leg may be dropped. Octets
    /// may still be unread.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.cause.is_some() && (self.lingered || self.stack.socket().remote_endpoint().is_none())
    }

    /// Takes note that packets larger than `mtu` do not reach the peer (RFC 1191, RFC 8201).
    ///
    /// What is lost is sent again in smaller segments. It never raises the size.
    pub fn lower_mtu(&mut self, mtu: u16, now: Now) {
        let floor = if self.local.is_ipv6() { 1_280 } else { 576 };
        self.stack.lower_mtu(mtu.max(floor), now);
    }

    /// Shows smoltcp the SYN that the cookie remembers, and takes its SYN-ACK off it.
    fn replay_handshake(&mut self, accepted: &Accepted, now: Now) -> Result<(), Reason> {
        let syn = TcpRepr {
            control: TcpControl::Syn,
            seq_number: number(accepted.client_isn),
            window_len: u16::MAX,
            window_scale: accepted.window_scale,
            max_seg_size: Some(accepted.mss),
            sack_permitted: accepted.sack,
            ..empty()
        };
        let mut answer = Capture::default();
        self.stack
            .ingress_made_up((self.local, self.remote), syn, now, &mut answer);
        self.stack.egress(now, &mut answer);
        let made = Segment::parse(&answer.0)?;
        if made.syn && made.seq == accepted.server_isn {
            Ok(())
        } else {
            Err(Reason::TcpBadCookie)
        }
    }

    /// Looks at what answers our SYN, before smoltcp does.
    fn on_answer(&mut self, segment: &Segment<'_>) -> Result<(), Reason> {
        let repr = segment.repr()?;
        if repr.control == TcpControl::Syn {
            self.stack.open(segment.seq, repr.window_scale.is_some());
        }
        Ok(())
    }

    /// Refuses what smoltcp would take too easily, octets beyond the window that was announced
    /// and resets whose sequence number is only near the right one; and answers the SYN of a
    /// peer that has started anew, which smoltcp would not.
    fn check_window(
        &mut self,
        segment: &Segment<'_>,
        now: Now,
        tx: &mut dyn Transmit,
    ) -> Result<(), Reason> {
        let next = self.stack.track.next(self.unread(), self.fin_received());
        let guessed_reset = segment.rst && segment.seq != next;
        if guessed_reset || segment.syn && self.state() == State::Open {
            // RFC 5961 §3.2, §4.2: ask the peer, which knows the right number.
            let near = segment.syn || self.stack.track.in_window(segment.seq, next);
            if near && self.state() == State::Open {
                self.challenge(next, now, tx);
            }
            return Err(Reason::TcpOutOfWindow);
        }
        let end = segment.seq.wrapping_add(segment.payload_len);
        if self.stack.track.overruns(end, next) {
            return Err(Reason::TcpOutOfWindow);
        }
        Ok(())
    }

    /// Has smoltcp send a challenge acknowledgement, at most one a second, by showing it a
    /// keepalive of the peer that never came.
    fn challenge(&mut self, next: u32, now: Now, tx: &mut dyn Transmit) {
        let keepalive = TcpRepr {
            seq_number: number(next.wrapping_sub(1)),
            ack_number: Some(number(self.stack.track.una())),
            ..empty()
        };
        self.stack
            .ingress_made_up((self.local, self.remote), keepalive, now, tx);
    }

    /// Has a socket send that has stopped, by showing it acknowledgements that never came: the
    /// first opens a shut window by the least that there is, which makes a probe, and as many
    /// more as it takes ask for the oldest segment in flight again (RFC 5681 §3.2).
    fn resume(&mut self, now: Now, tx: &mut dyn Transmit) {
        let next = self.stack.track.next(self.unread(), self.fin_received());
        let acknowledgement = TcpRepr {
            seq_number: number(next),
            ack_number: Some(number(self.stack.track.una())),
            window_len: self.stack.track.peer_window().max(1),
            ..empty()
        };
        for _ in 0..4 {
            let ends = (self.local, self.remote);
            self.stack.ingress_made_up(ends, acknowledgement, now, tx);
        }
    }

    /// Draws the conclusions from what the peer has done and what became of the socket.
    fn settle(&mut self, before: tcp::State, done: Done, now: Now) {
        let state = self.stack.state();
        if state == tcp::State::TimeWait && before != state {
            self.cause = self.cause.or(Some(CloseCause::Finished));
            self.lingers_until = Some(now + self.time_wait);
        }
        if state == tcp::State::Closed && before != state {
            self.cause = self.cause.or(Some(match before {
                tcp::State::SynSent | tcp::State::SynReceived => CloseCause::Refused,
                _ if done.reset => CloseCause::Reset,
                _ => CloseCause::Finished,
            }));
        }
        let (awaits, progress) = match state {
            tcp::State::Listen | tcp::State::SynSent | tcp::State::SynReceived => {
                (Awaits::Open, false)
            }
            tcp::State::FinWait2 => (Awaits::Fin, done.received),
            tcp::State::FinWait1 | tcp::State::Closing | tcp::State::LastAck => {
                (Awaits::Acknowledgement, done.acknowledged)
            }
            _ if self.pending() > 0 => (Awaits::Acknowledgement, done.acknowledged),
            _ => (Awaits::Nothing, false),
        };
        self.live.update(awaits, progress, now);
        let sends = self.cause.is_none() && self.pending() > 0;
        let stopped = sends && self.stack.is_idle(now);
        self.nudge.update(stopped, done.acknowledged, now);
    }

    fn give_up(&mut self, cause: CloseCause) {
        self.cause = Some(cause);
        self.stack.socket_mut().abort();
    }

    fn fin_received(&self) -> bool {
        matches!(
            self.stack.state(),
            tcp::State::CloseWait
                | tcp::State::LastAck
                | tcp::State::Closing
                | tcp::State::TimeWait
        )
    }
}

/// What a segment from the peer did.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    reset: bool,
    acknowledged: bool,
    received: bool,
}

/// Keeps the last packet instead of sending it.
#[derive(Default)]
struct Capture(Vec<u8>);

impl Transmit for Capture {
    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> bool {
        self.0 = vec![0; len];
        fill(&mut self.0);
        true
    }
}
