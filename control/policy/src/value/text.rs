//! Names, paths and other texts.

use core::net::IpAddr;

use super::{Scalar, Wrong};
use crate::section::Kind;

/// The operator's name for something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name(pub(crate) Box<str>);

/// Longest name, in octets; as much as a record in shared memory holds.
const NAME_OCTETS_MAX: usize = 40;

impl Scalar for Name {
    const KIND: Kind = Kind::Text("a name (up to 40 of a-z, A-Z, 0-9, '-', '_' and '.')");

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
    const KIND: Kind = Kind::Text("the path of a file, absolute or from this file's folder");

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        let good = !text.is_empty() && text.len() <= 4_096;
        good.then(|| Self(text.into())).ok_or_else(Wrong::default)
    }
}

/// Any short text, checked elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Box<str>);

impl Scalar for Text {
    const KIND: Kind = Kind::Text("a text of up to 255 characters");

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        let good = !text.is_empty() && text.len() <= 255;
        good.then(|| Self(text.into())).ok_or_else(Wrong::default)
    }
}

/// A domain name or an address, for certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerName(pub(crate) Box<str>);

impl Scalar for PeerName {
    const KIND: Kind = Kind::Text("a domain name or an IP address");

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
