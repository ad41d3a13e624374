//! The session: what goes in, what comes out, and the way of octets through it.

use std::collections::VecDeque;
use std::sync::Arc;

use abi::{Counter, Now, Reason};
use core::net::SocketAddr;
use core::time::Duration;
use pipeline::{Closed, Closing, Entropy, Event, Input, Leg, Output, PerLeg, SessionSetup};
use sip::{Fault, Frame, Framer, FramingError, Message, Parsed, Span, TransactionId};

use crate::addresses::{Addresses, Face, Transport};
use crate::call::{Call, Dialog};
use crate::config::{Config, MediaSecurity};
use crate::headers::Translation;
use crate::media::Pin;
use crate::negotiate::Held;
use crate::transaction::{State, Transactions};

/// Octets that are kept while the server's leg is not up, as a multiple of one message.
const PENDING_MESSAGES: usize = 2;

/// How long one side may go on talking after the other has finished: as long as a transaction
/// may take to be answered (RFC 3261, timer F).
const HALF_CLOSED: Duration = Duration::from_secs(32);

/// One phone's connection and the one made for it to its server.
#[derive(Debug)]
pub struct Session {
    pub(crate) config: Arc<Config>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// How media is protected on each side; never `Auto`.
    pub(crate) security: PerLeg<MediaSecurity>,
    transports: PerLeg<Transport>,
    ends: PerLeg<End>,
    /// There once both legs are up.
    pub(crate) translation: Option<Translation>,
    pub(crate) transactions: PerLeg<Transactions>,
    pub(crate) calls: Vec<Call>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) next_call: u32,
    pub(crate) next_media: u32,
    /// The message that waits for its media. Nothing else moves meanwhile.
    pub(crate) held: Option<Box<Held>>,
    pub(crate) outputs: VecDeque<Output>,
    /// When a session of which one side has finished is ended.
    half_closed_until: Option<Now>,
    has_ended: bool,
}

/// One leg's stream.
#[derive(Debug)]
struct End {
    framer: Framer,
    /// What has come and cannot be read yet.
    pending: Vec<u8>,
    addresses: Option<(SocketAddr, SocketAddr)>,
    has_finished: bool,
    /// The other leg has been told that it has.
    is_passed_on: bool,
}

impl Session {
    /// A session whose client's leg is about to open.
    #[must_use]
    pub fn new(config: Arc<Config>, setup: SessionSetup) -> Self {
        let transport = |is_tls: bool| {
            if is_tls {
                Transport::Tls
            } else {
                Transport::Tcp
            }
        };
        let limits = config.sip_limits();
        Self {
            security: PerLeg {
                client: resolve(config.client_media, setup.client_secure),
                server: resolve(config.server_media, setup.server_secure),
            },
            transports: PerLeg {
                client: transport(setup.client_secure),
                server: transport(setup.server_secure),
            },
            ends: PerLeg::from_fn(|_| End {
                framer: Framer::new(limits),
                pending: Vec::new(),
                addresses: None,
                has_finished: false,
                is_passed_on: false,
            }),
            config,
            entropy: setup.entropy,
            translation: None,
            transactions: PerLeg::default(),
            calls: Vec::new(),
            pins: Vec::new(),
            next_call: 0,
            next_media: 0,
            held: None,
            outputs: VecDeque::new(),
            half_closed_until: None,
            has_ended: false,
        }
    }

    fn on_opened(&mut self, leg: Leg, local: SocketAddr, peer: SocketAddr, now: Now) {
        self.ends[leg].addresses = Some((local, peer));
        if leg == Leg::Client {
            self.outputs.push_back(Output::Open);
        }
        if let (Some(client), Some(server)) =
            (self.ends.client.addresses, self.ends.server.addresses)
        {
            let face = |leg: Leg, (local, peer)| Face {
                local,
                peer,
                transport: self.transports[leg],
            };
            let faces = PerLeg {
                client: face(Leg::Client, client),
                server: face(Leg::Server, server),
            };
            let addresses = Addresses::new(faces, self.config.servers.clone());
            let calls_max = usize::try_from(self.config.calls_max).unwrap_or(usize::MAX);
            // Both parties of every call, and as many subscriptions and the like again.
            let targets_max = calls_max.saturating_mul(4);
            self.translation = Some(Translation::new(addresses, targets_max));
            self.advance(now);
        }
    }

