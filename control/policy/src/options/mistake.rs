//! What serde does not like, kept in parts until it is told in our words.

use core::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::document::{Findings, NodeId};
use crate::finding::{Problem, nearest};
use crate::section::found;

/// A mistake, and where it is as far as that is known.
#[derive(Clone, Debug)]
pub(super) struct Mistake {
    at: Option<NodeId>,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// A key that means nothing; those that do.
    UnknownKey(&'static [&'static str]),
    /// A key that must be there.
    MissingKey(&'static str),
    /// A value of another kind; the kind that was expected.
    WrongType(String),
    /// None of these words.
    UnknownWord(&'static [&'static str]),
    /// Something else, in serde's words.
    Other(String),
}

impl Mistake {
    /// Says where it is, unless that is known more closely.
    pub(super) fn at(mut self, node: NodeId) -> Self {
        self.at.get_or_insert(node);
        self
    }

    /// Tells it; `options` is where it is when nothing closer is known.
    pub(super) fn tell(self, findings: &mut Findings<'_>, options: NodeId) {
        let node = self.at.unwrap_or(options);
        let found = found(findings, node);
        match self.what {
            What::UnknownKey(known) => {
                let (key, place) = findings.doc.key_of(node);
                let message = format!("unknown key, expected one of {}", known.join(", "));
                let fix = nearest(key, known.iter().copied()).map(|k| format!("write '{k}'"));
                let parent = findings.doc.parent(node);
                findings
                    .error_at_key(parent, key, place, Problem::UnknownKey, message)
                    .fix_if(fix);
            }
            What::MissingKey(key) => {
                let place = findings.doc.place(node);
                let problem = Problem::MissingKey;
                findings.error_at_key(node, key, place, problem, "missing");
            }
            What::WrongType(expected) => {
                let message = format!("expected {expected}, found {found}");
                findings.error(node, Problem::WrongType, message);
            }
            What::UnknownWord(words) => {
                let message = format!("expected one of {}, found {found}", words.join(", "));
                let word = found.trim_matches('\'');
                let fix = nearest(word, words.iter().copied()).map(|w| format!("write {w}"));
                findings.error(node, Problem::BadValue, message).fix_if(fix);
            }
            What::Other(message) => {
                findings.error(node, Problem::BadValue, message);
            }
        }
    }
}

impl From<What> for Mistake {
    fn from(what: What) -> Self {
        Self { at: None, what }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        What::Other(message.to_string()).into()
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        What::WrongType(expected.to_string()).into()
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        What::WrongType(expected.to_string()).into()
    }

    fn unknown_variant(_: &str, words: &'static [&'static str]) -> Self {
        What::UnknownWord(words).into()
    }

    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        What::UnknownKey(known).into()
    }

    fn missing_field(key: &'static str) -> Self {
        What::MissingKey(key).into()
    }
}
