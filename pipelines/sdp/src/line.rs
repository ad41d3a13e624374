//! One line, and a run of lines that belong together.

use core::fmt;

use zeroize::Zeroizing;

/// `<kind>=<value>` without its ending. Wiped on drop, since it may carry a key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Line {
    number: u32,
    kind: u8,
    value: Zeroizing<Vec<u8>>,
}

impl Line {
    /// A line; `number` is where it stood as received, 0 for one that we add.
    pub(crate) fn new(number: u32, kind: u8, value: Vec<u8>) -> Self {
        Self {
            number,
            kind,
            value: Zeroizing::new(value),
        }
    }

    pub(crate) const fn number(&self) -> u32 {
        self.number
    }

    pub(crate) const fn kind(&self) -> u8 {
        self.kind
    }

    pub(crate) fn value(&self) -> &[u8] {
        &self.value
    }

    /// Replaces the value; the line keeps its number.
    pub(crate) fn set_value(&mut self, value: Vec<u8>) {
        self.value = Zeroizing::new(value);
    }

    /// Name and value (`None` for a flag) of an attribute line.
    pub(crate) fn attribute(&self) -> Option<(&[u8], Option<&[u8]>)> {
        if self.kind != b'a' {
            return None;
        }
        let mut halves = self.value.splitn(2, |&b| b == b':');
        Some((halves.next().unwrap_or_default(), halves.next()))
    }

    /// Whether this is the attribute `name`, with or without a value.
    pub(crate) fn is_attribute(&self, name: &str) -> bool {
        self.attribute().is_some_and(|(n, _)| n == name.as_bytes())
    }

    /// Octets of the line with its ending.
    pub(crate) fn encoded_len(&self) -> usize {
        self.value.len() + 4
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.kind, b'=']);
        out.extend_from_slice(&self.value);
        out.extend_from_slice(b"\r\n");
    }

    /// Whether the line may carry a key in clear.
    fn is_secret(&self) -> bool {
        const NAMES: [&[u8]; 3] = [b"crypto", b"key-mgmt", b"acap"];
        self.kind == b'k'
            || self
                .attribute()
                .is_some_and(|(name, _)| NAMES.contains(&name))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = char::from(self.kind);
        if self.is_secret() {
            write!(f, "{}: {kind}=[redacted]", self.number)
        } else {
            write!(f, "{}: {kind}={}", self.number, self.value.escape_ascii())
        }
    }
}

/// The lines of the session part, or those after one m=.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    lines: Vec<Line>,
}

impl Section {
    pub(crate) fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The first line of `kind`.
    pub(crate) fn first(&self, kind: u8) -> Option<&Line> {
        self.lines.iter().find(|l| l.kind() == kind)
    }

    /// The first line of `kind`, to change.
    pub(crate) fn first_mut(&mut self, kind: u8) -> Option<&mut Line> {
        self.lines.iter_mut().find(|l| l.kind() == kind)
    }

    /// The attribute lines called `name`.
    pub(crate) fn attributes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |l| l.is_attribute(name))
    }

    /// Whether there is an attribute called `name`.
    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        self.attributes(name).next().is_some()
    }

    /// The first attribute called `name`, to change.
    pub(crate) fn attribute_mut(&mut self, name: &str) -> Option<&mut Line> {
        self.lines.iter_mut().find(|l| l.is_attribute(name))
    }

    /// Removes the lines that `doomed` picks and returns how many there were.
    pub(crate) fn remove(&mut self, mut doomed: impl FnMut(&Line) -> bool) -> usize {
        let before = self.lines.len();
        self.lines.retain(|l| !doomed(l));
        before - self.lines.len()
    }

    /// Adds a c= line where the grammar wants it: after i=, before everything else.
    pub(crate) fn insert_connection(&mut self, value: Vec<u8>) {
        let at = self
            .lines
            .iter()
            .position(|l| l.kind() != b'i')
            .unwrap_or(self.lines.len());
        self.lines.insert(at, Line::new(0, b'c', value));
    }

    /// Adds an attribute behind the last one called `name`, or ahead of every other attribute.
    pub(crate) fn insert_attribute(&mut self, name: &str, value: Vec<u8>) {
        let last = self
            .lines
            .iter()
            .rposition(|l| l.is_attribute(name))
            .map(|i| i + 1);
        let first = || self.lines.iter().position(|l| l.kind() == b'a');
        let at = last.or_else(first).unwrap_or(self.lines.len());
        self.lines.insert(at, Line::new(0, b'a', value));
    }

    pub(crate) fn encoded_len(&self) -> usize {
        self.lines.iter().map(Line::encoded_len).sum()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for line in &self.lines {
            line.write(out);
        }
    }
}
