//! The JSON Schema (draft 2020-12) of the configuration, written from the declarations that the
//! reader uses, so that editors complete and check it.
//!
//! It says what each key takes by itself, and by `x-applies` whether a change holds at once
//! (`live`) or after the data plane's next start (`restart`). What an application's options are depends on
//! its `kind`. Whether values fit each other, only `ucproxy check` knows.

use core::fmt::{self, Write};

use crate::form::Form;
use crate::options::{APPLICATIONS, OptionSet};
use crate::raw::{Applies, RawPolicy};
use crate::reference::join;
use crate::section::{Key, Kind, Need, Section};
use crate::value::{octets_form, time_form};

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
    top.extend(object(RawPolicy::SECTION, ""));
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

fn object(section: &'static Section, path: &str) -> Members {
    let property = |key: &'static Key| (key.name, Json::Map(property(key, &join(path, key.name))));
    let required = section.keys.iter().filter(|k| k.need == Need::Required);
    let required: Vec<_> = required.map(|key| text(key.name)).collect();
    let types = if required.is_empty() && !path.is_empty() {
        or_nothing("object")
    } else {
        "object".into()
    };
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
    let options = section
        .keys
        .iter()
        .find(|k| matches!(k.kind, Kind::Options));
    if let Some(key) = options {
        let path = join(path, key.name);
        let cases = APPLICATIONS.iter().map(|app| options_of(app, key, &path));
        members.push(("allOf", Json::List(cases.collect())));
    }
    members
}

/// What the options are where the application is `app`.
fn options_of(app: &'static OptionSet, key: &'static Key, path: &str) -> Json {
    let mut options = object(app.section, path);
    options.retain(|(name, _)| *name != "type");
    options.insert(1, ("type", "object".into()));
    let one = |name, value| Json::Map(vec![(name, Json::Map(value))]);
    let kind = one("kind", vec![("const", text(app.name))]);
    let case = vec![
        ("properties", kind),
        ("required", Json::List(vec!["kind".into()])),
    ];
    Json::Map(vec![
        ("if", Json::Map(case)),
        (
            "then",
            one("properties", vec![(key.name, Json::Map(options))]),
        ),
    ])
}

fn property(key: &'static Key, path: &str) -> Members {
    let mut members = value(&key.kind, path);
    // What the key is for says more than what such values are for.
    members.retain(|(name, _)| *name != "description");
    let mut description = joined(key.doc);
    if let Some(takes) = takes(&key.kind) {
        let _ = write!(description, " Takes {takes}.");
    }
    members.insert(0, ("description", text(description)));
    members.insert(1, ("x-applies", text(Applies::of(path).name())));
    if let Need::Default(default) = key.need {
        members.push(("default", default_of(&key.kind, default)));
    }
    members
}

/// What a value says in words that the schema says in patterns.
fn takes(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Text(..) | Kind::Time { .. } | Kind::Octets { .. } => Some(kind.expected()),
        Kind::List(items) | Kind::Several(items) => {
            takes(items).map(|item| format!("a list, each {item}"))
        }
        _ => None,
    }
}

/// A default, in the words of the file.
fn default_of(kind: &Kind, words: &str) -> Json {
    match kind {
        Kind::List(_) | Kind::Several(_) => Json::List(words.split(", ").map(word).collect()),
        _ => word(words),
    }
}

fn word(word: &str) -> Json {
    match word {
        "true" => Json::Flag(true),
        "false" => Json::Flag(false),
        word => word.parse().map_or_else(|_| text(word), Json::Number),
    }
}

fn value(kind: &'static Kind, path: &str) -> Members {
    match kind {
        Kind::Text(phrase, form) => formed(&form(), phrase),
        Kind::Integer { min, max } => integer(*min, *max),
        Kind::Time { unit_us, min, max } => {
            let form = Form {
                bare: if *min == 0 { &["integer"] } else { &[] },
                range: (Some(0), Some(0)),
                ..Form::of(&time_form(*unit_us, *min, *max))
            };
            formed(&form, &kind.expected())
        }
        Kind::Octets { min, max } => {
            let form = Form {
                bare: &["integer"],
                range: (Some(*min), Some(*max)),
                ..Form::of(&octets_form(*min, *max))
            };
            formed(&form, &kind.expected())
        }
        Kind::Flag => vec![("type", "boolean".into())],
        Kind::Choice(words) => one_of(words),
        Kind::Spelt(words, form) => {
            let forms = [one_of(words), formed(&form(), &kind.expected())];
            vec![("anyOf", Json::List(forms.map(Json::Map).into()))]
        }
        Kind::Either(a, b) => {
            let forms = [*a, *b].map(|kind| Json::Map(value(kind, path)));
            vec![("anyOf", Json::List(forms.into()))]
        }
        Kind::List(items) => vec![
            ("type", or_nothing("array")),
            ("items", Json::Map(value(items, &format!("{path}[]")))),
        ],
        Kind::Several(items) => vec![
            ("type", "array".into()),
            ("items", Json::Map(value(items, &format!("{path}[]")))),
            ("minItems", Json::Number(1)),
        ],
        Kind::Section(section) => object(section, path),
        Kind::Options => vec![("type", "object".into())],
    }
}

/// A key with nothing behind it is an empty list or mapping.
fn or_nothing(name: &str) -> Json {
    Json::List(vec![name.into(), "null".into()])
}

fn one_of(words: &[&'static str]) -> Members {
    let words = words.iter().map(|&word| text(word));
    vec![("enum", Json::List(words.collect()))]
}

fn integer(min: u64, max: u64) -> Members {
    vec![
        ("type", "integer".into()),
        ("minimum", Json::Number(min)),
        ("maximum", Json::Number(max)),
    ]
}

/// A word of a form; editors say `phrase` where one does not match.
fn formed(form: &Form, phrase: &str) -> Members {
    if let Some(other) = &form.or {
        let this = Form {
            or: None,
            ..form.clone()
        };
        let forms = [&this, &**other].map(|form| Json::Map(formed(form, phrase)));
        return vec![("anyOf", Json::List(forms.into()))];
    }
    let bare = form.bare.iter().map(|&name| text(name));
    let types = match form.bare {
        [] => "string".into(),
        _ => Json::List([text("string")].into_iter().chain(bare).collect()),
    };
    let mut members = vec![("type", types), ("minLength", Json::Number(1))];
    if let Some(longest) = form.longest {
        members.push(("maxLength", Json::Number(longest as u64)));
    }
    if !form.pattern.is_empty() {
        members.push(("pattern", text(form.pattern.as_str())));
        members.push(("patternErrorMessage", text(format!("expected {phrase}"))));
    }
    if let Some(except) = form.except {
        let not = vec![("type", "string".into()), ("pattern", text(except))];
        members.push(("not", Json::Map(not)));
    }
    if !form.bare.is_empty() {
        let (min, max) = form.range;
        members.extend(min.map(|min| ("minimum", Json::Number(min))));
        members.extend(max.map(|max| ("maximum", Json::Number(max))));
    }
    members
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
