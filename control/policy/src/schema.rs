//! The JSON Schema (draft 2020-12) of the configuration, written from the declarations that the
//! reader uses, so that editors complete and check it.
//!
//! It says what each key takes by itself, and by `x-applies` whether a change holds at once
//! (`live`) or after the data plane's next start (`restart`). Whether values fit each other, and what an
//! application's options mean, only `ucproxy check` knows.

use core::fmt::{self, Write};

use crate::raw::{Applies, RawPolicy};
use crate::reference::join;
use crate::section::{Key, Kind, Need, Section};

/// The schema, as JSON.
#[must_use]
pub fn schema() -> String {
    let mut top = vec![
        (
            "$schema",
            text("https://json-schema.org/draft/2020-12/schema"),
        ),
        ("title", text("ucproxy.yaml")),
    ];
    top.extend(object(RawPolicy::SECTION, "object".into(), ""));
    format!("{}\n", Json::Map(top))
}

/// As much of JSON as a schema needs.
enum Json {
    Text(String),
    Number(u64),
    Flag(bool),
    List(Vec<Self>),
    Map(Vec<(&'static str, Self)>),
}

fn text(text: impl Into<String>) -> Json {
    Json::Text(text.into())
}

impl From<&str> for Json {
    fn from(value: &str) -> Self {
        text(value)
    }
}

type Members = Vec<(&'static str, Json)>;

fn object(section: &'static Section, types: Json, path: &str) -> Members {
    let property = |key: &'static Key| (key.name, Json::Map(property(key, &join(path, key.name))));
    let required = section.keys.iter().filter(|k| k.need == Need::Required);
    let required: Vec<_> = required.map(|key| text(key.name)).collect();
    let mut members = vec![
        ("description", text(joined(section.doc))),
        ("type", types),
        (
            "properties",
            Json::Map(section.keys.iter().map(property).collect()),
        ),
        ("additionalProperties", Json::Flag(false)),
    ];
    if !required.is_empty() {
        members.push(("required", Json::List(required)));
    }
    members
}

fn property(key: &'static Key, path: &str) -> Members {
    let mut members = value(&key.kind, path);
    // What the key is for says more than what such values are for.
    members.retain(|(name, _)| *name != "description");
    let mut description = joined(key.doc);
    if let Kind::Text(phrase) = key.kind {
        let _ = write!(description, " Takes {phrase}.");
    }
    members.insert(0, ("description", text(description)));
    members.insert(1, ("x-applies", text(Applies::of(path).name())));
    if let Need::Default(default) = key.need {
        members.push(("default", word(default)));
    }
    members
}

/// A default, in the words of the file.
fn word(word: &str) -> Json {
    match word {
        "true" => Json::Flag(true),
        "false" => Json::Flag(false),
        word => word.parse().map_or_else(|_| text(word), Json::Number),
    }
}

fn value(kind: &'static Kind, path: &str) -> Members {
    match kind {
        // Texts need no quotes, so that some look like numbers.
        Kind::Text(_) => vec![("type", Json::List(vec!["string".into(), "number".into()]))],
        Kind::Integer { min, max } => integer(*min, *max),
        Kind::Time { min, .. } => {
            let mut forms = vec![Json::Map(pattern("^[0-9]+(us|ms|s|m|h|d)$"))];
            if *min == 0 {
                forms.push(Json::Map(integer(0, 0)));
            }
            vec![("anyOf", Json::List(forms))]
        }
        Kind::Octets { min, max } => {
            let forms = [integer(*min, *max), pattern("^[0-9]+(KiB|MiB|GiB)$")];
            vec![("anyOf", Json::List(forms.map(Json::Map).into()))]
        }
        Kind::Flag => vec![("type", "boolean".into())],
        Kind::Choice(words) => {
            let words = words.iter().map(|&word| text(word));
            vec![("enum", Json::List(words.collect()))]
        }
        Kind::Either(a, b) => {
            let forms = [*a, *b].map(|kind| Json::Map(value(kind, path)));
            vec![("anyOf", Json::List(forms.into()))]
        }
        Kind::List(items) => vec![
            ("type", or_nothing("array")),
            ("items", Json::Map(value(items, &format!("{path}[]")))),
        ],
        Kind::Section(section) => object(section, or_nothing("object"), path),
        Kind::Options => vec![("type", or_nothing("object"))],
    }
}

/// A key with nothing behind it is an empty list or mapping.
fn or_nothing(name: &str) -> Json {
    Json::List(vec![name.into(), "null".into()])
}

fn integer(min: u64, max: u64) -> Members {
    vec![
        ("type", "integer".into()),
        ("minimum", Json::Number(min)),
        ("maximum", Json::Number(max)),
    ]
}

fn pattern(pattern: &str) -> Members {
    vec![("type", "string".into()), ("pattern", text(pattern))]
}

/// The lines of a comment as one.
fn joined(doc: &[&str]) -> String {
    let lines: Vec<_> = doc.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        write(&mut out, self, 0)?;
        f.write_str(&out)
    }
}

/// Lists of words stay on their line; all else has a line of its own.
fn write(out: &mut String, json: &Json, depth: usize) -> fmt::Result {
    let indent = "  ".repeat(depth + 1);
    match json {
        Json::Text(text) => quote(out, text),
        Json::Number(number) => write!(out, "{number}"),
        Json::Flag(flag) => write!(out, "{flag}"),
        Json::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                write(out, item, depth)?;
            }
            out.push(']');
            Ok(())
        }
        Json::Map(members) => {
            out.push('{');
            for (i, (name, value)) in members.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write!(out, "\n{indent}\"{name}\": ")?;
                write(out, value, depth + 1)?;
            }
            write!(out, "\n{}}}", "  ".repeat(depth))
        }
    }
}

fn quote(out: &mut String, text: &str) -> fmt::Result {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}
