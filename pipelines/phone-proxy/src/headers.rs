//! Translating the start line and header fields of one message.

use core::net::IpAddr;

use pipeline::Leg;
use sip::{Edits, Message, Method, Name, NameAddr, Span, Uri};

use crate::addresses::{Addresses, Party};
use crate::store::{Bindings, Mapping, Targets, take_original};
use crate::uri::{Change, authority, rewrite};
use crate::vias::Vias;

/// Fields that hold the way back through proxies.
const ROUTES: [Name; 4] = [
    Name::Route,
    Name::RecordRoute,
    Name::Path,
    Name::ServiceRoute,
];

/// The address map of a session and all that it takes to undo it.
#[derive(Debug)]
pub(crate) struct Translation {
    pub(crate) addresses: Addresses,
    pub(crate) targets: Targets,
    bindings: Bindings,
    /// Service-Route entries of the last registration.
    service_routes: Vec<Mapping>,
}

/// What a response repeats of its request, as the sender of the request wrote it.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    vias: Vias,
    /// Record-Route entries.
    routes: Vec<Mapping>,
}

/// One message on its way from a leg to the other.
struct Passage<'a> {
    from: Leg,
    message: &'a Message,
    edits: &'a mut Edits,
}

impl Translation {
    pub(crate) fn new(addresses: Addresses, targets_max: usize) -> Self {
        Self {
            addresses,
            targets: Targets::new(targets_max),
            bindings: Bindings::default(),
            service_routes: Vec::new(),
        }
    }

    /// Translates a request. Returns what its response gets back.
    pub(crate) fn request(&mut self, from: Leg, message: &Message, edits: &mut Edits) -> Echo {
        self.learn_names(from, message);
        let vias = Vias::replace(message, &self.addresses.face(from.other()), edits);
        let mut passage = Passage {
            from,
            message,
            edits,
        };
        self.request_uri(&mut passage);
        let routes = self.fields(&mut passage, &[]);
        Echo { vias, routes }
    }

    /// Translates a response to a request that was translated with `echo`.
    pub(crate) fn response(
        &mut self,
        from: Leg,
        message: &Message,
        edits: &mut Edits,
        echo: &Echo,
    ) {
        let peer = self.addresses.face(from.other()).peer;
        echo.vias.restore(message, peer, edits);
        let mut passage = Passage {
            from,
            message,
            edits,
        };
        self.fields(&mut passage, &echo.routes);
    }

    fn fields(&mut self, passage: &mut Passage<'_>, echoed: &[Mapping]) -> Vec<Mapping> {
        let mut recorded = Vec::new();
        for name in ROUTES {
            let mappings = self.routes(passage, name, echoed);
            match name {
                Name::RecordRoute => recorded = mappings,
                Name::ServiceRoute if !mappings.is_empty() => self.service_routes = mappings,
                _ => {}
            }
        }
        self.contacts(passage, &recorded);
        self.identities(passage);
        recorded
    }

    /// What the phone calls itself and its server.
    fn learn_names(&mut self, from: Leg, message: &Message) {
        if from != Leg::Client {
            return;
        }
        if let (Some(ip), [_]) = (message.via().ip, message.vias()) {
            self.addresses.learn_phone(ip);
        }
        for name in [message.from(), message.to()] {
            if let Some(ip) = name.uri.ip {
                self.addresses.learn_server_name(ip);
            }
        }
    }

    fn request_uri(&self, passage: &mut Passage<'_>) {
        let message = passage.message;
        let bytes = message.bytes();
        let Some(uri) = message.uri().filter(|uri| uri.is_sip()) else {
            return;
        };
        let text = uri.span.of(bytes);
        let owner = passage.from.other();
        let target = self
            .targets
            .find(owner, message.call_id(), message.to_tag());
        let target = target
            .filter(|_| !message.to_tag().is_empty())
            .map(|t| &t.uri);
        let target = target.filter(|t| t.presented == text || names_same_user(t, uri, bytes));
        let restored = target.map(|t| t.original.clone());
        let restored = restored.or_else(|| self.phones_own(passage.from, uri, bytes));
        let new = restored.or_else(|| self.routed(passage.from, uri, bytes));
        if let Some(new) = new.filter(|new| new != text) {
            passage.edits.replace(uri.span, new);
        }
    }

