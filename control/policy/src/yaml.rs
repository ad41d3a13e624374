//! From text to [`Document`]: one YAML document, bounded in size and depth.
//!
//! Deliberately absent: anchors and aliases (nothing can grow beyond the text), tags, merge keys
//! and keys that are no plain text.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::document::{Content, Document, Entry, NodeId, Step, join};
use crate::finding::{Finding, Place, Problem, Severity};

/// Longest text, in octets.
const TEXT_OCTETS_MAX: usize = 8 << 20;
/// Deepest nesting.
const DEPTH_MAX: usize = 32;
/// Most values.
const VALUES_MAX: usize = 500_000;

/// Reads one document, with the mistakes that did not keep it from being read.
///
/// # Errors
/// The one finding that made it impossible to go on.
pub(crate) fn read(octets: &[u8]) -> Result<(Document, Vec<Finding>), Finding> {
    if octets.len() > TEXT_OCTETS_MAX {
        let message = format!(
            "text of {} octets, expected at most {TEXT_OCTETS_MAX}",
            octets.len()
        );
        return Err(fatal(START, Problem::TooLarge, message));
    }
    let text = decode(octets)?;
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| syntax(place(e.marker()), e.info()))?;
        builder.take(event, span)?;
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
}

#[derive(Debug)]
struct Key {
    text: Box<str>,
    place: Place,
    /// The key was there before; its value is read and dropped.
    again: bool,
}

/// Builds the tree from events without recursion.
#[derive(Debug, Default)]
struct Builder {
    doc: Option<Document>,
    open: Vec<Open>,
    documents: usize,
    findings: Vec<Finding>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Finding> {
        let place = place(&span.start);
        match event {
            Event::DocumentStart(_) => self.start_document(place),
            Event::Alias(_) => Err(refuse(place, "aliases are not supported", "write it out")),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                Err(refuse(place, "tags are not supported", "leave the tag out"))
            }
            Event::Scalar(text, style, _, None) => self.scalar(&text, style, place),
            Event::SequenceStart(_, None) => self.begin(Content::List(Vec::new()), None, place),
            Event::MappingStart(_, None) => {
                self.begin(Content::Map(Vec::new()), Some(HashMap::new()), place)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn finish(self) -> (Document, Vec<Finding>) {
        let empty = || Document::new(START, Content::Null);
        (self.doc.unwrap_or_else(empty), self.findings)
    }

    fn start_document(&mut self, place: Place) -> Result<(), Finding> {
        self.documents += 1;
        if self.documents > 1 {
            let fix = "keep one document in the file";
            return Err(refuse(place, "a second document begins", fix));
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, place: Place) -> Result<(), Finding> {
        let plain = style == ScalarStyle::Plain;
        if let Some(Open {
            node,
            keys: Some(keys),
            key: key @ None,
        }) = self.open.last_mut()
        {
            let first = keys.get(text).copied();
            if let Some(line) = first {
                let mut finding = fatal(
                    place,
                    Problem::DuplicateKey,
                    format!("key was already given on line {line}"),
                );
                let parent = self.doc.as_ref().map(|doc| doc.path(*node));
                finding.path = join(&parent.unwrap_or_default(), text);
                self.findings.push(finding);
            } else {
                keys.insert(text.into(), place.line);
            }
            *key = Some(Key {
                text: text.into(),
                place,
                again: first.is_some(),
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
        let node = self.add(content, place)?;
        self.open.push(Open {
            node,
            keys,
            key: None,
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
        let Some(key) = open.key.take() else {
            let fix = "use plain text as key";
            return Err(refuse(place, "a list or mapping cannot be a key", fix));
        };
        let node = doc.push(open.node, Step::Key(key.text.clone()), place, content);
        if let (false, Some(Content::Map(entries))) = (key.again, doc.content_mut(open.node)) {
            entries.push(Entry {
                key: key.text,
                place: key.place,
                value: node,
            });
        }
        Ok(node)
    }
}

fn refuse(place: Place, message: &str, fix: &str) -> Finding {
    Finding {
        fix: Some(fix.into()),
        ..fatal(place, Problem::Syntax, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn every_value_knows_its_place_and_path() {
        let (doc, findings) = read(b"a:\n  - x: 1\n    y: [p, q]\n").unwrap();
        assert!(findings.is_empty());
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
    fn bombs_are_refused_before_they_grow() {
        let mut bomb = String::from("a0: &a0 [x, x]\n");
        for i in 1..30 {
            bomb += &format!("a{i}: &a{i} [*a{0}, *a{0}]\n", i - 1);
        }
        assert!(refused(&bomb).starts_with("2:10: error: aliases"));
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
            assert!(read(bytes).unwrap_err().message.contains("UTF-16"));
        }
        let finding = read(b"a: 1\nb: caf\xe9\n").unwrap_err();
        assert_eq!((finding.place.line, finding.place.column), (2, 7));
        assert!(refused("a: \u{7}").contains("U+0007"));
        assert!(read("\u{feff}a: 1".as_bytes()).is_ok());
    }

    #[test]
    fn duplicate_keys_are_all_named_and_the_first_stands() {
        let (doc, findings) = read(b"a: 1\nb:\n  c: 2\n  c: 3\na: 4\n").unwrap();
        let texts: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
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
        assert!(refused("a: !!int 5").contains("tags"));
        assert!(refused("a: 1\n---\nb: 2").contains("second document"));
        assert!(refused("[a, b]: c").contains("cannot be a key"));
        assert!(refused("a: [1, 2").contains("not YAML"));
        assert!(refused("a: b: c").contains("not YAML"));
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