    fn on_data(&mut self, leg: Leg, bytes: &[u8], now: Now) {
        if self.is_stopped() || !self.ends[leg].pending.is_empty() {
            let most = self
                .config
                .sip_limits()
                .message
                .saturating_mul(PENDING_MESSAGES);
            let end = &mut self.ends[leg];
            if end.pending.len() + bytes.len() > most {
                self.refused(leg, Reason::SipTooLarge);
                self.end(leg, Closing::Abort);
                return;
            }
            end.pending.extend_from_slice(bytes);
        } else {
            self.feed(leg, bytes, now);
        }
    }

    /// Whether octets must wait.
    fn is_stopped(&self) -> bool {
        self.translation.is_none() || self.held.is_some()
    }

    /// Goes on with octets that had to wait.
    fn advance(&mut self, now: Now) {
        for leg in Leg::BOTH {
            if !self.is_stopped() && !self.ends[leg].pending.is_empty() {
                let pending = core::mem::take(&mut self.ends[leg].pending);
                self.feed(leg, &pending, now);
            }
        }
        self.finish_legs(now);
    }

    /// Reads `bytes` up to where something must be waited for, and keeps the rest.
    fn feed(&mut self, leg: Leg, bytes: &[u8], now: Now) {
        let mut input = bytes;
        while !self.is_stopped() && !self.has_ended {
            match self.ends[leg].framer.read(&mut input) {
                Ok(Parsed::Need(_)) => break,
                Ok(Parsed::Blank { lines, pings }) => {
                    let pings = core::iter::repeat_n(Event::Counted(Counter::SipKeepalives), pings);
                    self.outputs.extend(pings.map(Output::Audit));
                    self.send(leg.other(), b"\r\n".repeat(lines));
                }
                Ok(Parsed::Frame(frame)) => self.on_frame(leg, frame, now),
                Err(failed) => self.on_framing_error(leg, failed),
            }
        }
        if !self.has_ended {
            self.ends[leg].pending.extend_from_slice(input);
        }
    }

    fn on_frame(&mut self, leg: Leg, frame: Frame, now: Now) {
        self.outputs
            .push_back(Output::Audit(Event::Counted(Counter::SipMessages)));
        match Message::parse(frame) {
            Ok(message) if message.is_request() => self.on_request(leg, message, now),
            Ok(message) => self.on_response(leg, message, now),
            Err(rejected) => {
                let (status, phrase) = rejected.error.cause.status();
                self.refused(leg, reason(rejected.error.cause.fault()));
                self.answer_frame(leg, &rejected.frame, status, phrase);
            }
        }
    }

    /// A stream that cannot be followed ends the session; who can be told is told.
    fn on_framing_error(&mut self, leg: Leg, failed: FramingError) {
        let cause = failed.error.cause;
        self.refused(leg, reason(cause.fault()));
        match failed.head {
            Some(head) => {
                let (status, phrase) = cause.status();
                self.answer_frame(leg, &head, status, phrase);
                self.end(leg, Closing::Finish);
            }
            None => self.end(leg, Closing::Abort),
        }
    }

    /// Sends a message on to the other leg, with another body if one is given.
    pub(crate) fn pass_on(
        &mut self,
        leg: Leg,
        message: &Message,
        body: Option<(Span, &[u8])>,
        now: Now,
    ) {
        if message.is_request() {
            self.send_request(leg, message, body, now);
        } else {
            self.send_response(leg, message, body, now);
        }
    }

    fn on_closed(&mut self, leg: Leg, how: Closed, now: Now) {
        self.ends[leg].has_finished = true;
        match how {
            Closed::Finished => self.finish_legs(now),
            Closed::Failed(_) => self.end(leg, Closing::Finish),
        }
    }

    /// Passes the end of a leg's stream on once all that it said has been read, and ends the
    /// session when both have ended.
    fn finish_legs(&mut self, now: Now) {
        if self.has_ended || (self.is_stopped() && self.translation.is_some()) {
            return;
        }
        for leg in Leg::BOTH {
            let end = &self.ends[leg];
            if end.has_finished && end.pending.is_empty() && !end.is_passed_on {
                self.finish_leg(leg, now);
            }
        }
        if self.ends.client.is_passed_on && self.ends.server.is_passed_on {
            self.end(Leg::Client, Closing::Finish);
        }
    }

