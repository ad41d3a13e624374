//! A phone: connects, shakes hands, registers, stays, hangs up.

use core::net::SocketAddr;

use abi::Now;
use sip::{Framer, Limits, Parsed};
use tcp::{CloseCause, State as TcpState, TcpLeg, Transmit};
use tls::{State, TlsLeg};

/// How far a phone has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// TCP or TLS is not open.
    Connecting,
    /// Its REGISTER is not answered.
    Registering,
    /// It is registered and idle.
    Established,
    /// It has hung up.
    Closing,
    /// Both sides are done.
    Gone,
    /// The connection ended before it hung up.
    Lost,
}

/// One phone.
pub(crate) struct Phone {
    tcp: TcpLeg,
    tls: TlsLeg,
    framer: Framer,
    stage: Stage,
    began: Now,
    refused: bool,
}

impl Phone {
    /// A phone that is about to connect.
    pub(crate) fn new(tcp: TcpLeg, tls: TlsLeg, now: Now) -> Self {
        Self {
            tcp,
            tls,
            framer: Framer::new(Limits::default()),
            stage: Stage::Connecting,
            began: now,
            refused: false,
        }
    }

    /// How far it has come.
    pub(crate) const fn stage(&self) -> Stage {
        self.stage
    }

    /// When it began to connect.
    pub(crate) const fn began(&self) -> Now {
        self.began
    }

    /// Why it was lost.
    pub(crate) fn fate(&self) -> String {
        let (tcp, tls) = (self.tcp.state(), self.tls.state());
        let answer = if self.refused {
            ", REGISTER refused"
        } else {
            ""
        };
        format!("TCP {tcp:?}, TLS {tls:?}{answer}")
    }

    /// Takes a segment, from its IP header on.
    pub(crate) fn on_segment(&mut self, segment: &[u8], now: Now, tx: &mut dyn Transmit) {
        // A segment that is dropped comes again if it matters.
        let _ = self.tcp.on_segment(segment, now, tx);
        self.poll(now, tx);
    }

    /// Hangs up.
    pub(crate) fn hang_up(&mut self, now: Now, tx: &mut dyn Transmit) {
        self.stage = Stage::Closing;
        self.tls.close();
        self.poll(now, tx);
        self.tcp.finish();
        self.tcp.poll(now, tx);
    }

    /// Goes on as far as it can.
    pub(crate) fn poll(&mut self, now: Now, tx: &mut dyn Transmit) {
        while self.turn() {}
        self.tcp.poll(now, tx);
        self.stage = match self.stage {
            Stage::Closing if self.has_ended() => Stage::Gone,
            Stage::Connecting | Stage::Registering | Stage::Established if self.is_broken() => {
                Stage::Lost
            }
            stage => stage,
        };
    }

    /// When to poll next, if nothing comes before.
    pub(crate) fn deadline(&mut self, now: Now) -> Option<Now> {
        self.tcp.deadline(now)
    }

    /// Whether both sides are done.
    fn has_ended(&self) -> bool {
        self.tcp.is_done() || self.tcp.peer_finished() && self.tcp.pending() == 0
    }

    /// Whether the connection ended without the phone's doing.
    fn is_broken(&self) -> bool {
        let ended =
            matches!(self.tcp.state(), TcpState::Closed(cause) if cause != CloseCause::Aborted);
        let open = matches!(self.tls.state(), State::Handshaking | State::Open);
        ended || !open || self.refused || self.tcp.peer_finished()
    }

    /// One round of moving octets; tells whether anything moved.
    fn turn(&mut self) -> bool {
        let Self { tcp, tls, .. } = self;
        let mut moved = tcp.recv(|octets| tls.feed(octets)) > 0;
        if tls.wants_step() {
            tls.step();
            moved = true;
        }
        moved |= self.read() > 0;
        if self.stage == Stage::Connecting && self.is_open() {
            let request = register(self.tcp.local(), self.tcp.remote());
            let written = self.tls.write(request.as_bytes());
            debug_assert_eq!(written, request.len(), "the output is empty");
            self.stage = Stage::Registering;
            moved = true;
        }
        let Self { tcp, tls, .. } = self;
        moved | (tls.take_output(|octets| tcp.send(octets)) > 0)
    }

    fn is_open(&self) -> bool {
        self.tls.state() == State::Open && self.tcp.state() == TcpState::Open
    }

    /// Reads what the call manager says.
    fn read(&mut self) -> usize {
        let Self { tls, framer, .. } = self;
        let mut answers = Vec::new();
        let taken = tls.take_plaintext(|octets| {
            let mut rest = octets;
            while let Ok(parsed) = framer.read(&mut rest) {
                match parsed {
                    Parsed::Need(_) => break,
                    Parsed::Blank { .. } => {}
                    Parsed::Frame(frame) => answers.push(frame.start_line().to_vec()),
                }
            }
            octets.len()
        });
        for answer in answers {
            if answer.starts_with(b"SIP/2.0 200") && self.stage == Stage::Registering {
                self.stage = Stage::Established;
            } else {
                self.refused = true;
            }
        }
        taken
    }
}

/// A request to register the phone at `local`.
fn register(local: SocketAddr, registrar: SocketAddr) -> String {
    let (ip, port) = (local.ip(), local.port());
    let registrar = registrar.ip();
    // The address of the phone, without punctuation, tells it from all others.
    let number = format!("{ip}-{port}").replace(['.', ':'], "");
    format!(
        "REGISTER sip:{registrar} SIP/2.0\r\n\
         Via: SIP/2.0/TLS {local};branch=z9hG4bK{number}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:{number}@{registrar}>;tag={number}\r\n\
         To: <sip:{number}@{registrar}>\r\n\
         Call-ID: {number}@{ip}\r\n\
         CSeq: 1 REGISTER\r\n\
         Contact: <sip:{number}@{local};transport=tls>\r\n\
         Expires: 3600\r\n\
         Content-Length: 0\r\n\r\n"
    )
}
