//! Mappings with known keys: one declaration gives the type, its reader, and its reference.

use core::ops::Deref;

use crate::document::{Content, Entry, Findings, NodeId};
use crate::finding::{Problem, nearest};
use crate::form::Form;
use crate::value::{show_octets, show_time};

/// What a key takes; the reference page, the JSON Schema and messages say the same of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A text that reads as what the phrase names.
    Text(&'static str, fn() -> Form),
    /// An integer in a range, both ends included.
    Integer {
        /// Least.
        min: u64,
        /// Most.
        max: u64,
    },
    /// A length of time, written like `20s`, in a range of units.
    Time {
        /// Microseconds of a unit.
        unit_us: u64,
        /// Least.
        min: u64,
        /// Most.
        max: u64,
    },
    /// A number of octets, written like `4096` or `512MiB`, in a range.
    Octets {
        /// Least.
        min: u64,
        /// Most.
        max: u64,
    },
    /// `true` or `false`.
    Flag,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// One of a few words, which may be spelt otherwise too.
    Spelt(&'static [&'static str], fn() -> Form),
    /// Either of two.
    Either(&'static Self, &'static Self),
    /// A list of values of one kind.
    List(&'static Self),
    /// A list of at least one.
    Several(&'static Self),
    /// A mapping with known keys.
    Section(&'static Section),
    /// The options of an application, which only the application knows.
    Options,
}

/// A mapping with known keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    /// What it is for, line by line.
    pub(crate) doc: &'static [&'static str],
    /// Its keys.
    pub(crate) keys: &'static [Key],
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is for, line by line.
    pub(crate) doc: &'static [&'static str],
    /// What it takes.
    pub(crate) kind: Kind,
    /// Whether it must be there.
    pub(crate) need: Need,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It must.
    Required,
    /// It may be left out.
    Optional,
    /// Left out, an empty list or the defaults of a section are meant.
    Nested,
    /// Left out, this is meant.
    Default(&'static str),
}

impl Kind {
    /// What is expected, for messages.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Text(phrase, _) => (*phrase).into(),
            Self::Integer { min, max } => format!("an integer from {min} to {max}"),
            Self::Time { unit_us, min, max } => format!(
                "a time from {} to {}, such as 20s",
                show_time(*min, *unit_us),
                show_time(*max, *unit_us)
            ),
            Self::Octets { min, max } => format!(
                "a number of octets from {} to {}",
                show_octets(*min),
                show_octets(*max)
            ),
            Self::Flag => "true or false".into(),
            Self::Choice([word]) => (*word).into(),
            Self::Choice(words) | Self::Spelt(words, _) => format!("one of {}", words.join(", ")),
            Self::Either(a, b) => format!("{} or {}", a.expected(), b.expected()),
            Self::List(_) => "a list".into(),
            Self::Several(_) => "a list of at least one".into(),
            Self::Section(_) | Self::Options => "a mapping".into(),
        }
    }
}

/// A value with the place that it was written at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    /// The value's own node or, where a default stands in, the section's.
    pub(crate) node: NodeId,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// What a key may take.
pub(crate) trait Value: Sized {
    const KIND: Kind;

    /// Reads the value, noting what is wrong with it; `None` when it cannot be used.
    fn read(node: NodeId, findings: &mut Findings<'_>) -> Option<Self>;
}

/// Values that stand for themselves when nothing is written: lists and sections.
pub(crate) trait Nested: Value {
    /// The value of a key that is not there, in the section at `parent`.
    fn absent(parent: NodeId, findings: &mut Findings<'_>) -> Self;
}

/// A list of values.
#[derive(Clone, Debug)]
pub(crate) struct List<T>(Vec<At<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [At<T>];

    fn deref(&self) -> &[At<T>] {
        &self.0
    }
}

impl<T: Value> Value for List<T> {
    const KIND: Kind = Kind::List(&T::KIND);