    /// The phone's own URI for one that the server learnt from us.
    fn phones_own(&self, from: Leg, uri: &Uri, bytes: &[u8]) -> Option<Vec<u8>> {
        if from != Leg::Server {
            return None;
        }
        let local = self.addresses.face(Leg::Server).local;
        let is_phone = uri.ip == Some(local.ip()) && uri.port.is_none_or(|p| p == local.port());
        let by_user = || {
            self.bindings
                .of_user(uri.user_text(bytes))
                .filter(|_| is_phone)
        };
        let original = self
            .bindings
            .original(uri.span.of(bytes))
            .or_else(by_user)?;
        Some(with_user(original, uri, bytes))
    }

    /// A URI that routes, translated by address; `None` when it names none of the parties.
    fn routed(&self, from: Leg, uri: &Uri, bytes: &[u8]) -> Option<Vec<u8>> {
        let (party, host) = self.addresses.translate(from, uri.ip?)?;
        let port = uri
            .port
            .map(|port| self.addresses.translate_port(from, party, port));
        let change = self.change(from, host, port, false);
        Some(rewrite(bytes, uri, &change))
    }

    /// A URI that must lead to us, on the leg away from `from`.
    fn ours(&self, from: Leg, uri: &Uri, bytes: &[u8]) -> Vec<u8> {
        let local = self.addresses.face(from.other()).local;
        rewrite(
            bytes,
            uri,
            &self.change(from, local.ip(), Some(local.port()), true),
        )
    }

    fn change(&self, from: Leg, host: IpAddr, port: Option<u16>, names_transport: bool) -> Change {
        let before = self.addresses.face(from).transport;
        let transport = self.addresses.face(from.other()).transport;
        Change {
            host,
            port,
            transport,
            names_transport,
            before,
        }
    }

    fn routes(&self, passage: &mut Passage<'_>, name: Name, echoed: &[Mapping]) -> Vec<Mapping> {
        let message = passage.message;
        let bytes = message.bytes();
        let owner = passage.from.other();
        let target = self
            .targets
            .find(owner, message.call_id(), message.to_tag());
        let known = match name {
            Name::RecordRoute => echoed,
            _ => target.map_or(&[][..], |t| &t.routes),
        };
        let values = message.frame().values(name).unwrap_or_default();
        let nearest = nearest(message, name, values.len());
        let (mut mappings, mut taken) = (Vec::new(), Vec::new());
        for (index, value) in values.into_iter().enumerate() {
            let Ok(entry) = NameAddr::parse(bytes, value) else {
                continue;
            };
            let uri = &entry.uri;
            let text = uri.span.of(bytes);
            let preloaded = || match name {
                Name::Route => take_original(&self.service_routes, text, &mut Vec::new()),
                _ => None,
            };
            let restored = take_original(known, text, &mut taken).or_else(preloaded);
            let new = match restored {
                Some(original) => Some(original.to_vec()),
                None => self.route(passage.from, uri, bytes, nearest == Some(index)),
            };
            let Some(new) = new.filter(|_| uri.is_sip()) else {
                continue;
            };
            mappings.push(Mapping {
                original: text.to_vec(),
                presented: new.clone(),
            });
            put_uri(passage.edits, &entry, bytes, new);
        }
        mappings
    }

    fn route(&self, from: Leg, uri: &Uri, bytes: &[u8], leads_here: bool) -> Option<Vec<u8>> {
        let (party, _) = self.addresses.translate(from, uri.ip?)?;
        if leads_here && party == Party::Server && from == Leg::Server {
            return Some(self.ours(from, uri, bytes));
        }
        self.routed(from, uri, bytes)
    }

    fn contacts(&mut self, passage: &mut Passage<'_>, recorded: &[Mapping]) {
        let message = passage.message;
        let bytes = message.bytes();
        // `*` and what else is no address stays as it is.
        let values = message.frame().values(Name::Contact).unwrap_or_default();
        let contacts = values
            .into_iter()
            .filter_map(|v| NameAddr::parse(bytes, v).ok());
        let contacts: Vec<_> = contacts.filter(|c| c.uri.is_sip()).collect();
        let is_senders = names_sender(message) && contacts.len() == 1;
        for contact in &contacts {
            let text = contact.uri.span.of(bytes);
            let new = if is_senders {
                let new = self.ours(passage.from, &contact.uri, bytes);
                if carries_target(message) {
                    self.learn_target(passage, &contact.uri, &new, recorded);
                }
                Some(new)
            } else if self.is_registration(passage, contact, contacts.len()) {
                let new = self.ours(passage.from, &contact.uri, bytes);
                let uri = Mapping {
                    original: text.to_vec(),
                    presented: new.clone(),
                };
                self.bindings.learn(contact.uri.user_text(bytes), uri);
                Some(new)
            } else {
                let own = self.phones_own(passage.from, &contact.uri, bytes);
                own.or_else(|| self.routed(passage.from, &contact.uri, bytes))
            };
            if let Some(new) = new {
                put_uri(passage.edits, contact, bytes, new);
            }
        }
    }

