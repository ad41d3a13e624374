//! An application's own options: only its crate knows them, so they reach it through serde, and
//! come back as findings at their place in the text.

mod de;
mod mistake;

use registry::{AppConfig, AppOptions};

use de::Options;
use mistake::Mistake;

use crate::document::{Content, Document, Entry, Findings, NodeId};
use crate::finding::Problem;

/// The octets that the application called `app` reads its options from.
pub(crate) fn encode(findings: &mut Findings<'_>, app: &str, options: Option<NodeId>) -> Vec<u8> {
    let Some(raw) = read(findings, app, options) else {
        return Vec::new();
    };
    match raw.check() {
        Ok(config) => AppConfig::encode(&config),
        Err(list) => {
            let node = options.unwrap_or(NodeId::ROOT);
            for finding in list {
                tell(findings, node, &finding);
            }
            Vec::new()
        }
    }
}

/// The options as written, or the defaults; `None` when there are mistakes.
fn read(findings: &mut Findings<'_>, app: &str, options: Option<NodeId>) -> Option<AppOptions> {
    let Some(node) = options else {
        return AppOptions::default_of(app);
    };
    // One option at a time first: serde stops at a mistake, and all of them are wanted.
    let mistakes = findings.doc.entries(node).iter().filter_map(|entry| {
        let one = Options {
            doc: findings.doc,
            node,
            entries: core::slice::from_ref(entry),
        };
        AppOptions::deserialize(app, one)?.err()
    });
    let mut mistakes: Vec<Mistake> = mistakes.collect();
    let all = Options {
        doc: findings.doc,
        node,
        entries: findings.doc.entries(node),
    };
    let whole = AppOptions::deserialize(app, all)?;
    if let (true, Err(mistake)) = (mistakes.is_empty(), &whole) {
        mistakes.push(mistake.clone());
    }
    for mistake in mistakes {
        mistake.tell(findings, node);
    }
    whole.ok()
}

/// Tells what the application found, at the value that it is about.
fn tell(findings: &mut Findings<'_>, options: NodeId, finding: &registry::Finding) {
    let doc = findings.doc;
    let (key, message) = (finding.option, finding.problem.to_string());
    let mut entries = doc.entries(options).iter();
    let Some(entry) = entries.find(|entry| &*entry.key == key) else {
        let place = doc.place(options);
        findings.error_at_key(options, key, place, Problem::BadValue, message);
        return;
    };
    let node = match (doc.content(entry.value), finding.entry) {
        (Content::List(items), Some(at)) => items.get(at).copied().unwrap_or(entry.value),
        _ => entry.value,
    };
    findings.error(node, Problem::BadValue, message);
}

impl Document {
    /// The keys of a mapping; none for any other value.
    fn entries(&self, node: NodeId) -> &[Entry] {
        match self.content(node) {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }
}