    fn read(node: NodeId, findings: &mut Findings<'_>) -> Option<Self> {
        match findings.doc.content(node) {
            Content::Null => Some(Self::default()),
            Content::List(items) => Some(Self(
                items
                    .iter()
                    .filter_map(|&node| T::read(node, findings).map(|value| At { value, node }))
                    .collect(),
            )),
            Content::Scalar { text, .. } => {
                let message = format!("expected a list, found {}", found(findings, node));
                let one_word =
                    !matches!(T::KIND, Kind::Section(_)) && text.len() <= SHOWN_OCTETS_MAX;
                let fix = one_word.then(|| format!("write [{text}]"));
                findings
                    .error(node, Problem::WrongType, message)
                    .fix_if(fix);
                None
            }
            Content::Map(_) | Content::Refused => wrong_type(findings, node, &Self::KIND),
        }
    }
}

impl<T: Value> Nested for List<T> {
    fn absent(_: NodeId, _: &mut Findings<'_>) -> Self {
        Self::default()
    }
}

/// A list of at least one value.
#[derive(Clone, Debug)]
pub(crate) struct Several<T>(List<T>);

impl<T> Deref for Several<T> {
    type Target = List<T>;

    fn deref(&self) -> &List<T> {
        &self.0
    }
}

impl<T: Value> Value for Several<T> {
    const KIND: Kind = Kind::Several(&T::KIND);

    fn read(node: NodeId, findings: &mut Findings<'_>) -> Option<Self> {
        let list = List::read(node, findings)?;
        if findings.doc.items(node).is_empty() {
            let message = "expected a list of at least one, found none";
            findings.error(node, Problem::MissingKey, message);
            return None;
        }
        Some(Self(list))
    }
}

/// Texts longer than this are not repeated in messages.
pub(crate) const SHOWN_OCTETS_MAX: usize = 60;

/// What stands at `node`, for messages.
pub(crate) fn found(findings: &Findings<'_>, node: NodeId) -> String {
    match findings.doc.content(node) {
        Content::Null => "nothing".into(),
        Content::Scalar { text, .. } => quoted(text),
        Content::List(_) => "a list".into(),
        Content::Map(_) => "a mapping".into(),
        Content::Refused => "an alias".into(),
    }
}

/// A text for messages: in quotes, and cut when it is long.
pub(crate) fn quoted(text: &str) -> String {
    if text.len() <= SHOWN_OCTETS_MAX {
        return format!("'{}'", text.escape_debug());
    }
    let start: String = text.chars().take(SHOWN_OCTETS_MAX / 2).collect();
    format!("'{}…'", start.escape_debug())
}

/// Notes a value of another kind, unless it was refused already.
pub(crate) fn wrong_type<T>(findings: &mut Findings<'_>, node: NodeId, kind: &Kind) -> Option<T> {
    if matches!(findings.doc.content(node), Content::Refused) {
        return None;
    }
    let message = format!(
        "expected {}, found {}",
        kind.expected(),
        found(findings, node)
    );
    findings.error(node, Problem::WrongType, message);
    None
}

/// The keys of the mapping at `node`; `None` (and a finding) when it is no mapping.
pub(crate) fn entries<'d>(
    findings: &mut Findings<'d>,
    node: NodeId,
    section: &'static Section,
) -> Option<&'d [Entry]> {
    match findings.doc.content(node) {
        Content::Null => Some(&[]),
        Content::Map(entries) => {
            refuse_unknown(findings, node, entries, section.keys);
            Some(entries)
        }
        _ => wrong_type(findings, node, &Kind::Section(section)),
    }
}

fn refuse_unknown(findings: &mut Findings<'_>, node: NodeId, entries: &[Entry], keys: &[Key]) {
    for Entry { key, place, .. } in entries {
        if keys.iter().any(|k| k.name == &**key) {
            continue;
        }
        if findings.is_full() {
            findings.count_error();
            continue;
        }
        let names = || keys.iter().map(|k| k.name);
        let expected: Vec<_> = names().collect();
        let message = format!("unknown key, expected one of {}", expected.join(", "));
        let fix = nearest(key, names()).map(|name| format!("write '{name}'"));
        findings
            .error_at_key(node, key, *place, Problem::UnknownKey, message)
            .fix_if(fix);
    }
}

/// The value of `key`, read; `None` when it is missing, or wrong and noted.
pub(crate) fn read_key<T: Value>(
    findings: &mut Findings<'_>,
    entries: &[Entry],
    key: &str,
) -> Option<At<T>> {
    let entry = entries.iter().find(|entry| &*entry.key == key)?;
    let node = entry.value;
    T::read(node, findings).map(|value| At { value, node })
}

