//! Contact: where a party is reached, and by which of our URIs the other side reaches it.

use pipeline::Leg;
use sip::{Message, Method, Name, NameAddr, Param, Span, Uri};

use crate::addresses::Party;
use crate::headers::{Passage, Translation, put_uri};
use crate::store::Mapping;

impl Translation {
    /// Translates Contact fields, and notes what they say.
    pub(crate) fn contacts(&mut self, passage: &mut Passage<'_>, recorded: &[Mapping]) {
        let message = passage.message;
        let bytes = message.bytes();
        // `*` and what else is no address stays as it is.
        let values = message.frame().values(Name::Contact).unwrap_or_default();
        let contacts = values
            .into_iter()
            .filter_map(|v| NameAddr::parse(bytes, v).ok());
        let contacts: Vec<_> = contacts.filter(|c| c.uri.is_sip()).collect();
        for (index, contact) in contacts.iter().enumerate() {
            self.contact_params(passage, contact);
            if names_sender(message) && carries_target(message) && index == 0 {
                self.learn_target(passage, &contact.uri, recorded);
            }
            if let Some(new) = self.contact_uri(passage, contact, contacts.len()) {
                put_uri(passage.edits, contact, bytes, new);
            }
        }
    }

    /// What the other side gets for the URI of one of `count` Contacts.
    fn contact_uri(
        &mut self,
        passage: &Passage<'_>,
        contact: &NameAddr,
        count: usize,
    ) -> Option<Vec<u8>> {
        let (from, uri, bytes) = (passage.from, &contact.uri, passage.message.bytes());
        let known = self.unhidden(from, uri, bytes);
        if known.is_some() {
            return known;
        }
        if names_sender(passage.message) {
            return Some(self.ours(from, uri, bytes));
        }
        if self.is_registration(passage, contact, count) {
            let mapping = Mapping {
                original: uri.span.of(bytes).to_vec(),
                presented: self.ours(from, uri, bytes),
            };
            let presented = mapping.presented.clone();
            self.bindings.learn(uri.user_text(bytes), mapping);
            return Some(presented);
        }
        let own = self.phones_own(from, uri, bytes);
        own.or_else(|| self.routed(from, uri, bytes))
    }

    fn learn_target(&mut self, passage: &Passage<'_>, uri: &Uri, recorded: &[Mapping]) {
        let message = passage.message;
        let bytes = message.bytes();
        let mapping = Mapping {
            original: uri.span.of(bytes).to_vec(),
            presented: self.ours(passage.from, uri, bytes),
        };
        if passage.from == Leg::Client {
            self.bindings.learn(uri.user_text(bytes), mapping.clone());
        }
        let tag = if message.is_request() {
            message.from_tag()
        } else {
            message.to_tag()
        };
        if !tag.is_empty() {
            // In the order in which the receiver will use them (RFC 3261 §12.1).
            let mut routes = recorded.to_vec();
            if !message.is_request() {
                routes.reverse();
            }
            self.targets
                .learn(passage.from, message.call_id(), tag, mapping, routes);
        }
    }

    /// Whether `contact` is the phone's own in its REGISTER. One alone is, whatever it says,
    /// unless it is a GRUU (RFC 5627), which its server knows how to reach.
    fn is_registration(&self, passage: &Passage<'_>, contact: &NameAddr, contacts: usize) -> bool {
        let message = passage.message;
        let is_register = message.is_request() && message.method() == Method::Register;
        let names_phone = || {
            let party = contact
                .uri
                .ip
                .and_then(|ip| self.addresses.translate(passage.from, ip));
            party.is_some_and(|(party, _)| party == Party::Phone)
        };
        let is_gruu = contact.uri.params.find(message.bytes(), "gr").is_some();
        passage.from == Leg::Client && is_register && !is_gruu && (contacts == 1 || names_phone())
    }

    /// Translates the URIs that a Contact's parameters hold, as `pub-gruu` does (RFC 5627). Where
    /// a registrar has seen the phone (`received`) is its own affair.
    fn contact_params(&mut self, passage: &mut Passage<'_>, contact: &NameAddr) {
        let bytes = passage.message.bytes();
        for param in contact.params.iter() {
            if param.name.of(bytes).eq_ignore_ascii_case(b"received") {
                passage.edits.remove(param.span);
                continue;
            }
            if let Some(uri) = quoted_uri(param, bytes)
                && let Some(new) = self.routed(passage.from, &uri, bytes)
            {
                passage.edits.replace(uri.span, new);
            }
        }
    }
}

/// The SIP URI that a parameter holds in quotes.
fn quoted_uri(param: &Param, bytes: &[u8]) -> Option<Uri> {
    let value = param.value.filter(|v| v.of(bytes).starts_with(b"\""))?;
    let inner = Span::new(value.start + 1, value.end.saturating_sub(1));
    Uri::parse(bytes, inner).ok().filter(Uri::is_sip)
}

/// Whether the one Contact of `message` is its sender's own: not so where it lists bindings or
/// says where to try instead (RFC 3261 §20.10).
fn names_sender(message: &Message) -> bool {
    message.method() != Method::Register
        && message
            .status()
            .is_none_or(|s| !matches!(s, 300..=399 | 485))
}

/// Whether the one Contact of `message` is where its sender takes the requests of a dialog.
fn carries_target(message: &Message) -> bool {
    message.method().carries_target() && message.status().is_none_or(|s| (101..300).contains(&s))
}
