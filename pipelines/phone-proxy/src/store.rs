//! What a session must remember to undo a translation.

use std::collections::VecDeque;

use pipeline::Leg;
use sip::DialogId;

/// Contacts of the phone that are remembered.
const BINDINGS_MAX: usize = 16;

/// Hidden URIs that are remembered.
const HIDDEN_MAX: usize = 64;

/// A URI as one side wrote it and as the other side sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) original: Vec<u8>,
    pub(crate) presented: Vec<u8>,
}

/// Where a party of a dialog is reached, and by which route.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    dialog: DialogId,
    owner: Leg,
    pub(crate) uri: Mapping,
    pub(crate) routes: Vec<Mapping>,
}

/// The targets of dialogs, those last heard of at the back.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    list: VecDeque<Target>,
    max: usize,
}

impl Targets {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            list: VecDeque::new(),
            max,
        }
    }

    /// Notes where `owner`'s party `tag` of a dialog is reached. Routes, once known, stay: a
    /// dialog's route set never changes (RFC 3261 §12.2).
    pub(crate) fn learn(
        &mut self,
        owner: Leg,
        call_id: &[u8],
        tag: &[u8],
        uri: Mapping,
        routes: Vec<Mapping>,
    ) {
        let known = self
            .list
            .iter()
            .position(|t| t.owner == owner && t.dialog.is(call_id, tag));
        let known = known.and_then(|at| self.list.remove(at));
        let mut target = known.unwrap_or_else(|| Target {
            dialog: DialogId::new(call_id, tag),
            owner,
            uri: uri.clone(),
            routes: Vec::new(),
        });
        target.uri = uri;
        if target.routes.is_empty() {
            target.routes = routes;
        }
        while self.list.len() >= self.max {
            self.list.pop_front();
        }
        self.list.push_back(target);
    }

    pub(crate) fn find(&self, owner: Leg, call_id: &[u8], tag: &[u8]) -> Option<&Target> {
        self.list
            .iter()
            .rev()
            .find(|t| t.owner == owner && t.dialog.is(call_id, tag))
    }

    /// What `owner`'s side wrote for the URI that the other side sees as `presented`.
    pub(crate) fn original(&self, owner: Leg, presented: &[u8]) -> Option<&[u8]> {
        let is = |t: &&Target| t.owner == owner && t.uri.presented == presented;
        self.list
            .iter()
            .rev()
            .find(is)
            .map(|t| t.uri.original.as_slice())
    }
}

/// The phone's contacts, the one last used at the back.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    list: VecDeque<Binding>,
}

#[derive(Debug)]
struct Binding {
    user: Vec<u8>,
    uri: Mapping,
}

impl Bindings {
    pub(crate) fn learn(&mut self, user: &[u8], uri: Mapping) {
        self.list.retain(|b| b.uri.original != uri.original);
        while self.list.len() >= BINDINGS_MAX {
            self.list.pop_front();
        }
        self.list.push_back(Binding {
            user: user.to_vec(),
            uri,
        });
    }

    /// The phone's own URI for the one that the server sees as `presented`.
    pub(crate) fn original(&self, presented: &[u8]) -> Option<&[u8]> {
        let is = |b: &&Binding| b.uri.presented == presented;
        self.list
            .iter()
            .rev()
            .find(is)
            .map(|b| b.uri.original.as_slice())
    }

    /// The phone's own URI for `user`; for a user that it never named, the one it used last.
    pub(crate) fn of_user(&self, user: &[u8]) -> Option<&[u8]> {
        let named = self.list.iter().rev().find(|b| b.user == user);
        named
            .or_else(|| self.list.back())
            .map(|b| b.uri.original.as_slice())
    }
}

/// URIs behind the server for which we gave out others, the one last used at the back.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    list: VecDeque<(u32, Vec<u8>)>,
    next: u32,
}

impl Hidden {
    /// The number that `original` goes by.
    pub(crate) fn number(&mut self, original: &[u8]) -> u32 {
        let known = self.list.iter().position(|(_, uri)| uri == original);
        let known = known.and_then(|at| self.list.remove(at));
        let entry = known.unwrap_or_else(|| {
            self.next = self.next.wrapping_add(1);
            (self.next, original.to_vec())
        });
        let number = entry.0;
        while self.list.len() >= HIDDEN_MAX {
            self.list.pop_front();
        }
        self.list.push_back(entry);
        number
    }

    /// The URI that goes by the number `text`.
    pub(crate) fn original(&self, text: &[u8]) -> Option<&[u8]> {
        let number: u32 = core::str::from_utf8(text).ok()?.parse().ok()?;
        let found = self.list.iter().find(|(n, _)| *n == number);
        found.map(|(_, uri)| uri.as_slice())
    }
}

/// What `list` says the original of `presented` is. Equal URIs are told apart by their order:
/// each is `taken` once before any is taken again.
pub(crate) fn take_original<'m>(
    list: &'m [Mapping],
    presented: &[u8],
    taken: &mut Vec<usize>,
) -> Option<&'m [u8]> {
    let mut matches = list
        .iter()
        .enumerate()
        .filter(|(_, m)| m.presented == presented);
    let fresh = matches.clone().find(|(i, _)| !taken.contains(i));
    let (index, mapping) = fresh.or_else(|| matches.next())?;
    taken.push(index);
    Some(&mapping.original)
}
