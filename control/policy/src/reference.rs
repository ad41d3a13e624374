//! The reference page, written from the declarations that the reader uses.

use core::fmt::Write;

use crate::options::APPLICATIONS;
use crate::raw::{Applies, RawPolicy};
use crate::section::{Key, Kind, Need, Section};

/// The reference of every key, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(include_str!("reference/intro.md"));
    section(&mut page, "", "", RawPolicy::SECTION);
    for app in APPLICATIONS {
        let of = format!(" of a `{}`", app.name);
        section(&mut page, "applications[].options", &of, app.section);
    }
    page
}

/// Writes a section's table, then the sections within it. `of` narrows its title.
fn section(page: &mut String, path: &str, of: &str, section: &Section) {
    let title = if path.is_empty() { "the file" } else { path };
    // Writing to a string cannot fail.
    let _ = write!(page, "\n### `{title}`{of}\n\n{}\n\n", joined(section.doc));
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
        within(page, &join(path, key.name), of, &key.kind);
    }
}

fn within(page: &mut String, path: &str, of: &str, kind: &Kind) {
    match kind {
        Kind::Section(inner) => section(page, path, of, inner),
        Kind::List(inner) | Kind::Several(inner) => within(page, &format!("{path}[]"), of, inner),
        _ => {}
    }
}

fn takes(kind: &Kind) -> String {
    match kind {
        Kind::Section(_) => "keys, below".into(),
        Kind::List(inner @ Kind::Section(_)) => format!("list of {}", takes(inner)),
        Kind::List(inner) => format!("list, each {}", takes(inner)),
        Kind::Several(inner @ Kind::Section(_)) => {
            format!("list of at least one, {}", takes(inner))
        }
        Kind::Several(inner) => format!("list of at least one, each {}", takes(inner)),
        Kind::Either(a, b) => format!("{}, or {}", takes(a), takes(b)),
        Kind::Options => "keys that depend on `kind`, below".into(),
        Kind::Choice(words) | Kind::Spelt(words, _) => any_of(words),
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

/// Words in code style, with `or` before the last.
fn any_of(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
        None => String::new(),
    }
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
