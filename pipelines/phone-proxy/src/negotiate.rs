//! Offers and answers on their way through: streams are worked out, media is pinned, and then the
//! message goes on with our addresses and keys in it.

use core::net::{IpAddr, Ipv4Addr};

use abi::{Now, Reason};
use pipeline::{CallId, Endpoint, Leg, MediaId, PerLeg};
use sdp::Sdp;
use sip::{Message, Span};

use crate::body;
use crate::call::{Call, Exchange, Names};
use crate::lines::{Line, Rules, Said};
use crate::session::Session;

/// Where nothing is. No leg is up, and so nothing is sent.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A message that waits for its media.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) leg: Leg,
    pub(crate) message: Message,
    pub(crate) sdp: Sdp,
    pub(crate) body: Span,
    pub(crate) call: CallId,
    step: Step,
    waiting: usize,
    refused: Option<Reason>,
}

/// What the message does.
#[derive(Debug)]
enum Step {
    Offer(Exchange),
    Answer {
        lines: Vec<Option<Line>>,
        /// Whether the offerer wrote SAVP, by stream.
        profiles: Vec<Option<bool>>,
        /// Whether the answer holds at once.
        is_final: bool,
    },
}

/// A session description in a message.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) leg: Leg,
    pub(crate) message: Message,
    pub(crate) sdp: Sdp,
    pub(crate) body: Span,
}

impl Held {
    pub(crate) fn on_ready(&mut self, media: MediaId, local: PerLeg<Endpoint>) {
        let lines = match &mut self.step {
            Step::Offer(exchange) => &mut exchange.lines,
            Step::Answer { lines, .. } => lines,
        };
        for line in lines
            .iter_mut()
            .flatten()
            .filter(|line| line.media == media)
        {
            line.local = Some(local);
        }
        self.waiting = self.waiting.saturating_sub(1);
    }

    pub(crate) fn on_refused(&mut self, reason: Reason) {
        self.refused = Some(reason);
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// Whether nothing is waited for any more.
    pub(crate) const fn is_ready(&self) -> bool {
        self.waiting == 0
    }
}

/// The names that a message's dialog goes by, as the sender of its request writes them.
pub(crate) fn names(leg: Leg, message: &Message) -> Names<'_> {
    Names {
        call_id: message.call_id(),
        sender: if message.is_request() {
            leg
        } else {
            leg.other()
        },
        from_tag: message.from_tag(),
        to_tag: message.to_tag(),
    }
}

impl Session {
    /// Takes in an offer, pins what is new in it, and holds the message meanwhile.
    pub(crate) fn begin_offer(&mut self, described: Described, call: CallId, now: Now) {
        let in_response = !described.message.is_request();
        match self.work_out_offer(&described, call) {
            Ok(lines) => {
                let cseq = described.message.cseq();
                let mut waiting = 0;
                for line in lines.iter().flatten().filter(|line| line.local.is_none()) {
                    waiting += usize::from(self.pin(line.media, line.plan(call)));
                }
                let exchange = Exchange {
                    offerer: described.leg,
                    cseq: cseq.number,
                    method: cseq.method,
                    in_response,
                    answered: false,
                    lines,
                };
                self.hold(described, call, Step::Offer(exchange), waiting, now);
            }
            Err(reason) => self.refuse_offer(described, call, reason, now),
        }
    }

    /// The streams of an offer. An offer of which nothing can be carried is refused as a whole.
    fn work_out_offer(
        &mut self,
        described: &Described,
        call: CallId,
    ) -> Result<Vec<Option<Line>>, Reason> {
        let (leg, sdp) = (described.leg, &described.sdp);
        if sdp.media().len() > self.streams_max() {
            return Err(Reason::SdpTooManyStreams);
        }
        let mut next_media = self.next_media;
        let names = names(leg, &described.message);
        let call = self.calls.iter().find(|c| c.id == call);
        let previous = call.map(|call| previous_lines(call, names, leg, &described.message));
        let previous = previous.unwrap_or_default();
        let rules = self.rules();
        let mut lines = Vec::with_capacity(sdp.media().len());
        let mut refused = None;
        for index in 0..sdp.media().len() {
            let before = previous.get(index).and_then(Option::as_ref);
            let line = Said::read(sdp, index).and_then(|said| match said {
                Some(said) => rules
                    .offered(&said, leg, before, MediaId(next_media))
                    .map(Some),
                None => Ok(None),
            });
            let line = line.unwrap_or_else(|reason| {
                refused.get_or_insert(reason);
                None
            });
            if line
                .as_ref()
                .is_some_and(|line| line.media == MediaId(next_media))
            {
                next_media = next_media.wrapping_add(1);
            }
            lines.push(line);
        }
        match refused {
            Some(reason) if lines.iter().all(Option::is_none) => Err(reason),
            _ => {
                self.next_media = next_media;
                Ok(lines)
            }
        }
    }

