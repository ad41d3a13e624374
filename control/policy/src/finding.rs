//! What is wrong with a configuration, where, and what would mend it.

use core::fmt;

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be applied.
    Error,
    /// It can, but it will probably not do what was meant.
    Warning,
}

impl Severity {
    /// One word for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// The closed list of what can be wrong. Names are stable across releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    /// The text is not UTF-8.
    Encoding,
    /// The text is not YAML, or uses a part of YAML that is not supported here.
    Syntax,
    /// The text is larger, deeper or longer than any configuration needs.
    TooLarge,
    /// A key appears twice in one mapping.
    DuplicateKey,
    /// A key that means nothing here.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value of another kind than the key takes.
    WrongType,
    /// A number outside its range.
    OutOfRange,
    /// A value that does not read as what the key takes.
    BadValue,
    /// A name that nothing is called.
    UnknownName,
    /// A name given twice.
    DuplicateName,
    /// Two settings that exclude each other.
    Conflict,
    /// Two ranges, networks or listeners that overlap.
    Overlap,
    /// Something that belongs to no configured network.
    Unreachable,
    /// A file that cannot be read.
    File,
    /// A certificate or revocation list that does not read or does not fit its use.
    Certificate,
    /// A private key that does not read, or that belongs to another certificate.
    Key,
    /// A certificate that is expired, not yet valid, or soon to expire.
    Validity,
    /// A limit or licence that the model does not have.
    Licence,
    /// Something configured that nothing uses.
    Unused,
    /// More than is told: how many findings are left out.
    More,
}

/// A place in the text, both counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What kind it is of.
    pub problem: Problem,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// The key's path, such as `applications[0].listeners[1].port`; empty for the whole text.
    pub path: String,
    /// What was found and what was expected, in one sentence.
    pub message: String,
    /// What would mend it, where that is plain.
    pub fix: Option<String>,
}

impl fmt::Display for Finding {
    /// `line:column: severity: path: message` and, on a line of its own, the fix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "{line}:{column}: {}: ", self.severity.name())?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(fix) = &self.fix {
            write!(f, "\n  fix: {fix}")?;
        }
        Ok(())
    }
}

/// The name among `known` that `given` was probably meant to be.
pub(crate) fn nearest<'k>(
    given: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let given: Vec<char> = given.chars().take(NAME_CHARS_MAX).collect();
    let allowed = 1 + given.len() / 4;
    known
        .into_iter()
        .map(|name| (distance(&given, name), name))
        .filter(|&(distance, name)| distance <= allowed && distance < name.len())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// Longer names are compared by their beginning, which bounds the work.
const NAME_CHARS_MAX: usize = 64;

/// Edits (insert, delete, replace) that turn `a` into `b`.
fn distance(a: &[char], b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, to) in b.chars().take(NAME_CHARS_MAX).enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for (from, (&diagonal, &above)) in a.iter().zip(row.iter().zip(row.iter().skip(1))) {
            let replace = diagonal + usize::from(!from.eq_ignore_ascii_case(&to));
            let left = next.last().copied().unwrap_or(0);
            next.push(replace.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["interface", "address", "port", "server"];
        assert_eq!(nearest("interfce", known), Some("interface"));
        assert_eq!(nearest("Adress", known), Some("address"));
        assert_eq!(nearest("prot", known), Some("port"));
        assert_eq!(nearest("b", ["a", "c"]), None);
        assert_eq!(nearest("sever", known), Some("server"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn finding_reads_as_one_line_and_its_fix() {
        let finding = Finding {
            severity: Severity::Error,
            problem: Problem::UnknownKey,
            place: Place { line: 3, column: 5 },
            path: "servers[0].adress".into(),
            message: "unknown key".into(),
            fix: Some("write 'address'".into()),
        };
        assert_eq!(
            finding.to_string(),
            "3:5: error: servers[0].adress: unknown key\n  fix: write 'address'"
        );
    }
}
