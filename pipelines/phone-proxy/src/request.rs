//! Requests on their way from one leg to the other.

use core::time::Duration;

use abi::{Now, Reason};
use pipeline::{CallId, Leg};
use sip::{Edits, Message, Method, Name, Span, TransactionId};

use crate::body;
use crate::call::{Call, Names};
use crate::headers::Echo;
use crate::local::reparse;
use crate::negotiate::{Described, names};
use crate::session::Session;
use crate::transaction::{Invite, LINGER, State, Transaction, patience};
use crate::vias::Vias;

impl Session {
    /// Takes in a request: refuses it, answers it, holds it, or sends it on.
    pub(crate) fn on_request(&mut self, leg: Leg, message: Message, now: Now) {
        if self.is_ours_to_end(leg, &message, now) || self.is_repeated(leg, &message) {
            return;
        }
        if message.method() == Method::Bye {
            // No media flows after it, whatever becomes of it (RFC 3261 §15).
            self.end_dialog(names(leg, &message));
        }
        if self.is_merged(leg, &message) {
            self.refused(leg, Reason::SipBadState);
            self.answer(leg, &message, 482, "Loop Detected", now);
            return;
        }
        if let Err(reason) = self.admit(leg, &message) {
            self.refuse_request(leg, &message, reason, now);
            return;
        }
        if self.config.decrement_max_forwards && message.max_forwards() == Some(0) {
            self.refused(leg, Reason::SipBadState);
            self.answer(leg, &message, 483, "Too Many Hops", now);
            return;
        }
        let (span, sdp) = match body::find(&message) {
            Ok(Some(found)) => found,
            Ok(None) => {
                if message.method() == Method::Invite {
                    self.call_for(leg, &message, now);
                }
                self.pass_on(leg, &message, None, now);
                return;
            }
            Err(reason) => {
                self.refuse_request(leg, &message, reason, now);
                return;
            }
        };
        self.on_described(
            Described {
                leg,
                message,
                sdp,
                body: span,
            },
            now,
        );
    }

    /// A request with a session description: an offer, an answer, or neither (RFC 6337 §2).
    fn on_described(&mut self, mut described: Described, now: Now) {
        let leg = described.leg;
        let message = &described.message;
        let method = message.method();
        let names = names(leg, message);
        let found = self.calls.iter_mut().find(|c| c.is(names));
        let open = found.and_then(|call| {
            let id = call.id;
            let exchange = call.dialog_mut(names)?.open[leg.other()].clone()?;
            Some((id, exchange)).filter(|(_, exchange)| exchange.in_response)
        });
        match (method, open) {
            (Method::Ack, Some((call, open))) if open.cseq == message.cseq().number => {
                self.begin_answer(described, call, &open, now);
            }
            (Method::Prack, Some((call, open))) if !open.answered => {
                self.begin_answer(described, call, &open, now);
            }
            (Method::Ack, _) => self.refused(leg, Reason::SipBadState),
            (Method::Update | Method::Prack, _) if names.to_tag.is_empty() => {
                self.refuse_request(leg, message, Reason::SipBadState, now);
            }
            (Method::Invite | Method::Update | Method::Prack, _) => {
                let call = self.call_for(leg, message, now);
                self.begin_offer(described, call, now);
            }
            _ => {
                body::blank(&mut described.sdp, self.fallback(leg.other()));
                self.pass_on_described(described, now);
            }
        }
    }

    /// The call that a request which may describe media belongs to. An INVITE from outside a
    /// dialog begins one; a dialog that this session has not seen begin is taken up.
    fn call_for(&mut self, leg: Leg, message: &Message, now: Now) -> CallId {
        let names = names(leg, message);
        let is_initial = message.to_tag().is_empty();
        let known = self.calls.iter().find(|c| c.is(names)).map(|c| c.id);
        match known {
            Some(id) if !is_initial => return id,
            // A new INVITE under the names of an older one takes its place.
            Some(id) => self.end_call(id),
            None => {}
        }
        let id = CallId(self.next_call);
        self.next_call = self.next_call.wrapping_add(1);
        let mut call = Call::new(id, names, is_initial.then_some(message.cseq().number));
        call.initial_id = is_initial.then(|| TransactionId::of(message));
        if !is_initial && let Some(dialog) = call.dialog_or_new(names) {
            // Unless a success shows that there is such a dialog.
            dialog.expires = Some(now + self.invite_timeout());
        }
        self.calls.push(call);
        id
    }

    /// Swallows what belongs to a transaction that we have answered ourselves.
    fn is_ours_to_end(&mut self, leg: Leg, message: &Message, now: Now) -> bool {
        if !matches!(message.method(), Method::Ack | Method::Cancel) {
            return false;
        }
        let invite = self.transactions[leg].find(&TransactionId::of_invite(message));
        let ours = invite.is_some_and(|t| matches!(t.state, State::Answered | State::Abandoned(_)));
        if ours && message.method() == Method::Cancel {
            self.answer(leg, message, 200, "OK", now);
        }
        ours
    }

    /// Whether an INVITE is the one that began a call, come again (RFC 3261 §17.2.1).
    fn is_repeated(&self, leg: Leg, message: &Message) -> bool {
        let id = TransactionId::of(message);
        let mut calls = self.calls.iter().filter(|c| c.is(names(leg, message)));
        message.method() == Method::Invite && calls.any(|c| c.initial_id.as_ref() == Some(&id))
    }

