//! From text to [`Document`]: one YAML document, bounded in size and depth.
//!
//! Deliberately absent: anchors and aliases (nothing can grow beyond the text), tags, merge keys,
//! keys that are no plain text and further documents. Each is noted, and the rest is read.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::document::{Content, Document, Entry, FINDINGS_MAX, NodeId, Step, join};
use crate::finding::{Finding, Place, Problem, Severity};

/// Longest text, in octets.
const TEXT_OCTETS_MAX: usize = 8 << 20;
/// Deepest nesting.
const DEPTH_MAX: usize = 32;
/// Most values.
const VALUES_MAX: usize = 500_000;

/// Mistakes that do not keep a document from being read.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// The first of them.
    pub(crate) list: Vec<Finding>,
    /// How many more there are.
    pub(crate) more: usize,
}

impl Noted {
    fn push(&mut self, finding: impl FnOnce() -> Finding) {
        if self.list.len() < FINDINGS_MAX {
            self.list.push(finding());
        } else {
            self.more += 1;
        }
    }
}

/// A text that is no document.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// What made it impossible to go on.
    pub(crate) fatal: Finding,
    /// What was noted before that.
    pub(crate) noted: Noted,
}

impl From<Finding> for Unreadable {
    fn from(fatal: Finding) -> Self {
        let noted = Noted::default();
        Self { fatal, noted }
    }
}

/// Reads one document, with the mistakes that did not keep it from being read.
///
/// # Errors
/// See [`Unreadable`].
pub(crate) fn read(octets: &[u8]) -> Result<(Document, Noted), Unreadable> {
    if octets.len() > TEXT_OCTETS_MAX {
        let message = format!(
            "text of {} octets, expected at most {TEXT_OCTETS_MAX}",
            octets.len()
        );
        return Err(fatal(START, Problem::TooLarge, message).into());
    }
    let text = decode(octets)?;
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let taken = event
            .map_err(|e| syntax(place(e.marker()), e.info()))
            .and_then(|(event, span)| builder.take(event, span));
        if let Err(fatal) = taken {
            let noted = builder.noted;
            return Err(Unreadable { fatal, noted });
        }
        if builder.documents > 1 {
            break;
        }
    }
    Ok(builder.finish())
}

const START: Place = Place { line: 1, column: 1 };

