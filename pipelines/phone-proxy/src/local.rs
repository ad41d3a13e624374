//! What the session says itself: refusals, and the end of what cannot go on.

use abi::{Now, Reason};
use pipeline::{CallId, Event, Leg, Output};
use sip::{Frame, Framer, Limits, Message, Method, Parsed, TransactionId};

use crate::body;
use crate::headers::Echo;
use crate::keys::token;
use crate::negotiate::{Described, names};
use crate::request::is_oversized;
use crate::session::Session;
use crate::transaction::{Invite, LINGER, State, Transaction};

impl Session {
    pub(crate) fn send(&mut self, leg: Leg, bytes: Vec<u8>) {
        self.outputs.push_back(Output::Send { leg, bytes });
    }

    pub(crate) fn refused(&mut self, leg: Leg, reason: Reason) {
        self.outputs
            .push_back(Output::Audit(Event::Refused { leg, reason }));
    }

    /// Counts and answers a request that is not carried out.
    pub(crate) fn refuse_request(&mut self, leg: Leg, message: &Message, reason: Reason, now: Now) {
        self.refused(leg, reason);
        let (status, phrase) = status(reason);
        self.answer(leg, message, status, phrase, now);
    }

    /// Answers a request, and will swallow the ACK if it is an INVITE, unless that takes more
    /// room than the peer may have: then the other side gets an ACK that it ignores.
    pub(crate) fn answer(
        &mut self,
        leg: Leg,
        message: &Message,
        status: u16,
        phrase: &str,
        now: Now,
    ) {
        self.answer_frame(leg, message.frame(), status, phrase);
        let is_invite = message.method() == Method::Invite && message.is_request();
        if is_invite && !is_oversized(message) && self.has_room(leg) {
            self.transactions[leg].answered(message, now);
        }
    }

    /// Answers what is a request and has the fields for it.
    pub(crate) fn answer_frame(&mut self, leg: Leg, frame: &Frame, status: u16, phrase: &str) {
        let tag = token(&*self.entropy).unwrap_or_default();
        if let Some(reply) = sip::reply::to_request(frame, status, phrase, &tag) {
            self.send(leg, reply);
        }
    }

    /// Refuses an offer: a request that carries it is answered, a response that does ends its
    /// INVITE, and one inside a call goes on with every stream rejected.
    pub(crate) fn refuse_offer(
        &mut self,
        described: Described,
        call: CallId,
        reason: Reason,
        now: Now,
    ) {
        self.refused(described.leg, reason);
        self.refuse_held_offer(described, call, reason, now);
    }

    /// The same for a reason that has been counted.
    pub(crate) fn refuse_held_offer(
        &mut self,
        described: Described,
        call: CallId,
        reason: Reason,
        now: Now,
    ) {
        let (leg, message) = (described.leg, &described.message);
        if !message.is_request() {
            self.refuse_held_answer(described, call, reason, now);
            return;
        }
        let is_initial = self.is_initial(call, message);
        if is_initial {
            self.end_call(call);
        } else {
            self.unpin_unused(call);
        }
        let (status, phrase) = status(reason);
        self.answer(leg, message, status, phrase, now);
    }

    /// Refuses an answer. In the responses to a call's first INVITE that ends the call; later on,
    /// and in ACK and PRACK, which nobody could refuse, every stream is rejected instead.
    pub(crate) fn refuse_answer(
        &mut self,
        described: Described,
        call: CallId,
        reason: Reason,
        now: Now,
    ) {
        self.refused(described.leg, reason);
        self.refuse_held_answer(described, call, reason, now);
    }

    /// The same for a reason that has been counted.
    pub(crate) fn refuse_held_answer(
        &mut self,
        mut described: Described,
        call: CallId,
        reason: Reason,
        now: Now,
    ) {
        let (leg, message) = (described.leg, &described.message);
        if !message.is_request() && self.is_initial(call, message) {
            self.abandon(leg, message, reason, now);
            return;
        }
        let names = names(leg, message);
        if let Some(found) = self.calls.iter_mut().find(|c| c.id == call)
            && let Some(dialog) = found.dialog_mut(names)
        {
            dialog.agree(Vec::new());
            dialog.open = pipeline::PerLeg::default();
        }
        self.unpin_unused(call);
        body::blank(&mut described.sdp, self.fallback(leg.other()));
        self.pass_on_described(described, now);
    }

    /// Ends an INVITE because of a response from `leg`: the caller gets a refusal, the callee a
    /// CANCEL or, where it has accepted, a BYE.
    pub(crate) fn abandon(&mut self, leg: Leg, message: &Message, reason: Reason, now: Now) {
        let caller = leg.other();
        let Some(transaction) = self.transactions[caller].remove(&TransactionId::of(message))
        else {
            return;
        };
        let (status, phrase) = status(reason);
        if message.status().is_some_and(|s| s >= 200) {
            self.hang_up(leg, message, now);
            if let State::Pending(Some(invite)) = transaction.state {
                self.answer_frame(caller, &invite.head, status, phrase);
                self.insert_abandoned(caller, transaction.id, invite, now);
            }
            if let Some(call) = self.call_of(leg, message) {
                self.end_call(call);
            }
        } else if let State::Pending(Some(invite)) = transaction.state {
            self.give_up(caller, transaction.id, invite, status, phrase, now);
        }
    }

