//! What differs between two configurations, key by key, in words.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::document::{Content, Document, NodeId, join};
use crate::finding::Finding;
use crate::raw::{Applies, RawPolicy};
use crate::section::{Kind, Need, Section, Value as _};
use crate::value::{KeySource, PassphraseSource, Scalar};
use crate::write::written;
use crate::yaml;

/// One thing that differs. What is left out in the file stands with its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The key's path; what has a name goes by it, such as `servers[cm1].address`.
    pub path: String,
    /// What it was; `None` when it was not there.
    pub before: Option<String>,
    /// What it is; `None` when it is not there any more.
    pub after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{path}: from {before} to {after}"),
            (None, Some(after)) => write!(f, "{path}: added, {after}"),
            (Some(before), None) => write!(f, "{path}: removed, was {before}"),
            (None, None) => write!(f, "{path}: the same"),
        }
    }
}

/// What differs between the configurations `before` and `after`, in the order of the reference.
///
/// # Errors
/// The finding that keeps one of them from being read at all.
pub fn diff(before: &[u8], after: &[u8]) -> Result<Vec<Change>, Finding> {
    let read = |text| yaml::read(text).map_err(|unreadable| unreadable.fatal);
    let ((mut before, _), (mut after, _)) = (read(before)?, read(after)?);
    for doc in [&mut before, &mut after] {
        hide_secrets(doc);
    }
    let mut diff = Diff {
        before: &before,
        after: &after,
        changes: Vec::new(),
    };
    let roots = (Some(NodeId::ROOT), Some(NodeId::ROOT));
    diff.value("", &RawPolicy::KIND, Need::Nested, roots);
    Ok(diff.changes)
}

/// The keys that differ and take a restart of the data plane; none if one of the two cannot be
/// read.
#[must_use]
pub fn restart_keys(before: &[u8], after: &[u8]) -> Vec<String> {
    let changes = diff(before, after).unwrap_or_default().into_iter();
    let paths = changes.map(|change| change.path);
    paths
        .filter(|path| Applies::of(path) == Applies::Restart)
        .collect()
}

/// Blots out what stands where a secret's place should be named: it may be the secret.
fn hide_secrets(doc: &mut Document) {
    let trustpoints = child(doc, Some(NodeId::ROOT), "trustpoints");
    let misplaced: Vec<NodeId> = items(doc, trustpoints)
        .iter()
        .flat_map(|&item| {
            let key = child(doc, Some(item), "key");
            let passphrase = child(doc, Some(item), "passphrase");
            [
                key.filter(|&node| !reads_as::<KeySource>(doc, node)),
                passphrase.filter(|&node| !reads_as::<PassphraseSource>(doc, node)),
            ]
        })
        .flatten()
        .collect();
    for node in misplaced {
        if let Some(content) = doc.content_mut(node) {
            *content = Content::Scalar {
                text: "(not shown)".into(),
                plain: false,
            };
        }
    }
}

fn reads_as<S: Scalar>(doc: &Document, node: NodeId) -> bool {
    match doc.content(node) {
        Content::Scalar { text, plain } => S::parse(text, *plain).is_ok(),
        _ => false,
    }
}

/// A value on both sides, where it is there.
type Pair = (Option<NodeId>, Option<NodeId>);

struct Diff<'d> {
    before: &'d Document,
    after: &'d Document,
    changes: Vec<Change>,
}

impl<'d> Diff<'d> {
    fn value(&mut self, path: &str, kind: &Kind, need: Need, pair: Pair) {
        match kind {
            Kind::Section(section) if need == Need::Nested || both(pair) => {
                self.section(path, section, pair);
            }
            Kind::List(Kind::Section(section)) | Kind::Several(Kind::Section(section))
                if named(section) =>
            {
                self.named_list(path, section, pair);
            }
            Kind::List(Kind::Section(_)) | Kind::Several(Kind::Section(_)) => {
                self.unnamed_list(path, pair);
            }
            Kind::Options => self.options(path, pair),
            kind => self.scalar(path, kind, need, pair),
        }
    }