fn decode(octets: &[u8]) -> Result<&str, Finding> {
    let wide = matches!(
        octets,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..]
    );
    if wide {
        let message = "text looks like UTF-16 or UTF-32, expected UTF-8";
        return Err(fatal(START, Problem::Encoding, message));
    }
    let text = core::str::from_utf8(octets).map_err(|e| {
        let before = octets.get(..e.valid_up_to()).unwrap_or(&[]);
        let before = String::from_utf8_lossy(before);
        let message = "octet that is not UTF-8, expected UTF-8 throughout";
        fatal(place_after(&before), Problem::Encoding, message)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let odd = |c: &char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if let Some((at, c)) = text.char_indices().find(|(_, c)| odd(c)) {
        let message = format!("control character U+{:04X} in the text", u32::from(c));
        let before = text.get(..at).unwrap_or("");
        return Err(fatal(place_after(before), Problem::Encoding, message));
    }
    Ok(text)
}

fn place_after(text: &str) -> Place {
    let line = 1 + text.matches('\n').count();
    let column = 1 + text.rsplit('\n').next().map_or(0, |l| l.chars().count());
    Place {
        line: clamp(line),
        column: clamp(column),
    }
}

fn clamp(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The parser counts lines from one and columns from zero.
fn place(marker: &Marker) -> Place {
    Place {
        line: clamp(marker.line().max(1)),
        column: clamp(marker.col() + 1),
    }
}

fn fatal(place: Place, problem: Problem, message: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Error,
        problem,
        place,
        path: String::new(),
        message: message.into(),
        fix: None,
    }
}

fn syntax(place: Place, what: &str) -> Finding {
    fatal(place, Problem::Syntax, format!("not YAML: {what}"))
}

/// A list or mapping that is still open.
#[derive(Debug)]
struct Open {
    node: NodeId,
    /// `None` in a list; in a mapping, the keys seen with their lines.
    keys: Option<HashMap<Box<str>, u32>>,
    /// In a mapping, the key whose value comes next.
    key: Option<Key>,
    /// It stands where a key should, so that the value after it hangs from nothing.
    is_key: bool,
}

impl Open {
    /// Whether a key comes next.
    const fn wants_key(&self) -> bool {
        self.keys.is_some() && self.key.is_none()
    }
}

#[derive(Debug)]
struct Key {
    text: Box<str>,
    place: Place,
    /// The key was there before, or is none; its value is read and dropped.
    dropped: bool,
}

impl Key {
    /// What stands for a key that is none.
    fn none(place: Place) -> Self {
        Self {
            text: Box::default(),
            place,
            dropped: true,
        }
    }
}

/// Builds the tree from events without recursion.
#[derive(Debug, Default)]
struct Builder {
    doc: Option<Document>,
    open: Vec<Open>,
    documents: usize,
    noted: Noted,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Finding> {
        let place = place(&span.start);
        match event {
            Event::DocumentStart(_) => {
                self.start_document(place);
                Ok(())
            }
            Event::Alias(_) => self.alias(place),
            Event::Scalar(text, style, _, tag) => {
                self.refuse_tag(tag.is_some(), place);
                self.scalar(&text, style, place)
            }
            Event::SequenceStart(_, tag) => {
                self.refuse_tag(tag.is_some(), place);
                self.begin(Content::List(Vec::new()), None, place)
            }
            Event::MappingStart(_, tag) => {
                self.refuse_tag(tag.is_some(), place);
                self.begin(Content::Map(Vec::new()), Some(HashMap::new()), place)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.end(place);
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn finish(self) -> (Document, Noted) {
        let empty = || Document::new(START, Content::Null);
        (self.doc.unwrap_or_else(empty), self.noted)
    }

    fn start_document(&mut self, place: Place) {
        self.documents += 1;
        if self.documents > 1 {
            let message = "a second document begins, only the first is looked at";
            self.refuse(place, message, "keep one document in the file");
        }
    }

    /// Notes a part of YAML that is not supported, where the next value hangs.
    fn refuse(&mut self, place: Place, message: &str, fix: &str) {
        let (doc, open) = (self.doc.as_ref(), self.open.last());
        self.noted.push(|| Finding {
            fix: Some(fix.into()),
            path: doc.zip(open).map_or_else(String::new, next_path),
            ..fatal(place, Problem::Syntax, message)
        });
    }

    fn refuse_tag(&mut self, tagged: bool, place: Place) {
        if tagged {
            self.refuse(place, "tags are not supported", "leave the tag out");
        }
    }

    /// Nothing is known of what an alias stands for, so nothing more is said of it.
    fn alias(&mut self, place: Place) -> Result<(), Finding> {
        self.refuse(place, "aliases are not supported", "write it out");
        if let Some(open) = self.open.last_mut().filter(|open| open.wants_key()) {
            open.key = Some(Key::none(place));
            return Ok(());
        }
        self.add(Content::Refused, place).map(drop)
    }

    fn end(&mut self, place: Place) {
        let ended = self.open.pop();
        if let (Some(true), Some(open)) = (ended.map(|ended| ended.is_key), self.open.last_mut()) {
            open.key = Some(Key::none(place));
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, place: Place) -> Result<(), Finding> {
        let plain = style == ScalarStyle::Plain;
        if let Some(Open {
            node,
            keys: Some(keys),
            key: key @ None,
            ..
        }) = self.open.last_mut()
        {
            let first = keys.get(text).copied();
            if let Some(line) = first {
                let (doc, node) = (self.doc.as_ref(), *node);
                self.noted.push(|| {
                    let message = format!("key was already given on line {line}");
                    let parent = doc.map(|doc| doc.path(node)).unwrap_or_default();
                    Finding {
                        path: join(&parent, text),
                        ..fatal(place, Problem::DuplicateKey, message)
                    }
                });
            } else {
                keys.insert(text.into(), place.line);
            }
            *key = Some(Key {
                text: text.into(),
                place,
                dropped: first.is_some(),
            });
            return Ok(());
        }
        let content = if plain && matches!(text, "" | "~" | "null") {
            Content::Null
        } else {
            let text = text.into();
            Content::Scalar { text, plain }
        };
        self.add(content, place).map(drop)
    }

    fn begin(
        &mut self,
        content: Content,
        keys: Option<HashMap<Box<str>, u32>>,
        place: Place,
    ) -> Result<(), Finding> {
        if self.open.len() >= DEPTH_MAX {
            let message = format!("nested deeper than {DEPTH_MAX} levels");
            return Err(fatal(place, Problem::TooLarge, message));
        }
        let is_key = self.open.last().is_some_and(Open::wants_key);
        if is_key {
            let message = "a list or mapping cannot be a key";
            self.refuse(place, message, "use plain text as key");
        }
        let node = self.add(content, place)?;
        self.open.push(Open {
            node,
            keys,
            key: None,
            is_key,
        });
        Ok(())
    }

    fn add(&mut self, content: Content, place: Place) -> Result<NodeId, Finding> {
        let (Some(doc), Some(open)) = (&mut self.doc, self.open.last_mut()) else {
            self.doc = Some(Document::new(place, content));
            return Ok(NodeId::ROOT);
        };
        if doc.len() >= VALUES_MAX {
            let message = format!("more than {VALUES_MAX} values");
            return Err(fatal(place, Problem::TooLarge, message));
        }
        if open.keys.is_none() {
            let index = match doc.content(open.node) {
                Content::List(items) => items.len(),
                _ => 0,
            };
            let node = doc.push(open.node, Step::Index(index), place, content);
            if let Some(Content::List(items)) = doc.content_mut(open.node) {
                items.push(node);
            }
            return Ok(node);
        }
        let key = open.key.take().unwrap_or_else(|| Key::none(place));
        let node = doc.push(open.node, Step::Key(key.text.clone()), place, content);
        if let (false, Some(Content::Map(entries))) = (key.dropped, doc.content_mut(open.node)) {
            entries.push(Entry {
                key: key.text,
                place: key.place,
                value: node,
            });
        }
        Ok(node)
    }
}

/// The path of the value that comes next in `open`.
fn next_path((doc, open): (&Document, &Open)) -> String {
    let path = doc.path(open.node);
    match (doc.content(open.node), &open.key) {
        (Content::List(items), _) => format!("{path}[{}]", items.len()),
        (_, Some(key)) => join(&path, &key.text),
        (_, None) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        read(text.as_bytes()).unwrap_err().fatal.to_string()
    }

    /// What is noted of a text that is read all the same.
    fn noted(text: &str) -> Vec<String> {
        let (_, noted) = read(text.as_bytes()).unwrap();
        let lines = noted.list.iter().map(ToString::to_string);
        lines
            .map(|text| text.lines().next().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn every_value_knows_its_place_and_path() {
        let (doc, noted) = read(b"a:\n  - x: 1\n    y: [p, q]\n").unwrap();
        assert!(noted.list.is_empty());
        let all: Vec<_> = (0..doc.len())
            .map(|i| doc.nth(i))
            .map(|n| (doc.place(n).line, doc.place(n).column, doc.path(n)))
            .collect();
        let expected = [
            (1, 1, ""),
            (2, 3, "a"),
            (2, 5, "a[0]"),
            (2, 8, "a[0].x"),
            (3, 8, "a[0].y"),
            (3, 9, "a[0].y[0]"),
            (3, 12, "a[0].y[1]"),
        ];
        assert_eq!(all, expected.map(|(l, c, p)| (l, c, p.to_owned())));
    }

    #[test]
    fn bombs_are_refused_and_do_not_grow() {
        let mut bomb = String::from("a0: &a0 [x, x]\n");
        for i in 1..30 {
            bomb += &format!("a{i}: &a{i} [*a{0}, *a{0}]\n", i - 1);
        }
        let (doc, noted) = read(bomb.as_bytes()).unwrap();
        assert_eq!((doc.len(), noted.list.len()), (1 + 30 * 3, 29 * 2));
        assert!(
            noted.list[0]
                .to_string()
                .starts_with("2:10: error: a1[0]: aliases")
        );
    }

    #[test]
    fn deep_nesting_is_refused_in_both_styles() {
        let flow = format!("{}{}", "[".repeat(33), "]".repeat(33));
        assert!(refused(&flow).contains("nested deeper than 32"));
        assert!(refused(&"[".repeat(50_000)).contains("recursion limit"));
        let block = "- ".repeat(50_000);
        assert!(refused(&block).contains("nested deeper than 32"));
        let maps: String = (0..200).map(|i| format!("{}k:\n", " ".repeat(i))).collect();
        assert!(refused(&maps).contains("nested deeper than 32"));
    }

    #[test]
    fn too_many_octets_are_refused_unread() {
        assert!(refused(&"#".repeat(TEXT_OCTETS_MAX + 1)).contains("expected at most 8388608"));
    }

    #[test]
    fn other_encodings_are_named() {
        for bytes in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a", b"a\0b\0", b"\0a\0b"] {
            assert!(read(bytes).unwrap_err().fatal.message.contains("UTF-16"));
        }
        let finding = read(b"a: 1\nb: caf\xe9\n").unwrap_err().fatal;
        assert_eq!((finding.place.line, finding.place.column), (2, 7));
        assert!(refused("a: \u{7}").contains("U+0007"));
        assert!(read("\u{feff}a: 1".as_bytes()).is_ok());
    }

    #[test]
    fn duplicate_keys_are_all_named_and_the_first_stands() {
        let text = "a: 1\nb:\n  c: 2\n  c: 3\na: 4\n";
        let (doc, _) = read(text.as_bytes()).unwrap();
        assert_eq!(
            noted(text),
            [
                "4:3: error: b.c: key was already given on line 3",
                "5:1: error: a: key was already given on line 1",
            ]
        );
        let Content::Map(entries) = doc.content(NodeId::ROOT) else {
            panic!()
        };
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn parts_of_yaml_that_nobody_needs_are_refused() {
        assert!(refused("a: [1, 2").contains("not YAML"));
        assert!(refused("a: b: c").contains("not YAML"));
        let text = "a: !!int 5\n!!str b: [x, !!str y]\nc: !!map {}\n[a, b]: {x: 1}\n\
                    d: &d 1\ne: [*d]\n*d : 2\nd: 3\n---\nd: 4\n--- }\n";
        assert_eq!(
            noted(text),
            [
                "1:4: error: a: tags are not supported",
                "2:1: error: tags are not supported",
                "2:14: error: b[1]: tags are not supported",
                "3:4: error: c: tags are not supported",
                "4:1: error: a list or mapping cannot be a key",
                "6:5: error: e[0]: aliases are not supported",
                "7:1: error: aliases are not supported",
                "8:1: error: d: key was already given on line 5",
                "9:1: error: a second document begins, only the first is looked at",
            ]
        );
        let (doc, _) = read(text.as_bytes()).unwrap();
        let Content::Map(entries) = doc.content(NodeId::ROOT) else {
            panic!()
        };
        let keys: Vec<_> = entries.iter().map(|entry| &*entry.key).collect();
        assert_eq!(keys, ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn what_was_noted_before_a_text_breaks_off_is_kept() {
        let broken = read(b"a: !!int 5\nb: [\n").unwrap_err();
        assert_eq!(broken.noted.list.len(), 1);
        let text: String = (0..700).map(|i| format!("k{i}: !!int 5\n")).collect();
        let (_, noted) = read(text.as_bytes()).unwrap();
        assert_eq!((noted.list.len(), noted.more), (FINDINGS_MAX, 200));
    }

    #[test]
    fn nothing_at_all_is_an_empty_document() {
        for text in ["", "# only a comment\n", "---\n"] {
            let (doc, _) = read(text.as_bytes()).unwrap();
            assert!(
                matches!(doc.content(NodeId::ROOT), Content::Null),
                "{text:?}"
            );
        }
    }
}
