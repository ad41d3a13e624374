//! Translating the start line and header fields of one message.

use core::net::IpAddr;

use pipeline::Leg;
use sip::{Edits, Frame, Message, Name, NameAddr, Span, Uri};

use crate::addresses::{Addresses, Party};
use crate::store::{Bindings, Hidden, Mapping, Targets, take_original};
use crate::uri::{Change, HIDDEN, authority, core_of, maddr, names_address, rewrite};
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
    pub(crate) bindings: Bindings,
    hidden: Hidden,
    /// Service-Route entries of the last registration.
    service_routes: Vec<Mapping>,
}

/// What a response repeats of its request, as the sender of the request wrote it.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    vias: Vias,
    /// Record-Route entries.
    routes: Vec<Mapping>,
    /// Hosts in From and To.
    pub(crate) names: Vec<(Name, Mapping)>,
}

/// One message on its way from a leg to the other.
pub(crate) struct Passage<'a> {
    pub(crate) from: Leg,
    pub(crate) message: &'a Message,
    pub(crate) edits: &'a mut Edits,
}

impl Translation {
    pub(crate) fn new(addresses: Addresses, targets_max: usize) -> Self {
        Self {
            addresses,
            targets: Targets::new(targets_max),
            bindings: Bindings::default(),
            hidden: Hidden::default(),
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
        let (routes, names) = self.fields(&mut passage, &Echo::default());
        Echo {
            vias,
            routes,
            names,
        }
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
        self.fields(&mut passage, echo);
    }

    fn fields(
        &mut self,
        passage: &mut Passage<'_>,
        echo: &Echo,
    ) -> (Vec<Mapping>, Vec<(Name, Mapping)>) {
        let mut recorded = Vec::new();
        for name in ROUTES {
            let mappings = self.routes(passage, name, &echo.routes);
            match name {
                Name::RecordRoute => recorded = mappings,
                Name::ServiceRoute if !mappings.is_empty() => self.service_routes = mappings,
                _ => {}
            }
        }
        self.contacts(passage, &recorded);
        let names = self.identities(passage, echo);
        self.warnings(passage);
        remove_unreadable(passage);
        (recorded, names)
    }

    /// What the phone calls itself and its server.
    fn learn_names(&mut self, from: Leg, message: &Message) {
        if from != Leg::Client {
            return;
        }
        if let Some(ip) = message.via().ip {
            self.addresses.learn_phone(ip);
        }
        for name in [message.from(), message.to()] {
            if let Some(ip) = name.uri.ip {
                self.addresses.learn_server_name(ip);
            }
        }
    }

    fn request_uri(&mut self, passage: &mut Passage<'_>) {
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
    pub(crate) fn phones_own(&self, from: Leg, uri: &Uri, bytes: &[u8]) -> Option<Vec<u8>> {
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

    /// A URI that routes, translated by address; `None` when it names none of the parties. One that
    /// we gave out becomes what it stands for, and one behind the server gets another given out.
    pub(crate) fn routed(&mut self, from: Leg, uri: &Uri, bytes: &[u8]) -> Option<Vec<u8>> {
        if let Some(original) = self.unhidden(from, uri, bytes) {
            return Some(original);
        }
        let Some(ip) = uri.ip else {
            return self.with_maddr(from, uri, bytes);
        };
        if self.addresses.is_hidden(from, ip) {
            return Some(self.hide(from, uri, bytes));
        }
        let (party, host) = self.addresses.translate(from, ip)?;
        let port = uri
            .port
            .map(|port| self.addresses.translate_port(from, party, port));
        let change = self.change(from, host, port, false);
        Some(rewrite(bytes, uri, &change))
    }

    /// What a URI that leads here and is known again by its number stands for.
    pub(crate) fn unhidden(&self, from: Leg, uri: &Uri, bytes: &[u8]) -> Option<Vec<u8>> {
        let leads_here = uri.ip == Some(self.addresses.face(from).local.ip());
        if from != Leg::Client || !leads_here {
            return None;
        }
        let number = uri.params.value(bytes, HIDDEN)?;
        let original = self.hidden.original(number)?;
        Some([original, headers_of(uri, bytes)].concat())
    }

    /// A URI of ours in the place of one that the other side must not see.
    fn hide(&mut self, from: Leg, uri: &Uri, bytes: &[u8]) -> Vec<u8> {
        let number = self.hidden.number(core_of(uri).of(bytes));
        let mut out = self.ours(from, uri, bytes);
        let headers = headers_of(uri, bytes);
        out.truncate(out.len() - headers.len());
        out.extend_from_slice(format!(";{HIDDEN}={number}").as_bytes());
        out.extend_from_slice(headers);
        out
    }

    /// A URI whose host is a name, and which says by `maddr` where to send.
    fn with_maddr(&self, from: Leg, uri: &Uri, bytes: &[u8]) -> Option<Vec<u8>> {
        let (span, ip) = maddr(uri, bytes)?;
        let host = authority(self.addresses.translate_name(from, ip)?, None);
        let (before, after) = (
            Span::new(uri.span.start, span.start),
            Span::new(span.end, uri.span.end),
        );
        Some([before.of(bytes), host.as_bytes(), after.of(bytes)].concat())
    }

    /// A URI that must lead to us, on the leg away from `from`.
    pub(crate) fn ours(&self, from: Leg, uri: &Uri, bytes: &[u8]) -> Vec<u8> {
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

    fn routes(
        &mut self,
        passage: &mut Passage<'_>,
        name: Name,
        echoed: &[Mapping],
    ) -> Vec<Mapping> {
        let message = passage.message;
        let bytes = message.bytes();
        let owner = passage.from.other();
        let target = self
            .targets
            .find(owner, message.call_id(), message.to_tag());
        let known = match name {
            Name::RecordRoute => echoed.to_vec(),
            _ => target.map(|t| t.routes.clone()).unwrap_or_default(),
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
            let restored = take_original(&known, text, &mut taken).or_else(preloaded);
            let leads_here = match passage.from {
                Leg::Client => name != Name::Route,
                Leg::Server => nearest == Some(index),
            };
            let new = match restored.map(<[u8]>::to_vec) {
                Some(original) => Some(original),
                None => self.route(passage.from, uri, bytes, leads_here),
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

    fn route(&mut self, from: Leg, uri: &Uri, bytes: &[u8], leads_here: bool) -> Option<Vec<u8>> {
        let party = uri.ip.and_then(|ip| self.addresses.translate(from, ip));
        let is_server = party.is_some_and(|(party, _)| party == Party::Server);
        if leads_here && uri.ip.is_some() && (is_server || from == Leg::Client) {
            return Some(self.ours(from, uri, bytes));
        }
        self.routed(from, uri, bytes)
    }
}

/// The names of the fields of `frame` that `wanted` picks, each once.
pub(crate) fn names_in(frame: &Frame, wanted: impl Fn(Name) -> bool) -> Vec<Name> {
    let mut found = Vec::new();
    for name in frame.fields().iter().map(|f| f.name) {
        if wanted(name) && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// Takes out fields that show an address and cannot be translated, being against the grammar.
fn remove_unreadable(passage: &mut Passage<'_>) {
    let frame = passage.message.frame();
    let bytes = frame.bytes();
    let is_translated =
        |name| ROUTES.contains(&name) || name == Name::Contact || name.is_identity();
    for name in names_in(frame, is_translated) {
        // One bracket that stays open makes all of the list unreadable.
        let unreadable = match frame.values(name) {
            Ok(mut values) => {
                values.retain(|value| NameAddr::parse(bytes, *value).is_err());
                values
            }
            Err(_) => frame.fields_named(name).map(|f| f.value).collect(),
        };
        for value in unreadable.iter().filter(|v| names_address(v.of(bytes))) {
            let mut fields = frame.fields_named(name);
            if let Some(field) = fields.find(|field| field.value.contains(*value)) {
                passage.edits.remove(field.line);
            }
        }
    }
}

/// The headers of a URI, with their question mark.
fn headers_of<'b>(uri: &Uri, bytes: &'b [u8]) -> &'b [u8] {
    Span::new(uri.params_end, uri.span.end).of(bytes)
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
pub(crate) fn put_uri(edits: &mut Edits, entry: &NameAddr, bytes: &[u8], new: Vec<u8>) {
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
