//! Names and paths.

use core::net::IpAddr;

use super::{Scalar, Wrong};
use crate::form::{BARE_WORDS, Form, ipv4, ipv6};
use crate::section::Kind;

/// The operator's name for something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name(pub(crate) Box<str>);

/// Longest name, in octets; as much as a record in shared memory holds.
const NAME_OCTETS_MAX: usize = 40;

impl Scalar for Name {
    const KIND: Kind = Kind::Text(
        "a name (up to 40 of a-z, A-Z, 0-9, '-', '_' and '.')",
        || Form {
            bare: BARE_WORDS,
            range: (Some(0), None),
            ..Form::of("[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
        },
    );

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let good = text.len() <= NAME_OCTETS_MAX
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(inside);
        good.then(|| Self(text.into())).ok_or_else(Wrong::default)
    }
}

/// The path of a file, from the configuration's own folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FilePath(pub(crate) Box<str>);

impl Scalar for FilePath {
    const KIND: Kind = Kind::Text(
        "the path of a file, absolute or from this file's folder",
        || Form {
            longest: Some(4_096),
            bare: BARE_WORDS,
            ..Form::default()
        },
    );

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        let good = !text.is_empty() && text.len() <= 4_096;
        good.then(|| Self(text.into())).ok_or_else(Wrong::default)
    }
}

/// A domain name or an address, for certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerName(pub(crate) Box<str>);

impl Scalar for PeerName {
    const KIND: Kind = Kind::Text("a domain name or an IP address", || {
        let end = "([A-Za-z0-9_-]*[A-Za-z0-9_])?";
        // Some label is no number, or an address was meant.
        let word = format!("([0-9]*[A-Za-z_]{end}|[0-9]+-[A-Za-z0-9_-]*[A-Za-z0-9_])");
        let domain = format!("([0-9]+\\.)*{word}(\\.[A-Za-z0-9_]{end})*");
        Form {
            longest: Some(253),
            bare: &["boolean"],
            ..Form::of(&format!("{domain}|{}|{}", ipv4(), ipv6()))
        }
    });

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let numeric = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let domain = text.len() <= 253 && !numeric(text) && text.split('.').all(label);
        if domain || text.parse::<IpAddr>().is_ok() {
            Ok(Self(text.into()))
        } else {
            Err(Wrong::default())
        }
    }
}
