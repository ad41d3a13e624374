//! Responses on their way back.

use core::time::Duration;

use abi::{Now, Reason};
use pipeline::{CallId, Leg};
use sip::{CSeq, Edits, Message, Method, Name, Span, TransactionId};

use crate::body;
use crate::call::{Call, Exchange, Names};
use crate::negotiate::{Described, names};
use crate::request::is_oversized;
use crate::session::Session;
use crate::transaction::{LINGER, State};

impl Session {
    /// Takes in a response: drops it, swallows it, holds it, or sends it back.
    pub(crate) fn on_response(&mut self, leg: Leg, message: Message, now: Now) {
        let id = TransactionId::of(&message);
        let Some(transaction) = self.transactions[leg.other()].find(&id) else {
            self.refused(leg, Reason::SipBadState);
            return;
        };
        match &transaction.state {
            State::Pending(_) | State::Completed => {}
            State::Abandoned(_) => {
                self.end_abandoned(leg, &message, now);
                return;
            }
            State::Answered | State::Own => {
                if message.status().is_some_and(|s| s >= 200) {
                    self.transactions[leg.other()].remove(&id);
                }
                return;
            }
        }
        if is_oversized(&message) {
            self.refuse_response(leg, &message, Reason::SipTooLarge, now);
            return;
        }
        match body::find(&message) {
            Ok(None) => self.pass_on(leg, &message, None, now),
            Ok(Some((span, sdp))) => {
                self.on_described_response(
                    Described {
                        leg,
                        message,
                        sdp,
                        body: span,
                    },
                    now,
                );
            }
            Err(reason) => self.on_unreadable_body(leg, &message, reason, now),
        }
    }

    fn on_described_response(&mut self, mut described: Described, now: Now) {
        let leg = described.leg;
        let message = &described.message;
        let is_carrier = matches!(
            message.method(),
            Method::Invite | Method::Update | Method::Prack
        ) && message.status().is_some_and(|s| (101..300).contains(&s));
        let call = self.call_of(leg, message).filter(|_| is_carrier);
        let offer = call.and_then(|call| self.offer_of(call, leg, message));
        match (call, offer) {
            (Some(call), Some(exchange)) => self.begin_answer(described, call, &exchange, now),
            (Some(call), None) if message.method() == Method::Invite => {
                self.begin_offer(described, call, now);
            }
            _ => {
                body::blank(&mut described.sdp, self.fallback(leg.other()));
                self.pass_on_described(described, now);
            }
        }
    }

    /// A description that cannot be read can be neither sent on nor left out: an offer or an
    /// answer would be missing. In a response that carries neither it is only dropped.
    fn on_unreadable_body(&mut self, leg: Leg, message: &Message, reason: Reason, now: Now) {
        let is_passed = !self.refuse_response(leg, message, reason, now);
        if is_passed && message.status().is_some_and(|s| s >= 200) {
            let whole = message.frame().body();
            self.pass_on(leg, message, Some((whole, b"")), now);
        }
    }

    /// Counts a response that cannot go on, and ends the call that it would have begun; `true` if
    /// it would have begun one.
    fn refuse_response(&mut self, leg: Leg, message: &Message, reason: Reason, now: Now) -> bool {
        self.refused(leg, reason);
        let is_initial = self
            .call_of(leg, message)
            .is_some_and(|c| self.is_initial(c, message));
        let begins = is_initial && message.status().is_some_and(|s| (101..300).contains(&s));
        if begins {
            self.abandon(leg, message, reason, now);
        }
        begins
    }

    pub(crate) fn call_of(&self, leg: Leg, message: &Message) -> Option<CallId> {
        self.calls
            .iter()
            .find(|c| c.is(names(leg, message)))
            .map(|c| c.id)
    }

    /// Whether `message` belongs to the INVITE that began `call`.
    pub(crate) fn is_initial(&self, call: CallId, message: &Message) -> bool {
        let cseq = message.cseq();
        let call = self.calls.iter().find(|c| c.id == call);
        cseq.method == Method::Invite
            && call.is_some_and(|c| {
                c.initial_cseq == Some(cseq.number) && message.from_tag() == c.caller_tag()
            })
    }

    /// The offer that the request had which `message` answers.
    fn offer_of(&self, call: CallId, leg: Leg, message: &Message) -> Option<Exchange> {
        let cseq = message.cseq();
        let offered = |exchange: &&Exchange| {
            !exchange.in_response && exchange.cseq == cseq.number && exchange.method == cseq.method
        };
        let is_initial = self.is_initial(call, message);
        let call = self.calls.iter().find(|c| c.id == call)?;
        if is_initial {
            return call.initial.as_ref().filter(offered).cloned();
        }
        let dialog = call.dialogs.get(call.position(names(leg, message))?)?;
        dialog.open[leg.other()].as_ref().filter(offered).cloned()
    }

