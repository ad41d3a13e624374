//! Changes to a configuration's text that commands make; comments and layout stay.

use crate::diff::diff;
use crate::document::{Content, Document, Entry, NodeId};
use crate::finding::Place;
use crate::write::written;
use crate::yaml;

const SECTION: &str = "license";
const LIMIT: &str = "tls_max_sessions";
/// Mark of the encoding that a text may begin with.
const MARK: char = '\u{feff}';

/// What clearing a configuration leaves: what the unit is and who may change it, not what it does.
const KEPT: [&str; 4] = ["runtime", "devices", SECTION, "access"];

/// The configuration with `license.tls_max_sessions` set to `sessions`.
///
/// `None` when the text has no `license` section, or one written so that nothing can be put into
/// it by editing the text.
#[must_use]
pub fn with_tls_limit(text: &str, sessions: u32) -> Option<String> {
    let (doc, _) = yaml::read(text.as_bytes()).ok()?;
    let license = entry(&doc, NodeId::ROOT, SECTION)?;
    let value = sessions.to_string();
    let candidates = match entry(&doc, license.value, LIMIT) {
        Some(limit) => vec![replaced(text, &doc, limit, &value)?],
        None => inserted(text, &doc, license.value, &value)?,
    };
    // Only an edit that does this and nothing else is one.
    candidates.into_iter().find(|edited| {
        let is_limit = |changes: &[_]| matches!(changes, [change] if is_edit(change, &value));
        edited == text || diff(text.as_bytes(), edited.as_bytes()).is_ok_and(|c| is_limit(&c))
    })
}

fn is_edit(change: &crate::Change, value: &str) -> bool {
    change.path == format!("{SECTION}.{LIMIT}") && change.after.as_deref() == Some(value)
}

fn replaced(text: &str, doc: &Document, limit: &Entry, value: &str) -> Option<String> {
    let at = offset(text, doc.place(limit.value))?;
    let (before, after) = text.split_at_checked(at)?;
    let old = after.bytes().take_while(u8::is_ascii_digit).count();
    Some(format!("{before}{value}{}", after.get(old..)?))
}

/// Both ways to put the key in front of the section's first: on a line of its own, or before a
/// comma.
fn inserted(text: &str, doc: &Document, section: NodeId, value: &str) -> Option<Vec<String>> {
    let Content::Map(entries) = doc.content(section) else {
        return None;
    };
    let first = entries.first()?.place;
    let (before, after) = text.split_at_checked(offset(text, first)?)?;
    let indent = " ".repeat(usize::try_from(first.column).ok()?.saturating_sub(1));
    let end = line_end(text);
    Some(vec![
        format!("{before}{LIMIT}: {value}{end}{indent}{after}"),
        format!("{before}{LIMIT}: {value}, {after}"),
    ])
}

/// The configuration after it was cleared: threads, devices, licences and access stay, and the TLS proxy
/// limit is `tls_limit`, if licences limit anything.
#[must_use]
pub fn cleared(text: &str, tls_limit: Option<u32>) -> Option<String> {
    let (doc, _) = yaml::read(text.as_bytes()).ok()?;
    let mut left = String::from("# what 'ucproxy clear-configuration' left\n");
    for key in KEPT {
        if let Some(entry) = entry(&doc, NodeId::ROOT, key) {
            left.push_str(&format!("{key}: {}\n", written(&doc, entry.value)));
        }
    }
    // An empty file would be no configuration at all.
    left.push_str("tcp: {}\n");
    match tls_limit {
        Some(sessions) => with_tls_limit(&left, sessions),
        None => Some(left),
    }
}

fn entry<'d>(doc: &'d Document, node: NodeId, key: &str) -> Option<&'d Entry> {
    match doc.content(node) {
        Content::Map(entries) => entries.iter().find(|entry| &*entry.key == key),
        _ => None,
    }
}

/// Where a place lies in the text, in octets. The mark of the encoding in front counts for no
/// column.
fn offset(text: &str, place: Place) -> Option<usize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let mark = if text.starts_with(MARK) {
        MARK.len_utf8()
    } else {
        0
    };
    let start = match line.checked_sub(1) {
        Some(before) => line_ends(text).nth(before)?,
        None => mark,
    };
    let rest = text.get(start..)?;
    let within = rest.char_indices().nth(column).map_or(rest.len(), |c| c.0);
    Some(start + within)
}

