//! A host's end of a connection: TCP below, TLS or none above, octets on top.

use std::net::SocketAddr;

use abi::Now;
use tcp::{State as TcpState, TcpLeg, Transmit};
use tls::{State, TlsLeg};

use crate::sip::Message;

/// Names a connection of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub(crate) u32);

/// One connection. It outlives its TCP, so that a test can look at how it ended.
#[derive(Debug)]
pub struct Conn {
    pub(crate) tcp: TcpLeg,
    tls: TlsLeg,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    reading: bool,
    finishing: bool,
    finished: bool,
    end_fed: bool,
    /// Octets of plaintext received in all.
    pub received: u64,
    pub(crate) timer: Option<Now>,
}

impl Conn {
    pub(crate) const fn new(tcp: TcpLeg, tls: TlsLeg) -> Self {
        Self {
            tcp,
            tls,
            inbox: Vec::new(),
            outbox: Vec::new(),
            reading: true,
            finishing: false,
            finished: false,
            end_fed: false,
            received: 0,
            timer: None,
        }
    }

    /// Our address and port.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.tcp.local()
    }

    /// The other's address and port.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.tcp.remote()
    }

    /// How far TCP has come.
    #[must_use]
    pub fn tcp_state(&self) -> TcpState {
        self.tcp.state()
    }

    /// How far TLS has come; a clear connection is open at once.
    #[must_use]
    pub fn tls_state(&self) -> State {
        self.tls.state()
    }

    /// The alert that the other sent, as on the wire.
    #[must_use]
    pub fn alert(&self) -> Option<u8> {
        self.tls.peer_alert()
    }

    /// The certificate that the other showed.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.tls.peer_certificate()
    }

    /// The server name that the other asked for.
    #[must_use]
    pub fn sni(&self) -> Option<&str> {
        self.tls.peer()?.sni.as_deref()
    }

    /// Whether octets pass both ways.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.tcp.state() == TcpState::Open && self.tls.state() == State::Open
    }

    /// Whether the other has said all that it had to say, in good order.
    #[must_use]
    pub fn peer_has_finished(&self) -> bool {
        self.tls.state() == State::PeerClosed
    }

    /// Whether TCP is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.tcp.state(), TcpState::Closed(_))
    }

    /// Takes what was received.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.inbox)
    }

    /// Takes the next SIP message, once it is there as a whole.
    pub fn take_message(&mut self) -> Option<Message> {
        let (message, len) = Message::parse(&self.inbox)?;
        self.inbox.drain(..len);
        Some(message)
    }

    /// Octets that wait to be sent.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.outbox.len() + self.tls.pending_output() + self.tcp.pending()
    }

    /// How it stands.
    pub(crate) fn summary(&self) -> String {
        let (tcp, tls) = (&self.tcp, self.tls.state());
        let (unsent, unread) = (self.unsent(), self.inbox.len() + self.tcp.unread());
        format!("{tcp:?}, TLS {tls:?}, {unsent} octets unsent, {unread} unread")
    }

    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.outbox.extend_from_slice(octets);
    }

    pub(crate) const fn set_reading(&mut self, reading: bool) {
        self.reading = reading;
    }

    pub(crate) const fn finish(&mut self) {
        self.finishing = true;
    }

    /// Moves octets until none moves, then lets TCP speak.
    pub(crate) fn service(&mut self, now: Now, out: &mut dyn Transmit) {
        while self.lift() | self.lower() {}
        self.tcp.poll(now, out);
    }

    fn lift(&mut self) -> bool {
        let Self {
            tcp, tls, inbox, ..
        } = self;
        let mut moved = false;
        if self.reading {
            while tcp.recv(|octets| tls.feed(octets)) > 0 {
                moved = true;
            }
            if tcp.peer_finished() && !self.end_fed {
                self.end_fed = true;
                tls.feed_end();
                moved = true;
            }
        }
        if tls.wants_step() {
            tls.step();
            moved = true;
        }
        if self.reading {
            let taken = tls.take_plaintext(|octets| {
                inbox.extend_from_slice(octets);
                octets.len()
            });
            self.received += taken as u64;
            moved |= taken > 0;
        }
        moved
    }

    fn lower(&mut self) -> bool {
        let Self {
            tcp, tls, outbox, ..
        } = self;
        let written = tls.write(outbox);
        outbox.drain(..written);
        let failed = matches!(tls.state(), State::Failed(_));
        let ending = (self.finishing && outbox.is_empty() || failed) && !self.finished;
        if ending {
            tls.close();
        }
        let sent = tls.take_output(|octets| tcp.send(octets));
        if ending && tls.pending_output() == 0 {
            self.finished = true;
            tcp.finish();
        }
        written > 0 || sent > 0
    }
}
