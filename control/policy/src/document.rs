//! A configuration as a tree in which every value knows its place and its path.

use core::fmt::Write;

use crate::files::FileError;
use crate::finding::{Finding, Place, Problem, Severity};
use crate::yaml::Noted;

/// Names a value of a [`Document`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(u32);

impl NodeId {
    /// The outermost value.
    pub(crate) const ROOT: Self = Self(0);

    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a value hangs from the one that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is the outermost.
    Root,
    /// By a key.
    Key(Box<str>),
    /// By its position in a list.
    Index(usize),
}

/// One key of a mapping.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Box<str>,
    pub(crate) place: Place,
    pub(crate) value: NodeId,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Nothing was written.
    Null,
    /// A text; `plain` when it has no quotes, so that it may be a number.
    Scalar { text: Box<str>, plain: bool },
    /// A list.
    List(Vec<NodeId>),
    /// Keys and values.
    Map(Vec<Entry>),
    /// Something that was refused already, so that nothing more is said of it.
    Refused,
}

#[derive(Debug)]
struct Node {
    place: Place,
    parent: NodeId,
    step: Step,
    content: Content,
}

/// The tree. Value 0 is the root.
#[derive(Debug)]
pub(crate) struct Document {
    nodes: Vec<Node>,
}

impl Document {
    /// A tree whose root is `content`.
    pub(crate) fn new(place: Place, content: Content) -> Self {
        let root = Node {
            place,
            parent: NodeId::ROOT,
            step: Step::Root,
            content,
        };
        Self { nodes: vec![root] }
    }