    /// Whether an INVITE is the same as one that began a call, come by another way: a server that
    /// forks to two lines of one phone sends both here (RFC 3261 §8.2.2.2).
    fn is_merged(&self, leg: Leg, message: &Message) -> bool {
        let names = names(leg, message);
        let (cseq, id) = (message.cseq(), TransactionId::of(message));
        let is_same = |call: &Call| {
            call.initial_cseq == Some(cseq.number)
                && call.initial_id.as_ref().is_some_and(|known| *known != id)
        };
        let is_initial = cseq.method == Method::Invite && names.to_tag.is_empty();
        is_initial && self.calls.iter().any(|c| c.is(names) && is_same(c))
    }

    /// Whether there is room for what a request makes us remember.
    fn admit(&self, leg: Leg, message: &Message) -> Result<(), Reason> {
        if is_oversized(message) {
            return Err(Reason::SipTooLarge);
        }
        let max = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let is_known = self.calls.iter().any(|c| c.is(names(leg, message)));
        let needs_call = matches!(message.method(), Method::Invite | Method::Update) && !is_known;
        if needs_call && self.calls.len() >= max(self.config.calls_max) {
            return Err(Reason::SipDialogLimit);
        }
        if message.method() != Method::Ack && !self.has_room(leg) {
            return Err(Reason::SipDialogLimit);
        }
        Ok(())
    }

    /// Whether one more transaction of `leg` may be remembered.
    pub(crate) fn has_room(&self, leg: Leg) -> bool {
        let most = usize::try_from(self.config.transactions_max).unwrap_or(usize::MAX);
        self.transactions[leg].len() < most
    }

    /// Sends a request on.
    pub(crate) fn send_request(
        &mut self,
        leg: Leg,
        message: &Message,
        body: Option<(Span, &[u8])>,
        now: Now,
    ) {
        let Some(translation) = &mut self.translation else {
            return;
        };
        let mut edits = Edits::new();
        let echo = translation.request(leg, message, &mut edits);
        if let Some((span, text)) = body {
            edits.replace(span, text);
        }
        if self.config.decrement_max_forwards
            && let (Some(left), Some(span)) = (
                message.max_forwards(),
                message.frame().value(Name::MaxForwards),
            )
        {
            edits.replace(span, left.saturating_sub(1).to_string());
        }
        let bytes = message.render(edits);
        if message.method() != Method::Ack {
            self.remember(leg, message, echo, &bytes, now);
        }
        self.send(leg.other(), bytes);
        if message.method() == Method::Cancel {
            // The INVITE ends soon, whether the other side says so or not (RFC 3261 §9.1).
            let invite = self.transactions[leg].find(&TransactionId::of_invite(message));
            if let Some(pending) = invite.filter(|t| matches!(t.state, State::Pending(_))) {
                pending.deadline = pending.deadline.min(now + LINGER);
            }
        }
    }

    fn remember(&mut self, leg: Leg, message: &Message, echo: Echo, sent: &[u8], now: Now) {
        let invite = (message.method() == Method::Invite).then(|| {
            let cancel = reparse(sent).and_then(|sent| sip::request::cancel(&sent));
            let head = message.frame().to_head();
            Box::new(Invite {
                head,
                cancel: cancel.unwrap_or_default(),
            })
        });
        let wait = patience(message.method(), self.invite_timeout());
        self.transactions[leg].insert(Transaction {
            id: TransactionId::of(message),
            echo,
            state: State::Pending(invite),
            deadline: now + wait,
        });
    }

    /// Ends a dialog, and the call with its last one.
    pub(crate) fn end_dialog(&mut self, names: Names<'_>) {
        let Some(call) = self.calls.iter_mut().find(|c| c.is(names)) else {
            return;
        };
        let Some(at) = call.position(names) else {
            return;
        };
        let id = call.id;
        let was_confirmed = call.dialogs.remove(at).confirmed;
        let left = call
            .dialogs
            .iter()
            .find(|d| d.confirmed)
            .map(|d| d.lines.clone());
        if call.dialogs.is_empty() || (was_confirmed && left.is_none()) {
            self.end_call(id);
            return;
        }
        for line in left.iter().flatten().flatten() {
            self.pin(line.media, line.plan(id));
        }
        self.unpin_unused(id);
    }

    pub(crate) fn invite_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.config.invite_timeout_s))
    }
}

/// Octets of a name that is remembered: a Call-ID, a tag, a branch.
const NAME_MAX: usize = 1024;

/// Octets of one contact, whose URI is remembered.
const CONTACT_MAX: usize = 2048;

/// Octets of each field that lists hops, which are remembered too.
const HOPS_MAX: usize = 4096;

/// Whether a message names things at a length that is not worth remembering.
pub(crate) fn is_oversized(message: &Message) -> bool {
    let names = [
        message.call_id(),
        message.from_tag(),
        message.to_tag(),
        message.branch(),
    ];
    let frame = message.frame();
    let octets = |name: Name| -> usize { frame.fields_named(name).map(|f| f.value.len()).sum() };
    let contacts = frame.values(Name::Contact).unwrap_or_default();
    let hops = [Name::RecordRoute, Name::Route, Name::ServiceRoute];
    names.iter().any(|name| name.len() > NAME_MAX)
        || contacts.iter().any(|contact| contact.len() > CONTACT_MAX)
        || octets(Name::ReferTo) > CONTACT_MAX
        || Vias::octets(message) > HOPS_MAX
        || hops.into_iter().any(|name| octets(name) > HOPS_MAX)
}