/// The same for a key that must be there.
pub(crate) fn require_key<T: Value>(
    findings: &mut Findings<'_>,
    section: NodeId,
    entries: &[Entry],
    key: &str,
) -> Option<At<T>> {
    if entries.iter().any(|entry| &*entry.key == key) {
        return read_key(findings, entries, key);
    }
    let message = format!("missing, expected {}", T::KIND.expected());
    let place = findings.doc.place(section);
    findings.error_at_key(section, key, place, Problem::MissingKey, message);
    None
}

/// Declares a mapping: its type, how it is read, and what the reference says of it.
///
/// After a key's type stands what becomes of it when it is left out: `required`, `optional`,
/// `= "text"` (the default, in the words of the file), or `nested` (an empty list or section).
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        $name:ident {
            $( $(#[doc = $key_doc:literal])* $key:ident: $ty:ty, $mode:ident $(= $default:literal)?; )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub(crate) struct $name {
            $( $(#[doc = $key_doc])* pub(crate) $key: section!(@type $mode $ty), )*
        }

        impl $name {
            /// The reference of this mapping.
            pub(crate) const SECTION: &'static $crate::section::Section =
                &$crate::section::Section {
                    doc: &[$($doc),*],
                    keys: &[$( $crate::section::Key {
                        name: stringify!($key),
                        doc: &[$($key_doc),*],
                        kind: <$ty as $crate::section::Value>::KIND,
                        need: section!(@need $mode $($default)?),
                    } ),*],
                };

            fn read_keys(
                _node: $crate::document::NodeId,
                entries: &[$crate::document::Entry],
                findings: &mut $crate::document::Findings<'_>,
            ) -> Self {
                Self {
                    $( $key: section!(
                        @read $mode $ty, findings, _node, entries, stringify!($key) $(, $default)?
                    ), )*
                }
            }
        }

        impl $crate::section::Value for $name {
            const KIND: $crate::section::Kind = $crate::section::Kind::Section(Self::SECTION);

            fn read(
                node: $crate::document::NodeId,
                findings: &mut $crate::document::Findings<'_>,
            ) -> Option<Self> {
                let entries = $crate::section::entries(findings, node, Self::SECTION)?;
                Some(Self::read_keys(node, entries, findings))
            }
        }

        impl $crate::section::Nested for $name {
            fn absent(
                parent: $crate::document::NodeId,
                findings: &mut $crate::document::Findings<'_>,
            ) -> Self {
                Self::read_keys(parent, &[], findings)
            }
        }
    };
    (@type required $ty:ty) => { Option<$crate::section::At<$ty>> };
    (@type optional $ty:ty) => { Option<$crate::section::At<$ty>> };
    (@type default $ty:ty) => { $crate::section::At<$ty> };
    (@type nested $ty:ty) => { $crate::section::At<$ty> };
    (@need required) => { $crate::section::Need::Required };
    (@need optional) => { $crate::section::Need::Optional };
    (@need nested) => { $crate::section::Need::Nested };
    (@need default $default:literal) => { $crate::section::Need::Default($default) };
    (@read required $ty:ty, $findings:ident, $node:ident, $entries:ident, $key:expr) => {
        $crate::section::require_key::<$ty>($findings, $node, $entries, $key)
    };
    (@read optional $ty:ty, $findings:ident, $node:ident, $entries:ident, $key:expr) => {
        $crate::section::read_key::<$ty>($findings, $entries, $key)
    };
    (@read nested $ty:ty, $findings:ident, $node:ident, $entries:ident, $key:expr) => {
        match $crate::section::read_key::<$ty>($findings, $entries, $key) {
            Some(value) => value,
            None => $crate::section::At {
                value: <$ty as $crate::section::Nested>::absent($node, $findings),
                node: $findings.doc.child($node, $key).unwrap_or($node),
            },
        }
    };
    (
        @read default $ty:ty, $findings:ident, $node:ident, $entries:ident, $key:expr,
        $default:literal
    ) => {
        match $crate::section::read_key::<$ty>($findings, $entries, $key) {
            Some(value) => value,
            None => $crate::section::At {
                value: $crate::value::default_of::<$ty>($default),
                node: $node,
            },
        }
    };
}

pub(crate) use section;