    /// Ends a pending INVITE from `caller` on both sides.
    pub(crate) fn give_up(
        &mut self,
        caller: Leg,
        id: TransactionId,
        invite: Box<Invite>,
        status: u16,
        phrase: &str,
        now: Now,
    ) {
        self.answer_frame(caller, &invite.head, status, phrase);
        if let Some(cancel) = reparse(&invite.cancel) {
            self.insert_own(caller, &cancel, now);
            self.send(caller.other(), invite.cancel.clone());
        }
        if let Ok(request) = Message::parse(invite.head.clone())
            && let Some(call) = self.call_of(caller, &request)
        {
            if self.is_initial(call, &request) {
                self.end_call(call);
            } else {
                self.roll_back(call, names(caller, &request), request.cseq());
            }
        }
        self.insert_abandoned(caller, id, invite, now);
    }

    /// Answers what still comes from `leg` for an INVITE that was given up.
    pub(crate) fn end_abandoned(&mut self, leg: Leg, message: &Message, now: Now) {
        let id = TransactionId::of(message);
        match message.status().unwrap_or_default() {
            ..200 => {}
            200..300 => self.hang_up(leg, message, now),
            _ => {
                let transaction = self.transactions[leg.other()].find(&id);
                if let Some(State::Abandoned(invite)) = transaction.map(|t| &t.state)
                    && let Some(cancel) = reparse(&invite.cancel)
                    && let Some(ack) = sip::request::ack_refusal(&cancel, message)
                {
                    self.send(leg, ack);
                }
            }
        }
    }

    /// Acknowledges a 2xx from `leg` that nobody wants, and ends its dialog.
    fn hang_up(&mut self, leg: Leg, success: &Message, now: Now) {
        let (Some(ack_via), Some(bye_via)) = (self.own_via(leg), self.own_via(leg)) else {
            return;
        };
        if let Some(ack) = sip::request::ack_success(success, &ack_via) {
            self.send(leg, ack);
        }
        if let Some(bye) = sip::request::bye(success, &bye_via)
            && let Some(request) = reparse(&bye)
        {
            self.insert_own(leg.other(), &request, now);
            self.send(leg, bye);
        }
    }

    fn own_via(&self, leg: Leg) -> Option<String> {
        let face = self.translation.as_ref()?.addresses.face(leg);
        let branch = token(&*self.entropy)?;
        let (transport, local) = (face.transport.via(), face.local);
        Some(format!(
            "SIP/2.0/{transport} {local};branch=z9hG4bK{branch}"
        ))
    }

    fn insert_own(&mut self, caller: Leg, request: &Message, now: Now) {
        self.insert(caller, TransactionId::of(request), State::Own, now);
    }

    fn insert_abandoned(&mut self, caller: Leg, id: TransactionId, invite: Box<Invite>, now: Now) {
        self.insert(caller, id, State::Abandoned(invite), now);
    }

    fn insert(&mut self, caller: Leg, id: TransactionId, state: State, now: Now) {
        let (echo, deadline) = (Echo::default(), now + LINGER);
        let new = Transaction {
            id,
            echo,
            state,
            deadline,
        };
        self.transactions[caller].insert(new);
    }

    /// Forgets a call and closes its media.
    pub(crate) fn end_call(&mut self, id: CallId) {
        self.calls.retain(|c| c.id != id);
        self.unpin_unused(id);
    }
}

/// Reads a message of our own making.
pub(crate) fn reparse(bytes: &[u8]) -> Option<Message> {
    let most = usize::MAX / 2;
    let limits = Limits {
        header_block: most,
        line: most,
        headers: most,
        message: most,
        lenient: true,
    };
    match Framer::new(limits).read(&mut &*bytes) {
        Ok(Parsed::Frame(frame)) => Message::parse(frame).ok(),
        _ => None,
    }
}

/// The status that tells a peer of `reason`, and its phrase.
const fn status(reason: Reason) -> (u16, &'static str) {
    match reason {
        Reason::SdpNoCrypto
        | Reason::SdpBadCrypto
        | Reason::SdpUnsupported
        | Reason::SdpTooManyStreams => (488, "Not Acceptable Here"),
        Reason::SdpMalformed | Reason::SipMalformed | Reason::SipBadLength => (400, "Bad Request"),
        Reason::SipTooLarge => (513, "Message Too Large"),
        Reason::SipBadState => (481, "Call/Transaction Does Not Exist"),
        Reason::MediaNoKey => (500, "Server Internal Error"),
        _ => (503, "Service Unavailable"),
    }
}