    fn learn_target(
        &mut self,
        passage: &Passage<'_>,
        uri: &Uri,
        presented: &[u8],
        recorded: &[Mapping],
    ) {
        let message = passage.message;
        let bytes = message.bytes();
        let mapping = Mapping {
            original: uri.span.of(bytes).to_vec(),
            presented: presented.to_vec(),
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

    fn identities(&self, passage: &mut Passage<'_>) {
        let bytes = passage.message.bytes();
        let frame = passage.message.frame();
        let mut seen = Vec::new();
        for name in frame
            .fields()
            .iter()
            .map(|f| f.name)
            .filter(|name| name.is_identity())
        {
            if seen.contains(&name) {
                continue;
            }
            seen.push(name);
            for value in frame.values(name).unwrap_or_default() {
                // What is no address, such as a URN alone, names nobody here.
                if let Ok(entry) = NameAddr::parse(bytes, value)
                    && entry.uri.is_sip()
                {
                    self.identity(passage, name, &entry, bytes);
                }
            }
        }
    }

    fn identity(&self, passage: &mut Passage<'_>, name: Name, entry: &NameAddr, bytes: &[u8]) {
        let uri = &entry.uri;
        if name == Name::ReferTo {
            // An attended transfer names the contact that we gave out, and a dialog behind it.
            let core = Span::new(uri.span.start, uri.params_end);
            let has_headers = uri.params_end < uri.span.end;
            let contact = self.targets.original(passage.from.other(), core.of(bytes));
            if let Some(original) = contact.filter(|_| has_headers) {
                passage.edits.replace(core, original);
            } else if let Some(new) = self.routed(passage.from, uri, bytes) {
                put_uri(passage.edits, entry, bytes, new);
            }
            return;
        }
        let host = uri
            .ip
            .and_then(|ip| self.addresses.translate_name(passage.from, ip));
        if let Some(host) = host {
            passage.edits.replace(uri.host, authority(host, None));
        }
    }
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

/// Which entry of a route field the receiver sends to, and so must lead to us.
fn nearest(message: &Message, name: Name, entries: usize) -> Option<usize> {
    match name {
        Name::ServiceRoute => Some(0),
        Name::RecordRoute if message.is_request() => Some(0),
        Name::RecordRoute => entries.checked_sub(1),
        _ => None,
    }
}

/// Puts `new` in the place of a URI. One without brackets gets them if it has parameters now,
/// which would otherwise be the field's.
fn put_uri(edits: &mut Edits, entry: &NameAddr, bytes: &[u8], new: Vec<u8>) {
    if new == entry.uri.span.of(bytes) {
        return;
    }
    let needs_brackets = !entry.is_bracketed && new.iter().any(|b| matches!(b, b';' | b'?' | b','));
    if needs_brackets {
        let bracketed = [b"<".as_slice(), &new, b">"].concat();
        edits.replace(entry.uri.span, bracketed);
    } else {
        edits.replace(entry.uri.span, new);
    }
}

/// Whether `uri` has the user, host and port of the URI that we presented. Peers may drop
/// parameters, or change their order.
fn names_same_user(mapping: &Mapping, uri: &Uri, bytes: &[u8]) -> bool {
    let text = mapping.presented.as_slice();
    Uri::parse(text, Span::new(0, text.len())).is_ok_and(|presented| {
        presented.user_text(text) == uri.user_text(bytes)
            && presented.host_port.of(text) == uri.host_port.of(bytes)
    })
}

/// `original` with the user of `uri`, which may be one that the phone serves without having
/// registered it.
fn with_user(original: &[u8], uri: &Uri, bytes: &[u8]) -> Vec<u8> {
    let parsed = Uri::parse(original, Span::new(0, original.len()));
    let (Ok(parsed), Some(wanted)) = (parsed, uri.user) else {
        return original.to_vec();
    };
    let mut edits = Edits::new();
    match parsed.user {
        Some(user) => edits.replace(user, wanted.of(bytes)),
        None => edits.insert(parsed.host_port.start, [wanted.of(bytes), b"@"].concat()),
    }
    edits.apply(original)
}
