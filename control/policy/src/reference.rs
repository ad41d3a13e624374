//! The reference page, written from the declarations that the reader uses.

use core::fmt::Write;

use crate::raw::{Applies, RawPolicy};
use crate::section::{Key, Kind, Need, Section};

/// The reference of every key, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(include_str!("reference/intro.md"));
    section(&mut page, "", RawPolicy::SECTION);
    page.push_str(include_str!("reference/phone-proxy.md"));
    page
}

/// Writes a section's table, then the sections within it.
fn section(page: &mut String, path: &str, section: &Section) {
    let title = if path.is_empty() { "the file" } else { path };
    // Writing to a string cannot fail.
    let _ = write!(page, "\n### `{title}`\n\n{}\n\n", joined(section.doc));
    page.push_str("| key | takes | left out | applies | what for |\n|---|---|---|---|---|\n");
    for key in section.keys {
        let Key { name, doc, .. } = key;
        let (takes, absent, doc) = (takes(&key.kind), absent(key), joined(doc));
        let applies = Applies::of(&join(path, name)).name();
        let _ = writeln!(
            page,
            "| `{name}` | {takes} | {absent} | {applies} | {doc} |"
        );
    }
    for key in section.keys {
        within(page, &join(path, key.name), &key.kind);
    }
}

fn within(page: &mut String, path: &str, kind: &Kind) {
    match kind {
        Kind::Section(inner) => section(page, path, inner),
        Kind::List(inner) => within(page, &format!("{path}[]"), inner),
        _ => {}
    }
}

fn takes(kind: &Kind) -> String {
    match kind {
        Kind::Section(_) => "keys, below".into(),
        Kind::List(inner @ Kind::Section(_)) => format!("list of {}", takes(inner)),
        Kind::List(inner) => format!("list, each {}", takes(inner)),
        Kind::Either(a, b) => format!("{}, or {}", takes(a), takes(b)),
        Kind::Options => "keys that the application knows".into(),
        Kind::Choice(words) => any_of(words),
        kind => kind.expected(),
    }
}

fn absent(key: &Key) -> String {
    match (key.need, &key.kind) {
        (Need::Required, _) => "error".into(),
        (Need::Default(text), _) => format!("`{text}`"),
        (Need::Nested, Kind::List(_)) => "empty".into(),
        (Need::Nested, _) => "defaults".into(),
        (Need::Optional, _) => "–".into(),
    }
}

/// Words in code style, with `or` between them.
fn any_of(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(" or ")
}

pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.into()
    } else {
        format!("{path}.{name}")
    }
}

/// The lines of a comment as one.
fn joined(doc: &[&str]) -> String {
    let lines: Vec<_> = doc.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}