    /// Takes in the answer to `exchange`, pins what it changes, and holds the message meanwhile.
    pub(crate) fn begin_answer(
        &mut self,
        described: Described,
        call: CallId,
        exchange: &Exchange,
        now: Now,
    ) {
        match self.work_out_answer(&described, call, exchange) {
            Ok(lines) => {
                let mut waiting = 0;
                let is_lost = self.is_lost(&described, call);
                for line in lines.iter().flatten().filter(|_| !is_lost) {
                    waiting += usize::from(self.pin(line.media, line.plan(call)));
                }
                let savp = |line: &Line| line.sides[exchange.offerer].savp;
                let step = Step::Answer {
                    lines,
                    profiles: exchange
                        .lines
                        .iter()
                        .map(|l| l.as_ref().map(savp))
                        .collect(),
                    is_final: described.message.status().is_none_or(|s| s >= 200),
                };
                self.hold(described, call, step, waiting, now);
            }
            Err(reason) => self.refuse_answer(described, call, reason, now),
        }
    }

    /// Whether the message is of a fork that came too late for the media.
    fn is_lost(&self, described: &Described, call: CallId) -> bool {
        let names = names(described.leg, &described.message);
        self.calls
            .iter()
            .any(|c| c.id == call && c.is_won_by_another(names))
    }

    fn work_out_answer(
        &self,
        described: &Described,
        call: CallId,
        exchange: &Exchange,
    ) -> Result<Vec<Option<Line>>, Reason> {
        let (leg, sdp) = (described.leg, &described.sdp);
        if sdp.media().len() > exchange.lines.len() {
            return Err(Reason::SdpMalformed);
        }
        let call = self.calls.iter().find(|c| c.id == call);
        let dialog = call.and_then(|c| Some((c, c.position(names(leg, &described.message))?)));
        let told = dialog
            .and_then(|(c, at)| c.dialogs.get(at))
            .map(|d| d.current());
        let is_initial = call.is_some_and(|c| c.initial_cseq == Some(exchange.cseq))
            && !exchange.in_response
            && exchange.method == sip::Method::Invite;
        let rules = self.rules();
        let mut lines = Vec::with_capacity(exchange.lines.len());
        for (index, offered) in exchange.lines.iter().enumerate() {
            // What an answer says of a stream that was not offered does not count.
            let answer = offered.as_ref().zip(sdp.media().get(index));
            let said = answer
                .map(|_| Said::read(sdp, index))
                .transpose()?
                .flatten();
            let (Some(offered), Some(said)) = (offered, said) else {
                lines.push(None);
                continue;
            };
            let mut line = rules.answered(offered, &said, leg)?;
            // Each fork has its own key towards the offerer, and keeps it when it repeats itself.
            let before = told
                .and_then(|lines| lines.get(index))
                .and_then(Option::as_ref);
            match before.filter(|before| before.media == line.media) {
                Some(before) if is_initial => {
                    line.sides[exchange.offerer] = before.sides[exchange.offerer].clone();
                }
                None if is_initial && exchange.answered => rules.rekey(&mut line, leg.other())?,
                _ => {}
            }
            lines.push(Some(line));
        }
        Ok(lines)
    }

    fn hold(&mut self, described: Described, call: CallId, step: Step, waiting: usize, now: Now) {
        let Described {
            leg,
            message,
            sdp,
            body,
        } = described;
        let refused = None;
        self.held = Some(Box::new(Held {
            leg,
            message,
            sdp,
            body,
            call,
            step,
            waiting,
            refused,
        }));
        self.go_on(now);
    }