/// Where each line's end ends, which is a line feed, a carriage return, or both.
fn line_ends(text: &str) -> impl Iterator<Item = usize> {
    let ends = |(at, _): &(usize, &str)| !text.get(*at..).is_some_and(|t| t.starts_with("\r\n"));
    let found = text.match_indices(['\n', '\r']).filter(ends);
    found.map(|(at, end)| at + end.len())
}

/// How the text ends its lines.
fn line_end(text: &str) -> &str {
    let first = text.find(['\n', '\r']).and_then(|at| text.get(at..));
    match first {
        Some(rest) if rest.starts_with("\r\n") => "\r\n",
        Some(rest) if rest.starts_with('\r') => "\r",
        _ => "\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_there_is_replaced_and_all_else_stays() {
        let text = "# é\nlicense: {model: ASA5520, tls_max_sessions: 300} # here\ntcp: {}\n";
        assert_eq!(
            with_tls_limit(text, 1_000).unwrap(),
            text.replace("300", "1000")
        );
        assert_eq!(with_tls_limit(text, 300).unwrap(), text);
    }

    #[test]
    fn a_limit_is_put_into_sections_of_either_style() {
        for (text, edited) in [
            (
                "license:\n  # which\n  model: ASA5520\ntcp: {}\n",
                "license:\n  # which\n  tls_max_sessions: 9\n  model: ASA5520\ntcp: {}\n",
            ),
            (
                "license: {model: ASA5520}\n",
                "license: {tls_max_sessions: 9, model: ASA5520}\n",
            ),
            (
                "license: {\n  model: ASA5520\n}\n",
                "license: {\n  tls_max_sessions: 9, model: ASA5520\n}\n",
            ),
            (
                "{\"license\": {\"model\": ASA5520}}\n",
                "{\"license\": {tls_max_sessions: 9, \"model\": ASA5520}}\n",
            ),
        ] {
            assert_eq!(with_tls_limit(text, 9).as_deref(), Some(edited));
        }
    }

    #[test]
    fn a_mark_of_the_encoding_and_every_line_end_stay() {
        let texts = [
            "license: {tls_max_sessions: 300, model: ASA5520}\n",
            "license: {model: ASA5520}\n",
            "license:\n  model: ASA5520\n  tls_max_sessions: 300\ntcp: {}\n",
            "tcp: {}\n# é\n\nlicense:\n\n  model: ASA5520\n",
        ];
        for text in texts {
            let expected = with_tls_limit(text, 9).unwrap();
            for mark in ["", "\u{feff}"] {
                for end in ["\n", "\r\n", "\r"] {
                    let written = |text: &str| format!("{mark}{}", text.replace('\n', end));
                    let edited = with_tls_limit(&written(text), 9);
                    assert_eq!(
                        edited,
                        Some(written(&expected)),
                        "{text:?} {mark:?} {end:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn without_a_licence_section_there_is_nowhere_to_put_it() {
        for text in ["tcp: {}\n", "license:\n", "license: {}\n", "a: [\n", ""] {
            assert_eq!(with_tls_limit(text, 9), None, "{text}");
        }
    }

    #[test]
    fn clearing_leaves_what_the_unit_is() {
        let text = "license:\n  model: ASA5540 # ours\n  tls_max_sessions: 4000\n\
                    devices: [{name: d, vdev: \"net_null0,copy=1\"}]\nservers: [{name: x}]\n";
        assert_eq!(
            cleared(text, Some(1_000)).unwrap(),
            "# what 'ucproxy clear-configuration' left\n\
             devices: [{name: d, vdev: \"net_null0,copy=1\"}]\n\
             license: {model: ASA5540, tls_max_sessions: 1000}\ntcp: {}\n"
        );
        assert_eq!(
            cleared("servers: []\n", None).unwrap(),
            "# what 'ucproxy clear-configuration' left\ntcp: {}\n"
        );
    }
}
