//! Values written out again, on one line, so that they read as the same.

use core::fmt::Write;

use crate::document::{Content, Document, NodeId};

/// The value at `node` in flow style.
pub(crate) fn written(doc: &Document, node: NodeId) -> String {
    let mut text = String::new();
    write(&mut text, doc, node);
    text
}

/// Depth is bounded by what the reader accepts.
fn write(to: &mut String, doc: &Document, node: NodeId) {
    match doc.content(node) {
        Content::Null => to.push_str("null"),
        Content::Refused => to.push_str("(an alias)"),
        Content::Scalar { text, plain } => scalar(to, text, *plain),
        Content::List(items) => {
            to.push('[');
            for (i, &item) in items.iter().enumerate() {
                to.push_str(if i > 0 { ", " } else { "" });
                write(to, doc, item);
            }
            to.push(']');
        }
        Content::Map(entries) => {
            to.push('{');
            for (i, entry) in entries.iter().enumerate() {
                to.push_str(if i > 0 { ", " } else { "" });
                scalar(to, &entry.key, true);
                to.push_str(": ");
                write(to, doc, entry.value);
            }
            to.push('}');
        }
    }
}

/// A word as it is where that is safe, else in double quotes.
fn scalar(to: &mut String, text: &str, plain: bool) {
    let simple = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.'));
    // What was in quotes though it looks like another kind of value keeps them.
    let another = text.starts_with(|c: char| c.is_ascii_digit())
        || matches!(text, "true" | "false" | "null" | "Null" | "NULL");
    if starts && text.chars().all(simple) && (plain || !another) {
        return to.push_str(text);
    }
    to.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => to.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(to, "\\U{:08x}", u32::from(c));
            }
            c => to.push(c),
        }
    }
    to.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::yaml;

    fn again(text: &str) -> String {
        let (doc, _) = yaml::read(text.as_bytes()).unwrap();
        written(&doc, NodeId::ROOT)
    }

    #[test]
    fn values_become_one_line() {
        let text = "a:\n  - 1\n  - '2'\nb: {c: net_null0,x=1}\nd: \"q\\\"\\n\"\ne:\n";
        // A plain comma ends a word in flow style, so quotes take its place.
        let text = text.replace("net_null0,x=1", "\"net_null0,x=1\"");
        assert_eq!(
            again(&text),
            "{a: [1, \"2\"], b: {c: \"net_null0,x=1\"}, d: \"q\\\"\\U0000000a\", e: null}"
        );
    }

    proptest! {
        #[test]
        fn what_was_written_reads_as_the_same(words in proptest::collection::vec(".{0,12}", 0..4)) {
            let mut text = String::from("k: [");
            for word in &words {
                scalar(&mut text, word, false);
                text.push_str(", ");
            }
            text.push(']');
            let (doc, _) = yaml::read(text.as_bytes()).unwrap();
            let written = written(&doc, NodeId::ROOT);
            prop_assert_eq!(again(&written), written);
        }
    }
}