    /// Lets the held message go once its media is settled.
    pub(crate) fn go_on(&mut self, now: Now) {
        let Some(held) = self.held.take_if(|held| held.is_ready()) else {
            return;
        };
        let Held {
            leg,
            message,
            sdp,
            body,
            call,
            step,
            refused,
            ..
        } = *held;
        let described = Described {
            leg,
            message,
            sdp,
            body,
        };
        match (step, refused) {
            (Step::Offer(_), Some(reason)) => self.refuse_held_offer(described, call, reason, now),
            (Step::Offer(exchange), None) => self.finish_offer(described, call, exchange, now),
            (Step::Answer { .. }, Some(reason)) => {
                self.refuse_held_answer(described, call, reason, now);
            }
            (
                Step::Answer {
                    lines,
                    profiles,
                    is_final,
                },
                None,
            ) => {
                self.finish_answer(described, call, lines, &profiles, is_final, now);
            }
        }
    }

    fn finish_offer(
        &mut self,
        mut described: Described,
        call: CallId,
        exchange: Exchange,
        now: Now,
    ) {
        let to = described.leg.other();
        let savp = |index: usize| {
            let line = exchange.lines.get(index).and_then(Option::as_ref);
            line.map(|line| line.sides[to].savp)
        };
        body::place(
            &mut described.sdp,
            &exchange.lines,
            savp,
            to,
            self.fallback(to),
        );
        let names = names(described.leg, &described.message);
        if let Some(call) = self.calls.iter_mut().find(|c| c.id == call) {
            let is_initial = names.to_tag.is_empty();
            if is_initial {
                call.initial = Some(exchange);
            } else if let Some(dialog) = call.dialog_or_new(names) {
                dialog.open[described.leg] = Some(exchange);
            }
        }
        self.pass_on_described(described, now);
    }

    fn finish_answer(
        &mut self,
        mut described: Described,
        call: CallId,
        lines: Vec<Option<Line>>,
        profiles: &[Option<bool>],
        is_final: bool,
        now: Now,
    ) {
        let to = described.leg.other();
        let savp = |index: usize| profiles.get(index).copied().flatten();
        body::place(&mut described.sdp, &lines, savp, to, self.fallback(to));
        let names = names(described.leg, &described.message);
        if let Some(found) = self.calls.iter_mut().find(|c| c.id == call) {
            if let Some(initial) = &mut found.initial {
                initial.answered = true;
            }
            if let Some(dialog) = found.dialog_or_new(names) {
                if let Some(open) = &mut dialog.open[to] {
                    open.answered = true;
                }
                if is_final {
                    dialog.agree(lines);
                } else {
                    dialog.preview = Some(lines);
                }
            }
        }
        if is_final {
            self.unpin_unused(call);
        }
        self.pass_on_described(described, now);
    }

    /// Sends a message on with its description as it is now.
    pub(crate) fn pass_on_described(&mut self, described: Described, now: Now) {
        let text = described.sdp.to_bytes();
        self.pass_on(
            described.leg,
            &described.message,
            Some((described.body, &text)),
            now,
        );
    }

    /// Our address towards `to`, for a description without any media of ours.
    pub(crate) fn fallback(&self, to: Leg) -> IpAddr {
        let face = self.translation.as_ref().map(|t| t.addresses.face(to));
        face.map_or(NOWHERE, |face| face.local.ip())
    }

    fn rules(&self) -> Rules<'_> {
        let peers = PerLeg::from_fn(|leg| {
            let face = self.translation.as_ref().map(|t| t.addresses.face(leg));
            face.map_or(NOWHERE, |face| face.peer.ip())
        });
        Rules {
            security: self.security,
            suites: &self.config.suites,
            offered_suites: &self.config.offered_suites,
            fax: self.config.fax,
            entropy: &*self.entropy,
            peers,
        }
    }
}

/// The streams that an offer in `message` goes on from: those of its dialog, or of the same offer
/// when it is repeated.
fn previous_lines(call: &Call, names: Names<'_>, leg: Leg, message: &Message) -> Vec<Option<Line>> {
    let Some(dialog) = call.position(names).and_then(|at| call.dialogs.get(at)) else {
        return Vec::new();
    };
    let cseq = message.cseq();
    let repeated = dialog.open[leg]
        .as_ref()
        .filter(|e| e.cseq == cseq.number && e.method == cseq.method);
    repeated.map_or_else(
        || dialog.current().to_vec(),
        |exchange| exchange.lines.clone(),
    )
}