    /// Sends a response back and notes what it means.
    pub(crate) fn send_response(
        &mut self,
        leg: Leg,
        message: &Message,
        body: Option<(Span, &[u8])>,
        now: Now,
    ) {
        let to = leg.other();
        let id = TransactionId::of(message);
        let timeout = self.invite_timeout();
        let (Some(translation), Some(transaction)) =
            (&mut self.translation, self.transactions[to].find(&id))
        else {
            return;
        };
        let mut edits = Edits::new();
        translation.response(leg, message, &mut edits, &transaction.echo);
        if let Some((span, text)) = body {
            edits.replace(span, text);
        }
        let status = message.status().unwrap_or_default();
        let is_invite = message.method() == Method::Invite;
        let is_pending = matches!(transaction.state, State::Pending(_));
        match status {
            ..200 if is_invite && is_pending && status > 100 => {
                transaction.deadline = now + timeout
            }
            ..200 => {}
            _ if is_invite => {
                transaction.state = State::Completed;
                transaction.deadline = now + LINGER;
            }
            _ => {
                self.transactions[to].remove(&id);
            }
        }
        self.send(to, message.render(edits));
        if let Some(call) = self.call_of(leg, message) {
            self.note_progress(call, leg, message, status, now);
        }
    }

    /// What a response means for its call.
    fn note_progress(&mut self, id: CallId, leg: Leg, message: &Message, status: u16, now: Now) {
        let is_initial = self.is_initial(id, message);
        let names = names(leg, message);
        let Some(call) = self.calls.iter_mut().find(|c| c.id == id) else {
            return;
        };
        let is_invite = message.method() == Method::Invite;
        let is_taken_up = call.initial_cseq.is_none();
        match (message.method(), status) {
            (Method::Invite, 101..=199) => {
                call.dialog_or_new(names);
            }
            (Method::Invite | Method::Update, 200..=299) => {
                let is_lost = call.is_won_by_another(names);
                if let Some(dialog) = call.dialog_or_new(names) {
                    dialog.expires = expiry(message, now);
                    dialog.confirmed |= is_invite || is_taken_up;
                    if let Some(lines) = dialog.preview.take_if(|_| is_invite) {
                        dialog.agree(lines);
                    }
                }
                if !is_lost {
                    self.restore(id, names);
                }
            }
            (Method::Invite, 300..) if is_initial => self.end_call(id),
            // The other side knows nothing of the dialog any more (RFC 3261 §12.2.1.2).
            (Method::Invite | Method::Update, 408 | 481) => self.end_dialog(names),
            (Method::Invite | Method::Update | Method::Prack, 300..) => {
                self.roll_back(id, names, message.cseq());
                self.forget_untaken(id);
            }
            _ => {}
        }
    }

    /// Forgets a call that was taken up and of which nothing has come.
    fn forget_untaken(&mut self, id: CallId) {
        let call = self.calls.iter().find(|c| c.id == id);
        let is_untaken = |call: &Call| {
            call.initial_cseq.is_none()
                && call.lines().next().is_none()
                && !call.dialogs.iter().any(|d| d.confirmed)
        };
        if call.is_some_and(is_untaken) {
            self.end_call(id);
        }
    }

    /// Takes back an offer that came to nothing.
    pub(crate) fn roll_back(&mut self, id: CallId, names: Names<'_>, cseq: CSeq) {
        let call = self.calls.iter_mut().find(|c| c.id == id);
        if let Some(dialog) = call.and_then(|c| c.dialog_mut(names)) {
            dialog.roll_back(names.sender, cseq);
        }
        self.restore(id, names);
    }

    /// Brings the media of a dialog to what is agreed in it, and closes what nobody uses.
    pub(crate) fn restore(&mut self, id: CallId, names: Names<'_>) {
        let call = self.calls.iter().find(|c| c.id == id);
        let dialog = call.and_then(|c| c.dialogs.get(c.position(names)?));
        let lines = dialog.map(|d| d.current().to_vec()).unwrap_or_default();
        for line in lines.iter().flatten() {
            self.pin(line.media, line.plan(id));
        }
        self.unpin_unused(id);
    }
}

/// Seconds of the shortest session timer (RFC 4028 §4).
const SESSION_MIN_S: u32 = 90;

/// When a dialog with a session timer ends unless it is refreshed; half as long again as agreed,
/// so that its parties end it first (RFC 4028 §10).
fn expiry(message: &Message, now: Now) -> Option<Now> {
    let text = message.frame().text(Name::SessionExpires)?;
    let digits = text.split(|b| !b.is_ascii_digit()).next()?;
    let seconds: u32 = core::str::from_utf8(digits).ok()?.parse().ok()?;
    let seconds = u64::from(seconds.max(SESSION_MIN_S));
    Some(now + Duration::from_secs(seconds) * 3 / 2)
}
