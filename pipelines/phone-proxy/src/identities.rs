//! Fields that name somebody: From, To, asserted identities, transfer targets and warnings.

use core::net::{IpAddr, SocketAddr};

use sip::{Name, NameAddr, Span};

use crate::headers::{Echo, Passage, Translation, names_in, put_uri};
use crate::store::Mapping;
use crate::uri::{authority, core_of};

impl Translation {
    /// Translates the hosts of identities. Returns those of From and To, for the response; a
    /// response gets back those of its request.
    pub(crate) fn identities(
        &mut self,
        passage: &mut Passage<'_>,
        echo: &Echo,
    ) -> Vec<(Name, Mapping)> {
        let bytes = passage.message.bytes();
        let frame = passage.message.frame();
        let mut names = Vec::new();
        for name in names_in(frame, Name::is_identity) {
            for value in frame.values(name).unwrap_or_default() {
                // What is no address, such as a URN alone, names nobody here.
                let entry = NameAddr::parse(bytes, value);
                let Some(entry) = entry.ok().filter(|e| e.uri.is_sip()) else {
                    continue;
                };
                if name == Name::ReferTo {
                    self.refer_to(passage, &entry);
                } else if let Some(mapping) = self.identity(passage, name, &entry, echo)
                    && matches!(name, Name::From | Name::To)
                {
                    names.push((name, mapping));
                }
            }
        }
        names
    }

    /// The target of a transfer is routed to, unlike other identities.
    fn refer_to(&mut self, passage: &mut Passage<'_>, entry: &NameAddr) {
        let bytes = passage.message.bytes();
        let uri = &entry.uri;
        // An attended transfer names the contact that we gave out, and a dialog behind it.
        let core = core_of(uri);
        let has_headers = uri.params_end < uri.span.end;
        let owner = passage.from.other();
        let contact = self.targets.original(owner, core.of(bytes));
        if let Some(original) = contact.filter(|_| has_headers) {
            passage.edits.replace(core, original);
        } else if let Some(new) = self.routed(passage.from, uri, bytes) {
            put_uri(passage.edits, entry, bytes, new);
        }
    }

    fn identity(
        &self,
        passage: &mut Passage<'_>,
        name: Name,
        entry: &NameAddr,
        echo: &Echo,
    ) -> Option<Mapping> {
        let bytes = passage.message.bytes();
        let host = entry.uri.host;
        let mut echoed = echo.names.iter().filter(|(of, _)| *of == name);
        if let Some((_, mapping)) = echoed.find(|(_, m)| m.presented == host.of(bytes)) {
            if mapping.original != mapping.presented {
                passage.edits.replace(host, mapping.original.clone());
            }
            return None;
        }
        let original = host.of(bytes).to_vec();
        let new = self.addresses.translate_name(passage.from, entry.uri.ip?);
        let presented = new.map_or_else(|| original.clone(), |ip| authority(ip, None).into_bytes());
        if new.is_some() {
            passage.edits.replace(host, presented.clone());
        }
        Some(Mapping {
            original,
            presented,
        })
    }

    /// Translates who warns (RFC 3261 §20.43).
    pub(crate) fn warnings(&self, passage: &mut Passage<'_>) {
        let bytes = passage.message.bytes();
        for value in passage
            .message
            .frame()
            .values(Name::Warning)
            .unwrap_or_default()
        {
            if let Some((span, agent)) = warn_agent(bytes, value)
                && let Some(host) = self.addresses.translate_name(passage.from, agent)
            {
                passage.edits.replace(span, authority(host, None));
            }
        }
    }
}

/// The address by which a warning names its author, with its port.
fn warn_agent(bytes: &[u8], value: Span) -> Option<(Span, IpAddr)> {
    let text = value.of(bytes);
    let start = text.iter().position(|b| *b == b' ')? + 1;
    let len = text.get(start..)?.iter().position(|b| *b == b' ')?;
    let span = Span::new(value.start + start, value.start + start + len);
    let agent = core::str::from_utf8(span.of(bytes)).ok()?;
    let bare = agent.trim_start_matches('[').trim_end_matches(']').parse();
    let ip = bare
        .or_else(|_| agent.parse::<SocketAddr>().map(|a| a.ip()))
        .ok()?;
    Some((span, ip))
}
