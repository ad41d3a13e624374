//! A session between a phone and a server, both played by hand.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use abi::{Counter, Now, Reason};
use pipeline::{
    Closed, Closing, Endpoint, Entropy, Event, Input, Leg, MediaId, MediaPlan, Output, PerLeg,
    Session as _, SessionSetup,
};

use crate::{Config, RawConfig, Session};

/// The worked example of `sip-proxying.md` §9.
pub(super) struct Setup {
    pub(super) config: RawConfig,
    pub(super) client: (&'static str, &'static str),
    pub(super) server: (&'static str, &'static str),
    pub(super) server_secure: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            config: RawConfig::default(),
            client: ("198.51.100.1:5061", "203.0.113.7:61000"),
            server: ("10.10.0.5:32768", "10.10.0.10:5060"),
            server_secure: false,
        }
    }
}

/// Repeats itself from run to run, and never within one.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) -> bool {
        for chunk in out.chunks_mut(4) {
            let n = self.0.fetch_add(0x9e37_79b9, Ordering::Relaxed);
            chunk.copy_from_slice(&n.to_be_bytes()[4..][..chunk.len()]);
        }
        true
    }
}

pub(super) struct Lab {
    pub(super) session: Session,
    pub(super) now: Now,
    /// What each peer has been sent and has not looked at.
    pub(super) sent: PerLeg<Vec<u8>>,
    pub(super) pins: BTreeMap<MediaId, MediaPlan>,
    /// Pins asked for so far, renewed ones counted again.
    pub(super) pinned: usize,
    pub(super) refuse_media: Option<Reason>,
    pub(super) refused: Vec<(Leg, Reason)>,
    pub(super) counted: Vec<Counter>,
    pub(super) closed: Vec<(Leg, Closing)>,
    pub(super) opened: usize,
    media: PerLeg<SocketAddr>,
}

impl Lab {
    pub(super) fn new() -> Self {
        Self::with(Setup::default())
    }

    pub(super) fn with(setup: Setup) -> Self {
        let mut lab = Self::unopened(&setup);
        lab.open(Leg::Client, setup.client);
        lab.open(Leg::Server, setup.server);
        lab
    }

    pub(super) fn unopened(setup: &Setup) -> Self {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let config = Arc::new(Config::check(setup.config.clone()).unwrap());
        let session = Session::new(
            config,
            SessionSetup {
                server: address(setup.server.1),
                client_secure: true,
                server_secure: setup.server_secure,
                entropy: Arc::new(Counting::default()),
            },
        );
        let media = |local: &str, port| SocketAddr::new(address(local).ip(), port);
        Self {
            session,
            now: Now::from_millis(1),
            sent: PerLeg::default(),
            pins: BTreeMap::new(),
            pinned: 0,
            refuse_media: None,
            refused: Vec::new(),
            counted: Vec::new(),
            closed: Vec::new(),
            opened: 0,
            media: PerLeg {
                client: media(setup.client.0, 30000),
                server: media(setup.server.0, 20010),
            },
        }
    }

    pub(super) fn open(&mut self, leg: Leg, (local, peer): (&str, &str)) {
        let (local, peer) = (local.parse().unwrap(), peer.parse().unwrap());
        self.input(Input::Opened { leg, local, peer });
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        self.session.handle_input(input, self.now);
        while let Some(output) = self.session.poll_output() {
            self.apply(output);
        }
    }

    fn apply(&mut self, output: Output) {
        match output {
            Output::Send { leg, bytes } => self.sent[leg].extend(bytes),
            Output::Open => self.opened += 1,
            Output::Close { leg, how } => self.closed.push((leg, how)),
            Output::PinMedia { media, plan } => {
                self.pinned += 1;
                let answer = match self.refuse_media {
                    Some(reason) => Input::MediaRefused { media, reason },
                    None => {
                        self.pins.insert(media, *plan);
                        Input::MediaReady {
                            media,
                            local: self.local(media),
                        }
                    }
                };
                self.session.handle_input(answer, self.now);
            }
            Output::UnpinMedia { media } => {
                assert!(
                    self.pins.remove(&media).is_some(),
                    "{media:?} is not pinned"
                );
            }
            Output::Audit(Event::Refused { leg, reason }) => self.refused.push((leg, reason)),
            Output::Audit(Event::Counted(counter)) => self.counted.push(counter),
        }
    }