    /// A phone that says no more cannot be in a call, so calls end here; but what the other side
    /// still has to say, such as the answer to a BYE, is brought to it for a while.
    fn finish_leg(&mut self, leg: Leg, now: Now) {
        self.ends[leg].is_passed_on = true;
        let is_whole = self.ends[leg].framer.is_between_messages();
        if !is_whole {
            self.refused(leg, Reason::SipMalformed);
        }
        if !is_whole || self.translation.is_none() {
            return self.end(leg, Closing::Finish);
        }
        self.held = None;
        self.calls.clear();
        self.unpin_all();
        self.half_closed_until = Some(now + HALF_CLOSED);
        let how = Closing::Finish;
        self.outputs.push_back(Output::Close {
            leg: leg.other(),
            how,
        });
    }

    /// Ends everything: the one way out, whatever the cause. `how` is how `leg` is closed.
    fn end(&mut self, leg: Leg, how: Closing) {
        if self.has_ended {
            return;
        }
        self.has_ended = true;
        self.half_closed_until = None;
        self.held = None;
        self.calls.clear();
        self.transactions = PerLeg::default();
        self.unpin_all();
        for end in [Leg::Client, Leg::Server] {
            self.ends[end].pending = Vec::new();
        }
        self.outputs.push_back(Output::Close {
            leg: leg.other(),
            how: Closing::Finish,
        });
        self.outputs.push_back(Output::Close { leg, how });
    }

    /// Gives up what has waited too long.
    fn on_timer(&mut self, now: Now) {
        if self.half_closed_until.is_some_and(|until| until <= now) {
            return self.end(Leg::Client, Closing::Finish);
        }
        for leg in Leg::BOTH {
            while let Some(overdue) = self.transactions[leg].take_overdue(now) {
                match overdue.state {
                    State::Pending(Some(invite)) => {
                        self.give_up(leg, overdue.id, invite, 408, "Request Timeout", now);
                    }
                    State::Completed => self.forget_offers(&overdue.id),
                    _ => {}
                }
            }
        }
        let is_over = |d: &Dialog| d.expires.is_some_and(|at| at <= now);
        while let Some(call) = self.calls.iter().find(|c| c.dialogs.iter().any(is_over)) {
            self.end_call(call.id);
        }
    }

    /// Erases what only more responses to a call's INVITE could have asked for.
    fn forget_offers(&mut self, invite: &TransactionId) {
        let is = |c: &&mut Call| c.initial_id.as_ref() == Some(invite);
        if let Some(call) = self.calls.iter_mut().find(is) {
            call.initial = None;
            call.dialogs.retain(|d| d.confirmed);
            call.dialogs.iter_mut().for_each(Dialog::forget_answered);
            let id = call.id;
            self.unpin_unused(id);
        }
    }

    pub(crate) fn streams_max(&self) -> usize {
        usize::try_from(self.config.streams_max).unwrap_or(usize::MAX)
    }
}

impl pipeline::Session for Session {
    fn handle_input(&mut self, input: Input<'_>, now: Now) {
        if self.has_ended {
            return;
        }
        match input {
            Input::Opened { leg, local, peer } => self.on_opened(leg, local, peer, now),
            Input::Data { leg, bytes } => self.on_data(leg, bytes, now),
            Input::Closed { leg, how } => self.on_closed(leg, how, now),
            Input::Timer => self.on_timer(now),
            Input::MediaReady { media, local } => {
                self.on_media_ready(media, local);
                self.go_on(now);
                self.advance(now);
            }
            Input::MediaRefused { media, reason } => {
                self.on_media_refused(media, reason);
                self.go_on(now);
                self.advance(now);
            }
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_deadline(&self) -> Option<Now> {
        let deadlines = Leg::BOTH.map(|leg| self.transactions[leg].deadline());
        let expiries = self
            .calls
            .iter()
            .flat_map(|c| &c.dialogs)
            .filter_map(|d| d.expires);
        let ours = deadlines
            .into_iter()
            .flatten()
            .chain(self.half_closed_until);
        ours.chain(expiries).min()
    }
}

/// How media is protected where the operator leaves it to the signalling.
const fn resolve(security: MediaSecurity, is_tls: bool) -> MediaSecurity {
    match (security, is_tls) {
        (MediaSecurity::Auto, true) => MediaSecurity::Secure,
        (MediaSecurity::Auto, false) => MediaSecurity::Clear,
        (said, _) => said,
    }
}

/// The counter of a fault.
const fn reason(fault: Fault) -> Reason {
    match fault {
        Fault::Malformed => Reason::SipMalformed,
        Fault::TooLarge => Reason::SipTooLarge,
        Fault::BadLength => Reason::SipBadLength,
    }
}