    fn section(&mut self, path: &str, section: &Section, (before, after): Pair) {
        for key in section.keys {
            let pair = (
                child(self.before, before, key.name),
                child(self.after, after, key.name),
            );
            self.value(&join(path, key.name), &key.kind, key.need, pair);
        }
    }

    fn scalar(&mut self, path: &str, kind: &Kind, need: Need, (before, after): Pair) {
        let default = match (need, kind) {
            (Need::Default(text), _) => Some(text.to_owned()),
            (Need::Nested, _) => Some("[]".to_owned()),
            _ => None,
        };
        let shown = |doc: &Document, node: Option<NodeId>| {
            node.filter(|&node| !matches!(doc.content(node), Content::Null))
                .map(|node| written(doc, node))
                .or_else(|| default.clone())
        };
        let (before, after) = (shown(self.before, before), shown(self.after, after));
        self.note(path, before, after);
    }

    /// Items go by their names; the order is told only when names that stay change places.
    fn named_list(&mut self, path: &str, section: &'static Section, (before, after): Pair) {
        let (before, after) = (names(self.before, before), names(self.after, after));
        for &(name, item) in &before {
            let path = format!("{path}[{name}]");
            match find(&after, name) {
                Some(other) => self.section(&path, section, (Some(item), Some(other))),
                None => self.note(&path, Some(written(self.before, item)), None),
            }
        }
        for &(name, item) in &after {
            if find(&before, name).is_none() {
                let path = format!("{path}[{name}]");
                self.note(&path, None, Some(written(self.after, item)));
            }
        }
        let stay = |list: &[(&str, NodeId)], other: &[(&str, NodeId)]| {
            let stay = list.iter().map(|(name, _)| *name);
            let stay: Vec<_> = stay.filter(|name| find(other, name).is_some()).collect();
            stay.join(", ")
        };
        let order = (stay(&before, &after), stay(&after, &before));
        self.note(&format!("order of {path}"), Some(order.0), Some(order.1));
    }

    /// Items without names are the same or not; what both have is paired off.
    fn unnamed_list(&mut self, path: &str, (before, after): Pair) {
        let mut added = texts(self.after, after);
        for item in texts(self.before, before) {
            if let Some(at) = added.iter().position(|other| *other == item) {
                added.remove(at);
            } else {
                self.note(path, Some(item), None);
            }
        }
        for item in added {
            self.note(path, None, Some(item));
        }
    }