    /// Our addresses for a stream: ten ports from one to the next.
    pub(super) fn local(&self, media: MediaId) -> PerLeg<Endpoint> {
        PerLeg::from_fn(|leg| {
            let port = self.media[leg].port() + 10 * u16::try_from(media.0).unwrap();
            let at = |port| SocketAddr::new(self.media[leg].ip(), port);
            Endpoint {
                rtp: at(port),
                rtcp: at(port + 1),
            }
        })
    }

    /// Lets the peer on `leg` say `text`, and returns what the other peer then gets.
    pub(super) fn say(&mut self, leg: Leg, text: &str) -> String {
        self.input(Input::Data {
            leg,
            bytes: &wire(text),
        });
        self.heard(leg.other())
    }

    /// The same for octets as they are.
    pub(super) fn say_raw(&mut self, leg: Leg, bytes: &[u8]) -> Vec<u8> {
        self.input(Input::Data { leg, bytes });
        core::mem::take(&mut self.sent[leg.other()])
    }

    pub(super) fn phone(&mut self, text: &str) -> String {
        self.say(Leg::Client, text)
    }

    pub(super) fn server(&mut self, text: &str) -> String {
        self.say(Leg::Server, text)
    }

    /// What the peer on `leg` has got since it last looked, with plain line ends.
    pub(super) fn heard(&mut self, leg: Leg) -> String {
        let bytes = core::mem::take(&mut self.sent[leg]);
        String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.session.next_deadline().filter(|at| *at <= until) {
            self.now = at;
            self.input(Input::Timer);
        }
        self.now = until;
    }

    pub(super) fn close(&mut self, leg: Leg, how: Closed) {
        self.input(Input::Closed { leg, how });
    }

    pub(super) fn plan(&self) -> &MediaPlan {
        assert_eq!(self.pins.len(), 1);
        self.pins.values().next().unwrap()
    }

    /// Nothing may be left over at the end of a story.
    pub(super) fn assert_quiet(&mut self) {
        assert_eq!(self.refused, []);
        assert!(self.pins.is_empty(), "{:?}", self.pins);
        assert_eq!(self.heard(Leg::Client), "");
        assert_eq!(self.heard(Leg::Server), "");
    }
}

/// `text` as it goes over the wire: CRLF, and the right Content-Length where it says `@`.
pub(super) fn wire(text: &str) -> Vec<u8> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let body = body.replace('\n', "\r\n");
    let head = head.replace('\n', "\r\n");
    let head = head.replace(
        "Content-Length: @",
        &format!("Content-Length: {}", body.len()),
    );
    format!("{head}\r\n\r\n{body}").into_bytes()
}

/// An audio description with further `lines`.
pub(super) fn sdp(address: &str, port: u16, profile: &str, lines: &str) -> String {
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    format!(
        "v=0\no=- 1 1 IN {family} {address}\ns=-\nc=IN {family} {address}\nt=0 0\n\
         m=audio {port} RTP/{profile} 0\n{lines}"
    )
}

/// An a=crypto line with a key made of `letter`s.
pub(super) fn crypto_line(tag: u32, suite: &str, letter: char) -> String {
    let (len, pad) = match suite {
        "AEAD_AES_256_GCM" => (58, "A="),
        "AEAD_AES_128_GCM" => (37, "A=="),
        "AES_256_CM_HMAC_SHA1_80" => (61, "A=="),
        _ => (40, ""),
    };
    format!(
        "a=crypto:{tag} {suite} inline:{}{pad}\n",
        letter.to_string().repeat(len)
    )
}
