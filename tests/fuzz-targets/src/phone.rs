//! A phone proxy's session between two peers that say anything.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use abi::{Now, Reason};
use phone_proxy::{Config, RawConfig, Session};
use pipeline::{
    Closed, Endpoint, Entropy, Input as Event, Leg, MediaId, Output, PerLeg, Session as _,
    SessionSetup,
};
use sip::{Framer, Limits, Parsed};

use crate::input::Input;

/// Outputs that one input may lead to. More is taken for a session that never comes to rest.
const OUTPUTS_MAX: usize = 10_000;

/// Fills with octets that differ from call to call no more than they must.
#[derive(Debug)]
struct Steady;

impl Entropy for Steady {
    fn fill(&self, out: &mut [u8]) -> bool {
        out.fill(0x5a);
        true
    }
}

/// What stands around a session.
struct Worker {
    session: Session,
    now: Now,
    refuses_media: bool,
    pinned: BTreeSet<MediaId>,
    /// Times that media was asked for.
    pins: usize,
    /// Reads what each peer is sent.
    heard: PerLeg<Framer>,
    /// Messages that each peer was sent.
    messages: PerLeg<usize>,
    /// The session has asked for the server's leg.
    wants_server: bool,
    /// It is up.
    server_up: bool,
}

fn end(host: [u8; 4], port: u16) -> SocketAddr {
    (host, port).into()
}

impl Worker {
    fn new(kind: u8) -> Self {
        let raw = RawConfig {
            lenient_framing: kind & 1 != 0,
            decrement_max_forwards: kind & 2 != 0,
            calls_max: 4,
            transactions_max: 8,
            ..RawConfig::default()
        };
        let config = Config::check(raw).expect("a sound configuration");
        let setup = SessionSetup {
            server: end([192, 0, 2, 10], 5_060),
            client_secure: true,
            server_secure: kind & 4 != 0,
            entropy: Arc::new(Steady),
        };
        // What is rewritten may be longer than what came.
        let limits = Limits {
            header_block: 1 << 20,
            line: 1 << 20,
            headers: 1 << 12,
            message: 1 << 21,
            lenient: false,
        };
        Self {
            session: Session::new(Arc::new(config), setup),
            now: Now::from_millis(1_000),
            refuses_media: false,
            pinned: BTreeSet::new(),
            pins: 0,
            heard: PerLeg::from_fn(|_| Framer::new(limits)),
            messages: PerLeg::default(),
            wants_server: false,
            server_up: false,
        }
    }

    fn open(&mut self, leg: Leg) {
        let (local, peer) = match leg {
            Leg::Client => (end([198, 51, 100, 1], 5_061), end([203, 0, 113, 7], 61_000)),
            Leg::Server => (end([192, 0, 2, 1], 32_768), end([192, 0, 2, 10], 5_060)),
        };
        self.tell(Event::Opened { leg, local, peer });
    }

    fn tell(&mut self, event: Event<'_>) {
        self.session.handle_input(event, self.now);
        for _ in 0..OUTPUTS_MAX {
            let Some(output) = self.session.poll_output() else {
                assert!(self.session.next_deadline().is_none_or(|at| at >= self.now));
                return;
            };
            self.apply(output);
        }
        panic!("the session does not come to rest");
    }

    fn apply(&mut self, output: Output) {
        match output {
            Output::Send { leg, bytes } => self.hear(leg, &bytes),
            Output::Open => {
                assert!(!self.wants_server, "the server's leg is opened once");
                self.wants_server = true;
            }
            Output::Close { .. } | Output::Audit(_) => {}
            Output::PinMedia { media, .. } => self.answer(media),
            Output::UnpinMedia { media } => {
                assert!(self.pinned.remove(&media), "{media:?} is not pinned");
            }
        }
    }

    fn answer(&mut self, media: MediaId) {
        self.pins += 1;
        let port = u16::try_from(20_000 + 2 * (media.0 % 5_000)).unwrap_or(20_000);
        let at = |host| Endpoint {
            rtp: end(host, port),
            rtcp: end(host, port + 1),
        };
        let answer = if self.refuses_media {
            Event::MediaRefused {
                media,
                reason: Reason::PortsExhausted,
            }
        } else {
            self.pinned.insert(media);
            Event::MediaReady {
                media,
                local: PerLeg {
                    client: at([198, 51, 100, 2]),
                    server: at([192, 0, 2, 2]),
                },
            }
        };
        self.session.handle_input(answer, self.now);
    }

    /// What peers are sent is well framed, whatever came in.
    fn hear(&mut self, leg: Leg, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            match self.heard[leg].read(&mut rest) {
                Ok(Parsed::Need(_)) => break,
                Ok(Parsed::Blank { .. }) => {}
                Ok(Parsed::Frame(_)) => self.messages[leg] += 1,
                Err(error) => panic!("sent to {leg:?} what cannot be framed: {error}"),
            }
        }
    }
}

/// A session whose peers say anything, in pieces, while time passes and media is refused.
pub(crate) fn phone_proxy(data: &[u8]) {
    play(data);
}

fn play(data: &[u8]) -> Worker {
    let mut input = Input::new(data);
    let mut worker = Worker::new(input.u8());
    worker.open(Leg::Client);
    while let Some(step) = input.next() {
        let leg = if step & 1 == 0 {
            Leg::Client
        } else {
            Leg::Server
        };
        if worker.wants_server && !worker.server_up && step & 2 == 0 {
            worker.server_up = true;
            worker.open(Leg::Server);
        }
        match step >> 2 & 7 {
            0..=3 => worker.tell(Event::Data {
                leg,
                bytes: input.piece(),
            }),
            4 => {
                worker.now = worker.now + Duration::from_millis(u64::from(input.u16()) * 10);
                if worker
                    .session
                    .next_deadline()
                    .is_some_and(|at| at <= worker.now)
                {
                    worker.tell(Event::Timer);
                }
            }
            5 => worker.refuses_media = input.bool(),
            6 => worker.tell(Event::Closed {
                leg,
                how: Closed::Finished,
            }),
            _ => worker.tell(Event::Closed {
                leg,
                how: Closed::Failed(Reason::TcpReset),
            }),
        }
    }
    worker
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_reach_registration_and_media() {
        let played: Vec<Worker> = crate::seeds("phone_proxy")
            .iter()
            .map(|s| play(s))
            .collect();
        let heard: Vec<_> = played
            .iter()
            .map(|w| (w.messages.client, w.messages.server))
            .collect();
        let pins: Vec<_> = played.iter().map(|w| w.pins).collect();
        assert_eq!(heard, [(1, 1), (5, 5), (3, 3)]);
        assert!(pins[1] > 0 && pins[2] > 0, "{pins:?}");
    }
}
