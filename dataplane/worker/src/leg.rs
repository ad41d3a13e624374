//! One leg of a proxied session: TCP below, TLS or none above, plaintext on top.

use abi::{Now, Reason};
use flow::FlowId;
use pipeline::Closing;
use tcp::{State as TcpState, TcpLeg};
use tls::{Recheck, Records, State, TlsLeg};
use wire::Nic;

use crate::net::TcpOut;
use crate::outbox::Outbox;

/// Plaintext that may wait for a leg before the legs that feed it are no longer read. One
/// message, and what it grows by, may go over it.
const OUTBOX_HIGH: usize = 64 * 1024;

/// Something that the session has to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The handshake is done and plaintext may pass.
    Opened,
    /// The peer has said all that it had to say.
    Finished,
    /// The leg is gone, both ways.
    Failed(Reason),
}

/// How much the session has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Told {
    Nothing,
    Opened,
    Finished,
    Failed,
}

/// A leg and what waits to leave by it.
#[derive(Debug)]
pub(crate) struct SignalLeg {
    tcp: TcpLeg,
    /// Something has been done to TCP since it was last let speak.
    touched: bool,
    /// When TCP wants to speak by itself, as of then.
    deadline: Option<Now>,
    /// `None` while a handshake thread has it.
    tls: Option<Box<TlsLeg>>,
    pub(crate) flow: FlowId,
    outbox: Outbox,
    told: Told,
    /// The session has nothing more to say.
    finishing: bool,
    /// TCP has been told so too.
    finished: bool,
    /// TCP's end has been passed on to TLS.
    end_fed: bool,
    /// Since when nothing of what waits has left.
    stalled_since: Option<Now>,
}

impl SignalLeg {
    pub(crate) fn new(tcp: TcpLeg, tls: Box<TlsLeg>, flow: FlowId) -> Self {
        Self {
            tcp,
            touched: true,
            deadline: None,
            tls: Some(tls),
            flow,
            outbox: Outbox::default(),
            told: Told::Nothing,
            finishing: false,
            finished: false,
            end_fed: false,
            stalled_since: None,
        }
    }

    /// Gives TCP a segment.
    ///
    /// # Errors
    /// Why it was dropped.
    pub(crate) fn on_segment<N: Nic>(
        &mut self,
        segment: &[u8],
        now: Now,
        out: &mut TcpOut<'_, N>,
    ) -> Result<(), Reason> {
        self.touched = true;
        self.tcp.on_segment(segment, now, out)
    }

    /// Takes note that packets larger than `mtu` do not reach the peer.
    pub(crate) fn lower_mtu(&mut self, mtu: u16, now: Now) {
        self.touched = true;
        self.tcp.lower_mtu(mtu, now);
    }

    /// Lets TCP speak when next asked, if its time has come.
    pub(crate) fn wake(&mut self, now: Now) {
        self.touched |= self.deadline.is_some_and(|at| at <= now);
    }

    /// Lets TCP speak, if there is anything that it could speak about. Returns whether that is
    /// where TCP has given the peer up.
    ///
    /// A leg to which nothing has been done is left alone: most packets concern one leg, and the
    /// other one's memory need not be fetched for them.
    pub(crate) fn speak<N: Nic>(&mut self, now: Now, out: &mut TcpOut<'_, N>) -> bool {
        if !core::mem::take(&mut self.touched) {
            return false;
        }
        let was_closed = self.is_closed();
        self.tcp.poll(now, out);
        self.deadline = self.tcp.deadline(now);
        !was_closed && self.is_closed()
    }

    /// When TCP wants to speak by itself.
    pub(crate) const fn deadline(&self) -> Option<Now> {
        self.deadline
    }

