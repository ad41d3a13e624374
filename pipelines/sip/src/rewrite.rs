//! Rewriting by edits: what is not edited leaves octet for octet as it came.

use crate::{Frame, Message, Name, Span};

/// Changes to a message, gathered in any order and made at once.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    list: Vec<Edit>,
}

#[derive(Clone)]
struct Edit {
    span: Span,
    with: Vec<u8>,
}

/// Shows places alone: a replacement may be a body with keys in it.
impl core::fmt::Debug for Edit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "Edit({}..{} -> {} octets)",
            self.span.start,
            self.span.end,
            self.with.len()
        )
    }
}

impl Edits {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Puts `with` in the place of `span`. Of two replacements that overlap, the one that begins
    /// first holds.
    pub fn replace(&mut self, span: Span, with: impl Into<Vec<u8>>) {
        self.list.push(Edit {
            span,
            with: with.into(),
        });
    }

    /// Puts `with` before the octet at `at`.
    pub fn insert(&mut self, at: usize, with: impl Into<Vec<u8>>) {
        self.replace(Span::empty(at), with);
    }

    /// Takes `span` out.
    pub fn remove(&mut self, span: Span) {
        self.replace(span, Vec::new());
    }

    /// Length of `span` once the changes in it are made.
    fn len_after(&self, span: Span) -> usize {
        let inside = self.list.iter().filter(|e| span.contains(e.span));
        inside.fold(span.len(), |len, e| {
            (len + e.with.len()).saturating_sub(e.span.len())
        })
    }

    fn touches(&self, span: Span) -> bool {
        self.list.iter().any(|e| span.contains(e.span))
    }

    /// `bytes` with the changes made.
    #[must_use]
    pub fn apply(mut self, bytes: &[u8]) -> Vec<u8> {
        // Stable, so that insertions at one place keep the order in which they were asked for.
        self.list.sort_by_key(|e| e.span.start);
        let grown: usize = self.list.iter().map(|e| e.with.len()).sum();
        let mut out = Vec::with_capacity(bytes.len() + grown);
        let mut at = 0;
        for edit in &self.list {
            if edit.span.start < at {
                continue;
            }
            out.extend_from_slice(Span::new(at, edit.span.start).of(bytes));
            out.extend_from_slice(&edit.with);
            at = edit.span.end;
        }
        out.extend_from_slice(bytes.get(at..).unwrap_or_default());
        out
    }
}

impl Message {
    /// The message with the changes made and every length put right: that of the body, and those
    /// of the parts of a multipart body that the changes lie in.
    #[must_use]
    pub fn render(&self, edits: Edits) -> Vec<u8> {
        self.frame().render(edits)
    }
}

impl Frame {
    /// See [`Message::render`].
    #[must_use]
    pub fn render(&self, mut edits: Edits) -> Vec<u8> {
        if edits.touches(self.body()) {
            self.fix_part_lengths(&mut edits);
            let text = edits.len_after(self.body()).to_string();
            for field in self.fields_named(Name::ContentLength) {
                edits.replace(field.value, text.clone());
            }
        }
        if self.value(Name::ContentLength).is_none() {
            let length = edits.len_after(self.body());
            let empty_line = self.body_at.saturating_sub(2);
            edits.insert(empty_line, format!("Content-Length: {length}\r\n"));
        }
        edits.apply(&self.bytes)
    }

    /// Innermost first, since the digits of an inner length count in the outer one.
    fn fix_part_lengths(&self, edits: &mut Edits) {
        for part in self.parts().unwrap_or_default().iter().rev() {
            if let Some(length) = part.length.filter(|_| edits.touches(part.body)) {
                let text = edits.len_after(part.body).to_string();
                edits.replace(length, text);
            }
        }
    }
}