    /// Keys that only the application knows.
    fn options(&mut self, path: &str, (before, after): Pair) {
        let keys = |doc: &'d Document, node: Option<NodeId>| match node.map(|n| doc.content(n)) {
            Some(Content::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        let (before, after) = (keys(self.before, before), keys(self.after, after));
        for entry in before {
            let other = after.iter().find(|other| other.key == entry.key);
            let after = other.map(|other| written(self.after, other.value));
            let before = written(self.before, entry.value);
            self.note(&join(path, &entry.key), Some(before), after);
        }
        for entry in after {
            if !before.iter().any(|other| other.key == entry.key) {
                let after = written(self.after, entry.value);
                self.note(&join(path, &entry.key), None, Some(after));
            }
        }
    }

    fn note(&mut self, path: &str, before: Option<String>, after: Option<String>) {
        if before != after {
            self.changes.push(Change {
                path: path.to_owned(),
                before,
                after,
            });
        }
    }
}

const fn both(pair: Pair) -> bool {
    matches!(pair, (Some(_), Some(_)))
}

fn named(section: &Section) -> bool {
    section.keys.iter().any(|key| key.name == "name")
}

fn child(doc: &Document, node: Option<NodeId>, key: &str) -> Option<NodeId> {
    doc.child(node?, key)
}

fn items(doc: &Document, node: Option<NodeId>) -> &[NodeId] {
    node.map_or(&[], |node| doc.items(node))
}

fn names(doc: &Document, node: Option<NodeId>) -> Vec<(&str, NodeId)> {
    let named = items(doc, node).iter().filter_map(|&item| {
        match doc.content(child(doc, Some(item), "name")?) {
            Content::Scalar { text, .. } => Some((&**text, item)),
            _ => None,
        }
    });
    named.collect()
}

fn texts(doc: &Document, node: Option<NodeId>) -> Vec<String> {
    let items = items(doc, node).iter();
    items.map(|&item| written(doc, item)).collect()
}

fn find(list: &[(&str, NodeId)], name: &str) -> Option<NodeId> {
    let found = list.iter().find(|(other, _)| *other == name);
    found.map(|(_, item)| *item)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(before: &str, after: &str) -> Vec<String> {
        let changes = diff(before.as_bytes(), after.as_bytes()).unwrap();
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn layout_comments_and_defaults_written_out_are_no_difference() {
        let before = "tcp: {keepalive: 1m}\nlimits:\n  uc_sessions: 5 # few\n";
        let after = "limits: {uc_sessions: 5}\ndevices: []\n";
        assert_eq!(words(before, after), [""; 0]);
    }

    #[test]
    fn keys_are_told_with_what_was_and_what_is() {
        assert_eq!(
            words("tcp: {keepalive: 30s}\n", "license: {model: ASA5505}\n"),
            [
                "tcp.keepalive: from 30s to 1m",
                "license.model: added, ASA5505"
            ]
        );
    }

    #[test]
    fn named_items_go_by_their_names_wherever_they_stand() {
        let before = "servers: [{name: a, address: 192.0.2.1}, {name: b, address: 192.0.2.2}]\n";
        let after = "servers: [{name: c, address: 192.0.2.3}, {name: a, address: 192.0.2.9}]\n";
        assert_eq!(
            words(before, after),
            [
                "servers[a].address: from 192.0.2.1 to 192.0.2.9",
                "servers[b]: removed, was {name: b, address: 192.0.2.2}",
                "servers[c]: added, {name: c, address: 192.0.2.3}",
            ]
        );
    }

    #[test]
    fn a_new_order_is_told_once() {
        let before = "servers: [{name: a, address: 192.0.2.1}, {name: b, address: 192.0.2.2}]\n";
        let after = "servers: [{name: b, address: 192.0.2.2}, {name: a, address: 192.0.2.1}]\n";
        assert_eq!(
            words(before, after),
            ["order of servers: from a, b to b, a"]
        );
    }

    #[test]
    fn items_without_names_are_added_or_removed() {
        let before = "routes: [{to: default, via: 192.0.2.1}, {to: 198.51.100.0/24}]\n";
        let after = "routes: [{to: 198.51.100.0/24}, {to: default, via: 192.0.2.2}]\n";
        assert_eq!(
            words(before, after),
            [
                "routes: removed, was {to: default, via: 192.0.2.1}",
                "routes: added, {to: default, via: 192.0.2.2}",
            ]
        );
    }

    #[test]
    fn options_and_sections_within_items_are_compared() {
        let app = |rest: &str| format!("applications: [{{name: p, kind: phone-proxy, {rest}}}]\n");
        let before = app("options: {fax: true, calls_max: 5}");
        let after = app("options: {calls_max: 6}, client: {security: nonsecure}");
        assert_eq!(
            words(&before, &after),
            [
                "applications[p].client.security: from encrypted to nonsecure",
                "applications[p].options.fax: removed, was true",
                "applications[p].options.calls_max: from 5 to 6",
            ]
        );
    }

    #[test]
    fn a_configuration_does_not_differ_from_itself() {
        let example = include_str!("../../../docs/ucproxy.example.yaml");
        assert_eq!(words(example, example), [""; 0]);
        assert!(!words("", example).is_empty());
    }
}