    /// Whether TCP is over.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.tcp.state(), TcpState::Closed(_))
    }

    /// Gives the connection up.
    pub(crate) fn cut<N: Nic>(&mut self, now: Now, out: &mut TcpOut<'_, N>) {
        self.tcp.abort();
        self.tcp.poll(now, out);
    }

    /// Has the processor fetch what the leg points at.
    pub(crate) fn prefetch_parts(&self) {
        crypto::prefetch(self.tcp.connection());
        if let Some(tls) = &self.tls {
            crypto::prefetch(&**tls);
        }
    }

    /// Has the processor fetch what octets that come in by the leg pass.
    pub(crate) fn prefetch_way_in(&self) {
        let [receive, _] = self.tcp.rings();
        crypto::prefetch_line(receive);
        if let Some(keys) = self.keys() {
            crypto::prefetch(keys.receiving());
        }
    }

    /// Has the processor fetch what octets that leave by the leg pass.
    pub(crate) fn prefetch_way_out(&self) {
        let [_, send] = self.tcp.rings();
        crypto::prefetch_line(send);
        if let Some(keys) = self.keys() {
            crypto::prefetch(keys.sending());
        }
    }

    fn keys(&self) -> Option<&Records> {
        self.tls.as_ref().and_then(|tls| tls.records())
    }

    /// Moves what TCP has received up to TLS, as far as TLS takes it. Returns whether anything
    /// moved.
    pub(crate) fn lift(&mut self) -> bool {
        let Some(tls) = &mut self.tls else {
            return false;
        };
        let mut moved = false;
        while self.tcp.recv(|octets| tls.feed(octets)) > 0 {
            moved = true;
        }
        let ended = self.tcp.peer_finished() && !self.end_fed;
        if ended {
            self.end_fed = true;
            tls.feed_end();
        }
        self.touched |= moved;
        moved || ended
    }

    /// Gives the TLS leg away for a handshake step, if it has one to make.
    pub(crate) fn take_for_step(&mut self) -> Option<Box<TlsLeg>> {
        if !matches!(self.tcp.state(), TcpState::Open) {
            return None;
        }
        self.tls.take_if(|tls| tls.wants_step())
    }

    /// Takes the TLS leg back from its handshake step.
    pub(crate) fn give_back(&mut self, tls: Box<TlsLeg>) {
        self.tls = Some(tls);
    }

    /// Holds the peer of an open leg against `against`, in a step like those of handshakes.
    pub(crate) fn recheck(&mut self, against: Recheck) {
        if let Some(tls) = &mut self.tls {
            tls.recheck(against);
        }
    }

    /// Whether that is under way or still to be done.
    pub(crate) fn is_rechecking(&self) -> bool {
        let may_step = matches!(self.tcp.state(), TcpState::Open);
        self.is_open()
            && self
                .tls
                .as_ref()
                .is_none_or(|tls| may_step && tls.wants_step())
    }

    /// What came of it, once.
    pub(crate) fn verdict(&mut self) -> Option<Result<(), Reason>> {
        self.tls.as_mut()?.verdict()
    }

    /// What has changed since the session was last told, one thing at a time.
    pub(crate) fn change(&mut self) -> Option<Change> {
        let state = self.tls.as_ref().map(|tls| tls.state());
        let failed = match (self.tcp.state(), state) {
            (_, Some(State::Failed(reason))) => Some(reason),
            (TcpState::Closed(cause), _) => cause.reason(),
            _ => None,
        };
        let pending = self.tls.as_ref().map_or(0, |tls| tls.pending_plaintext());
        let change = match (self.told, failed, state) {
            (Told::Failed, ..) => return None,
            (_, Some(reason), _) if pending == 0 => Change::Failed(reason),
            (Told::Nothing, None, _) if self.tcp.state() == TcpState::Connecting => return None,
            (Told::Nothing, None, Some(State::Open | State::PeerClosed)) => Change::Opened,
            (Told::Opened, None, Some(State::PeerClosed)) if pending == 0 => Change::Finished,
            _ => return None,
        };
        self.told = match change {
            Change::Opened => Told::Opened,
            Change::Finished => Told::Finished,
            Change::Failed(_) => Told::Failed,
        };
        Some(change)
    }

    /// Whether the session has been told that plaintext may pass, and nothing worse since.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.told, Told::Opened | Told::Finished)
    }

    /// Whether the session has been told that the leg is gone.
    pub(crate) fn is_failed(&self) -> bool {
        self.told == Told::Failed
    }

    /// Takes up to `scratch`'s capacity of plaintext into it.
    pub(crate) fn read(&mut self, scratch: &mut Vec<u8>) {
        scratch.clear();
        let Some(tls) = &mut self.tls else { return };
        tls.take_plaintext(|octets| {
            let room = scratch.capacity() - scratch.len();
            let (taken, _) = octets.split_at(room.min(octets.len()));
            scratch.extend_from_slice(taken);
            taken.len()
        });
    }

    /// Whether so much waits to leave that nothing should be read that would add to it.
    pub(crate) fn is_congested(&self) -> bool {
        self.outbox.len() >= OUTBOX_HIGH
    }

    /// Puts plaintext behind what waits.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        if !self.finishing {
            self.outbox.push(octets);
        }
    }

    /// Ends our part.
    pub(crate) fn close(&mut self, how: Closing) {
        self.finishing = true;
        if how == Closing::Abort {
            self.finished = true;
            self.outbox = Outbox::default();
            self.touched = true;
            self.tcp.abort();
        }
    }

    /// Moves what waits down through TLS into TCP, as far as it goes, and ends our direction
    /// when that is wanted and all is through. Returns whether anything moved.
    pub(crate) fn lower(&mut self, now: Now) -> bool {
        let Some(tls) = &mut self.tls else {
            return false;
        };
        let mut moved = self.outbox.drain_to(|octets| tls.write(octets)) > 0;
        let through = self.outbox.is_empty() || matches!(tls.state(), State::Failed(_));
        if self.finishing && !self.finished && through {
            tls.close();
        }
        moved |= tls.take_output(|octets| self.tcp.send(octets)) > 0;
        if self.finishing && !self.finished && through && tls.pending_output() == 0 {
            self.finished = true;
            self.tcp.finish();
            moved = true;
        }
        self.touched |= moved;
        self.note_stall(moved, now);
        moved
    }

    fn note_stall(&mut self, moved: bool, now: Now) {
        let waiting = !self.outbox.is_empty()
            || self
                .tls
                .as_ref()
                .is_some_and(|tls| tls.pending_output() > 0);
        self.stalled_since = match self.stalled_since {
            _ if !waiting => None,
            Some(since) if !moved => Some(since),
            _ => Some(now),
        };
    }

    /// Since when the peer has taken nothing although something waits for it.
    pub(crate) fn stalled_since(&self) -> Option<Now> {
        self.stalled_since
    }

    /// Whether nothing is left to do on the leg: both directions have ended, or it has failed
    /// and whatever explains that has been taken.
    pub(crate) fn is_done(&self) -> bool {
        let explained = self.is_failed() && self.finished && self.tcp.pending() == 0;
        explained || self.tcp.is_done()
    }

    /// The TLS leg, unless a handshake thread has it.
    pub(crate) fn tls(&self) -> Option<&TlsLeg> {
        self.tls.as_deref()
    }

    /// Whether the session has ended our part.
    pub(crate) const fn is_closing(&self) -> bool {
        self.finishing
    }

    /// Fails a leg that has not opened in time; what it has to say may still leave. `false` while
    /// a handshake thread has it.
    pub(crate) fn time_out(&mut self) -> bool {
        let connecting = self.tcp.state() == TcpState::Connecting;
        let Some(tls) = &mut self.tls else {
            return false;
        };
        tls.fail(if connecting {
            Reason::TcpConnectFailed
        } else {
            Reason::TlsHandshakeTimeout
        });
        true
    }
}