    /// Hangs a value below `parent`, which the caller also enters into the parent's content.
    pub(crate) fn push(
        &mut self,
        parent: NodeId,
        step: Step,
        place: Place,
        content: Content,
    ) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Node {
            place,
            parent,
            step,
            content,
        });
        id
    }

    /// Values in the tree.
    pub(crate) const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The value added as number `index`.
    #[cfg(test)]
    pub(crate) fn nth(&self, index: usize) -> NodeId {
        NodeId(u32::try_from(index).unwrap())
    }

    pub(crate) fn content(&self, node: NodeId) -> &Content {
        self.nodes
            .get(node.index())
            .map_or(&Content::Null, |n| &n.content)
    }

    pub(crate) fn content_mut(&mut self, node: NodeId) -> Option<&mut Content> {
        self.nodes.get_mut(node.index()).map(|n| &mut n.content)
    }

    pub(crate) fn place(&self, node: NodeId) -> Place {
        let start = Place { line: 1, column: 1 };
        self.nodes.get(node.index()).map_or(start, |n| n.place)
    }

    /// The keys of a mapping; none of any other value.
    pub(crate) fn entries(&self, node: NodeId) -> &[Entry] {
        match self.content(node) {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of `key` in a mapping.
    pub(crate) fn child(&self, node: NodeId, key: &str) -> Option<NodeId> {
        let entry = self.entries(node).iter().find(|entry| &*entry.key == key);
        entry.map(|entry| entry.value)
    }

    /// The items of a list; none of any other value.
    pub(crate) fn items(&self, node: NodeId) -> &[NodeId] {
        match self.content(node) {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// Whether the mapping at `node` says anything under `key`, be it right or wrong: what is
    /// wrong was noted and is not missing besides.
    pub(crate) fn gives(&self, node: NodeId, key: &str) -> bool {
        match self.child(node, key).map(|value| self.content(value)) {
            None | Some(Content::Null) => false,
            Some(Content::List(items)) => !items.is_empty(),
            Some(_) => true,
        }
    }

    /// Whether some of what is at `node` was refused. Depth is bounded by what the reader takes.
    pub(crate) fn has_refused(&self, node: NodeId) -> bool {
        match self.content(node) {
            Content::Refused => true,
            Content::List(items) => items.iter().any(|&item| self.has_refused(item)),
            Content::Map(entries) => entries.iter().any(|entry| self.has_refused(entry.value)),
            Content::Null | Content::Scalar { .. } => false,
        }
    }

    /// Whether the list at `node`, an item of it or an item's name was refused.
    pub(crate) fn is_patchy(&self, node: NodeId) -> bool {
        let refused = |node: NodeId| matches!(self.content(node), Content::Refused);
        let unnamed = |item: NodeId| self.child(item, "name").is_some_and(refused);
        refused(node)
            || self
                .items(node)
                .iter()
                .any(|&item| refused(item) || unnamed(item))
    }

    /// The path of a value, such as `applications[0].listeners[1].port`.
    pub(crate) fn path(&self, node: NodeId) -> String {
        let mut steps = Vec::new();
        let mut at = node;
        while let Some(Node { parent, step, .. }) = self.nodes.get(at.index()) {
            if matches!(step, Step::Root) {
                break;
            }
            steps.push(step);
            at = *parent;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => {}
                Step::Key(key) => path = join(&path, key),
                // Writing to a string cannot fail.
                Step::Index(index) => drop(write!(path, "[{index}]")),
            }
        }
        path
    }
}

/// The path of `key` below `path`.
pub(crate) fn join(path: &str, key: &str) -> String {
    let key: String = key.chars().take(KEY_CHARS_SHOWN).collect();
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// Characters of a key that a path repeats.
const KEY_CHARS_SHOWN: usize = 64;

/// Findings of each severity that are told; nobody reads more to the end.
pub(crate) const FINDINGS_MAX: usize = 500;

/// Collects findings about one document.
#[derive(Debug)]
pub(crate) struct Findings<'d> {
    pub(crate) doc: &'d Document,
    list: Vec<Finding>,
    errors: usize,
    warnings: usize,
}

impl<'d> Findings<'d> {
    pub(crate) const fn new(doc: &'d Document) -> Self {
        Self {
            doc,
            list: Vec::new(),
            errors: 0,
            warnings: 0,
        }
    }

    /// Notes an error at a value.
    pub(crate) fn error(
        &mut self,
        node: NodeId,
        problem: Problem,
        message: impl Into<String>,
    ) -> Fix<'_> {
        self.note(Severity::Error, node, problem, message.into())
    }

    /// Notes a warning at a value.
    pub(crate) fn warning(
        &mut self,
        node: NodeId,
        problem: Problem,
        message: impl Into<String>,
    ) -> Fix<'_> {
        self.note(Severity::Warning, node, problem, message.into())
    }

    /// Notes that the file (or other place) that `shown` names cannot be read: a warning where
    /// that says nothing about control.
    pub(crate) fn unread(&mut self, node: NodeId, shown: &str, error: FileError) {
        let severity = if error.is_open() {
            Severity::Warning
        } else {
            Severity::Error
        };
        self.note(severity, node, Problem::File, format!("{shown}: {error}"));
    }

    /// Notes an error at a key of `parent`, whether the key is there or not.
    pub(crate) fn error_at_key(
        &mut self,
        parent: NodeId,
        key: &str,
        place: Place,
        problem: Problem,
        message: impl Into<String>,
    ) -> Fix<'_> {
        let path = join(&self.doc.path(parent), key);
        self.push(Finding {
            severity: Severity::Error,
            problem,
            place,
            path,
            message: message.into(),
            fix: None,
        })
    }

    /// Whether an error was noted.
    pub(crate) const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Errors that were noted.
    pub(crate) const fn errors(&self) -> usize {
        self.errors
    }

    /// Whether further errors would not be kept, so that nothing need be worked out for them.
    pub(crate) const fn is_full(&self) -> bool {
        self.errors >= FINDINGS_MAX
    }

    /// Counts an error that would not be kept.
    pub(crate) const fn count_error(&mut self) {
        self.errors += 1;
    }

    /// Takes over what was noted while reading.
    pub(crate) fn extend(&mut self, noted: Noted) {
        for finding in noted.list {
            self.push(finding);
        }
        self.errors += noted.more;
    }

    /// Everything noted, in the order of the text, and at its end how much more there is.
    pub(crate) fn into_sorted(mut self) -> Vec<Finding> {
        self.list
            .sort_by_key(|finding| (finding.place, finding.severity));
        let last = self.list.last().map(|finding| finding.place);
        for (severity, count) in [
            (Severity::Error, self.errors),
            (Severity::Warning, self.warnings),
        ] {
            let more = count.saturating_sub(FINDINGS_MAX);
            if let (Some(place), 1..) = (last, more) {
                self.list.push(and_more(place, severity, more));
            }
        }
        self.list
    }

    fn note(
        &mut self,
        severity: Severity,
        node: NodeId,
        problem: Problem,
        message: String,
    ) -> Fix<'_> {
        let finding = Finding {
            severity,
            problem,
            place: self.doc.place(node),
            path: self.doc.path(node),
            message,
            fix: None,
        };
        self.push(finding)
    }

    /// Takes a finding over.
    pub(crate) fn push(&mut self, finding: Finding) -> Fix<'_> {
        let count = match finding.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count > FINDINGS_MAX {
            return Fix(None);
        }
        self.list.push(finding);
        Fix(self.list.last_mut())
    }
}

/// The finding that stands for `more` that are not told.
fn and_more(place: Place, severity: Severity, more: usize) -> Finding {
    let what = severity.name();
    let s = if more == 1 { "" } else { "s" };
    Finding {
        severity,
        problem: Problem::More,
        place,
        path: String::new(),
        message: format!("and {more} more {what}{s}, not shown"),
        fix: None,
    }
}

/// A finding that may still be given its fix.
#[derive(Debug)]
pub(crate) struct Fix<'f>(Option<&'f mut Finding>);

impl Fix<'_> {
    /// Says what would mend it.
    pub(crate) fn fix(self, fix: impl Into<String>) {
        if let Some(finding) = self.0 {
            finding.fix = Some(fix.into());
        }
    }

    /// The same where it may not be known.
    pub(crate) fn fix_if(self, fix: Option<String>) {
        if let Some(finding) = self.0 {
            finding.fix = fix;
        }
    }
}
