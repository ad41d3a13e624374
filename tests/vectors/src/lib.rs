//! Published test vectors as data, with the one loader that all crates' tests share.
//!
//! A file holds cases: a line `[name]`, then lines `field = hex`. Lines that begin with `#` say
//! where the data comes from.

use std::collections::BTreeMap;

/// SRTP: key streams, key derivation and whole packets.
const SRTP: &str = include_str!("../srtp.txt");

/// One case of a vector file.
#[derive(Debug)]
pub struct Case {
    name: String,
    fields: BTreeMap<String, Vec<u8>>,
}

impl Case {
    /// The octets of a field.
    ///
    /// # Panics
    /// If the case has no such field: the test that asks is wrong.
    #[must_use]
    #[expect(
        clippy::panic,
        reason = "used by tests alone, which want to stop there"
    )]
    pub fn get(&self, field: &str) -> &[u8] {
        match self.fields.get(field) {
            Some(octets) => octets,
            None => panic!("{}: no field {field}", self.name),
        }
    }

    /// The fields whose names begin with `prefix`, with the rest of their names.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let fields = self.fields.iter();
        fields.filter_map(move |(name, octets)| Some((name.strip_prefix(prefix)?, &**octets)))
    }
}

/// The SRTP case called `name`.
///
/// # Panics
/// If there is none, or the file does not parse.
#[must_use]
#[expect(
    clippy::panic,
    reason = "used by tests alone, which want to stop there"
)]
pub fn srtp(name: &str) -> Case {
    match parse(SRTP).into_iter().find(|case| case.name == name) {
        Some(case) => case,
        None => panic!("no case {name}"),
    }
}

/// Octets written in hexadecimal; `None` for anything else.
#[must_use]
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits?;
    let pairs = digits.chunks(2).map(|pair| match *pair {
        [high, low] => u8::try_from(high << 4 | low).ok(),
        _ => None,
    });
    pairs.collect()
}

#[expect(
    clippy::panic,
    reason = "used by tests alone, which want to stop there"
)]
fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let lines = text.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            cases.push(Case {
                name: name.to_owned(),
                fields: BTreeMap::new(),
            });
            continue;
        }
        let field = line.split_once('=').and_then(|(name, value)| {
            let octets = hex(value.trim())?;
            Some((cases.last_mut()?, name.trim(), octets))
        });
        match field {
            Some((case, name, octets)) => case.fields.insert(name.to_owned(), octets),
            None => panic!("not a vector line: {line}"),
        };
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_parses() {
        assert!(parse(SRTP).len() > 10);
        assert_eq!(srtp("rfc3711-b3").get("salt").len(), 14);
    }

    #[test]
    fn odd_or_foreign_digits_are_no_hex() {
        assert_eq!(hex("0aFf"), Some(vec![0x0a, 0xff]));
        assert_eq!(hex("0af"), None);
        assert_eq!(hex("0g"), None);
    }
}
