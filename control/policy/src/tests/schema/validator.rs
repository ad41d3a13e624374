//! As much of JSON Schema as ours says, on the tree that our reader makes of YAML and JSON.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;

use crate::document::{Content, Document, NodeId, join};
use crate::yaml;

/// A schema; JSON is YAML.
pub(super) struct Validator {
    doc: Document,
    /// Patterns by their text.
    patterns: RefCell<HashMap<String, Regex>>,
}

/// A value, and its path.
#[derive(Clone, Copy)]
struct Value<'v> {
    doc: &'v Document,
    node: NodeId,
    path: &'v str,
}

impl Value<'_> {
    fn text(&self) -> Option<&str> {
        match self.doc.content(self.node) {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The types that it is of, as an editor takes it (YAML 1.2, core schema).
    fn types(&self) -> &'static [&'static str] {
        match self.doc.content(self.node) {
            Content::Null => &["null"],
            Content::List(_) => &["array"],
            Content::Map(_) => &["object"],
            Content::Refused => &[],
            Content::Scalar { text, plain: true } => match &**text {
                "true" | "false" => &["boolean"],
                text if text.parse::<i128>().is_ok() => &["integer", "number"],
                text if text.parse::<f64>().is_ok() => &["number"],
                _ => &["string"],
            },
            Content::Scalar { .. } => &["string"],
        }
    }

    fn is(&self, name: &str) -> bool {
        self.types().contains(&name)
    }

    fn number(&self) -> Option<f64> {
        self.text().filter(|_| self.is("number"))?.parse().ok()
    }
}

impl Validator {
    pub(super) fn of(schema: &str) -> Self {
        let (doc, noted) = yaml::read(schema.as_bytes()).unwrap();
        assert!(noted.list.is_empty());
        Self {
            doc,
            patterns: RefCell::default(),
        }
    }

    /// The paths at which `text` does not fit.
    pub(super) fn faults(&self, text: &str) -> Vec<String> {
        let (doc, _) = yaml::read(text.as_bytes()).unwrap();
        let value = Value {
            doc: &doc,
            node: NodeId::ROOT,
            path: "",
        };
        let mut faults = Vec::new();
        self.check(NodeId::ROOT, value, &mut faults);
        faults
    }

    fn fits(&self, schema: NodeId, value: Value<'_>) -> bool {
        let mut faults = Vec::new();
        self.check(schema, value, &mut faults);
        faults.is_empty()
    }

    fn check(&self, schema: NodeId, value: Value<'_>, faults: &mut Vec<String>) {
        let Content::Map(keywords) = self.doc.content(schema) else {
            panic!("a schema is an object")
        };
        for keyword in keywords {
            let fits = self.keyword(&keyword.key, keyword.value, schema, value, faults);
            if !fits {
                faults.push(value.path.to_owned());
            }
        }
    }

    /// Whether `value` itself fits the keyword; faults within it are added to `faults`.
    fn keyword(
        &self,
        name: &str,
        says: NodeId,
        schema: NodeId,
        value: Value<'_>,
        faults: &mut Vec<String>,
    ) -> bool {
        match name {
            "$schema"
            | "title"
            | "description"
            | "default"
            | "x-applies"
            | "then"
            | "patternErrorMessage"
            | "additionalProperties" => true,
            "not" => !self.fits(says, value),
            "anyOf" => self.any_of(says, value, faults),
            "allOf" => {
                let all = self.doc.items(says).iter();
                all.for_each(|&one| self.check(one, value, faults));
                true
            }
            "if" => {
                let then = self.doc.child(schema, "then");
                let then = then.filter(|_| self.fits(says, value));
                then.into_iter()
                    .for_each(|then| self.check(then, value, faults));
                true
            }
            "items" => {
                for (at, &node) in value.doc.items(value.node).iter().enumerate() {
                    let path = &format!("{}[{at}]", value.path);
                    self.check(
                        says,
                        Value {
                            node,
                            path,
                            ..value
                        },
                        faults,
                    );
                }
                true
            }
            "properties" => {
                self.properties(says, schema, value, faults);
                true
            }
            name => self.simple(name, says, value),
        }
    }

    /// Where a value is of no form, what is wrong within may be told in each of them.
    fn any_of(&self, says: NodeId, value: Value<'_>, faults: &mut Vec<String>) -> bool {
        let forms = self.doc.items(says);
        if forms.iter().any(|&form| self.fits(form, value)) {
            return true;
        }
        forms
            .iter()
            .for_each(|&form| self.check(form, value, faults));
        false
    }

    /// Whether `value` fits a keyword that looks no deeper.
    fn simple(&self, name: &str, says: NodeId, value: Value<'_>) -> bool {
        let text = value.text().filter(|_| value.is("string"));
        let length = text.map(|text| text.chars().count() as f64);
        match name {
            "type" => self.words(says).iter().any(|name| value.is(name)),
            "enum" | "const" => text.is_some_and(|text| self.words(says).contains(&text)),
            "pattern" => text.is_none_or(|text| self.matches(self.word(says), text)),
            "minLength" => length.is_none_or(|length| length >= self.number(says)),
            "maxLength" => length.is_none_or(|length| length <= self.number(says)),
            "minimum" => value.number().is_none_or(|n| n >= self.number(says)),
            "maximum" => value.number().is_none_or(|n| n <= self.number(says)),
            "minItems" => {
                let items = value.doc.items(value.node).len();
                !value.is("array") || items as f64 >= self.number(says)
            }
            "required" => {
                let has = |key: &&str| value.doc.child(value.node, key).is_some();
                !value.is("object") || self.words(says).iter().all(has)
            }
            other => panic!("unknown keyword {other}"),
        }
    }

    fn properties(
        &self,
        known: NodeId,
        schema: NodeId,
        value: Value<'_>,
        faults: &mut Vec<String>,
    ) {
        let Content::Map(entries) = value.doc.content(value.node) else {
            return;
        };
        let closed = self.doc.child(schema, "additionalProperties").is_some();
        for entry in entries {
            let path = join(value.path, &entry.key);
            match self.doc.child(known, &entry.key) {
                Some(property) => {
                    let node = entry.value;
                    self.check(
                        property,
                        Value {
                            node,
                            path: &path,
                            ..value
                        },
                        faults,
                    );
                }
                None if closed => faults.push(path),
                None => {}
            }
        }
    }

    fn matches(&self, pattern: &str, text: &str) -> bool {
        let mut patterns = self.patterns.borrow_mut();
        let compiled = patterns
            .entry(pattern.to_owned())
            .or_insert_with(|| Regex::new(pattern).unwrap());
        compiled.is_match(text)
    }

    fn number(&self, node: NodeId) -> f64 {
        self.word(node).parse().unwrap()
    }

    fn word(&self, node: NodeId) -> &str {
        match self.doc.content(node) {
            Content::Scalar { text, .. } => text,
            _ => panic!("a word is expected"),
        }
    }

    /// A word or a list of words.
    fn words(&self, node: NodeId) -> Vec<&str> {
        match self.doc.content(node) {
            Content::List(items) => items.iter().map(|&item| self.word(item)).collect(),
            _ => vec![self.word(node)],
        }
    }
}
