//! Values of one word: what each key may say, and how it reads.

mod device;
mod known;
mod net;
mod secret;
mod text;
mod units;

use core::str::FromStr;

pub(crate) use device::{PciAddress, Vdev};
pub(crate) use known::{AppKind, ModelName, SuiteName};
pub(crate) use net::{Address, Destination, Network, PortRange, Protocol};
pub(crate) use secret::{KeySource, PassphraseSource, SecretSource};
pub(crate) use text::{FilePath, Name, PeerName};
pub(crate) use units::{Micros, Millis, Octets, octets_form, show_octets, show_time, time_form};

use crate::document::{Content, Findings, NodeId};
use crate::finding::{Problem, nearest};
use crate::section::{Kind, Value, quoted, wrong_type};

/// A value of one word.
pub(crate) trait Scalar: Sized {
    const KIND: Kind;
    /// A wrong word may be a secret that is out of place, so it is not repeated.
    const SECRET: bool = false;

    /// Reads the word; `plain` when it has no quotes.
    fn parse(text: &str, plain: bool) -> Result<Self, Wrong>;
}

/// The value of a key that is not there; `text` is ours and reads.
pub(crate) fn default_of<S: Scalar + Default>(text: &'static str) -> S {
    S::parse(text, true).unwrap_or_default()
}

/// What is wrong with a word.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    /// Out of range rather than unreadable.
    range: bool,
    /// What would mend it.
    fix: Option<String>,
}

impl Wrong {
    const RANGE: Self = Self {
        range: true,
        fix: None,
    };

    /// A number that is in quotes.
    fn quoted(text: &str) -> Self {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        Self {
            range: false,
            fix: digits.then(|| "leave the quotes out".to_owned()),
        }
    }

    fn with_fix(fix: impl Into<String>) -> Self {
        Self {
            range: false,
            fix: Some(fix.into()),
        }
    }
}

impl<S: Scalar> Value for S {
    const KIND: Kind = <S as Scalar>::KIND;

    fn read(node: NodeId, findings: &mut Findings<'_>) -> Option<Self> {
        let kind = <S as Scalar>::KIND;
        let Content::Scalar { text, plain } = findings.doc.content(node) else {
            return wrong_type(findings, node, &kind);
        };
        match S::parse(text, *plain) {
            Ok(value) => Some(value),
            Err(Wrong { range, fix }) => {
                let problem = if range {
                    Problem::OutOfRange
                } else if matches!(kind, Kind::Integer { .. } | Kind::Flag) {
                    Problem::WrongType
                } else {
                    Problem::BadValue
                };
                let found = if S::SECRET {
                    "something else, which is not shown".to_owned()
                } else {
                    quoted(text)
                };
                let message = format!("expected {}, found {found}", kind.expected());
                findings.error(node, problem, message).fix_if(fix);
                None
            }
        }
    }
}

/// An integer in a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Int<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<const MIN: u64, const MAX: u64> Int<MIN, MAX> {
    /// The value in a narrower type; the range makes it fit.
    pub(crate) fn to<T: TryFrom<u64> + Default>(self) -> T {
        T::try_from(self.0).unwrap_or_default()
    }
}

impl<const MIN: u64, const MAX: u64> Scalar for Int<MIN, MAX> {
    const KIND: Kind = Kind::Integer { min: MIN, max: MAX };

    fn parse(text: &str, plain: bool) -> Result<Self, Wrong> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            let negative = text.strip_prefix('-').and_then(|t| u64::from_str(t).ok());
            return Err(negative.map_or_else(Wrong::default, |_| Wrong::RANGE));
        }
        if !plain {
            return Err(Wrong::quoted(text));
        }
        let value = u64::from_str(text).map_err(|_| Wrong::RANGE)?;
        if (MIN..=MAX).contains(&value) {
            Ok(Self(value))
        } else {
            Err(Wrong::RANGE)
        }
    }
}

/// A TCP port.
pub(crate) type TcpPort = Int<1, 65_535>;

/// `true` or `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl Scalar for Flag {
    const KIND: Kind = Kind::Flag;

    fn parse(text: &str, plain: bool) -> Result<Self, Wrong> {
        match text {
            "true" | "false" if !plain => Err(Wrong::with_fix("leave the quotes out")),
            "true" => Ok(Self(true)),
            "false" => Ok(Self(false)),
            "yes" | "on" | "True" | "TRUE" => Err(Wrong::with_fix("write true")),
            "no" | "off" | "False" | "FALSE" => Err(Wrong::with_fix("write false")),
            _ => Err(Wrong::default()),
        }
    }
}

/// Declares a choice between words, the default first.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])*
        $name:ident { $first:ident $first_word:literal, $($variant:ident $word:literal,)* }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) enum $name { #[default] $first, $($variant,)* }

        impl $crate::value::Scalar for $name {
            const KIND: $crate::section::Kind =
                $crate::section::Kind::Choice(&[$first_word, $($word),*]);

            fn parse(text: &str, _: bool) -> Result<Self, $crate::value::Wrong> {
                match text {
                    $first_word => Ok(Self::$first),
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::value::unknown_word(text, &[$first_word, $($word),*])),
                }
            }
        }
    };
}

pub(crate) use choice;

/// What to say of a word that is not among `words`.
pub(crate) fn unknown_word(text: &str, words: &[&str]) -> Wrong {
    nearest(text, words.iter().copied()).map_or_else(Wrong::default, |word| {
        Wrong::with_fix(format!("write {word}"))
    })
}

/// A limit: a number, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// At most this many.
    Most(u64),
    /// As many as there are.
    Unlimited,
}

impl Default for Bound {
    fn default() -> Self {
        Self::Most(0)
    }
}

impl Scalar for Bound {
    const KIND: Kind = Kind::Either(
        &Kind::Integer {
            min: 0,
            max: 100_000_000,
        },
        &Kind::Choice(&["unlimited"]),
    );

    fn parse(text: &str, plain: bool) -> Result<Self, Wrong> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        Int::<0, 100_000_000>::parse(text, plain).map(|n| Self::Most(n.0))
    }
}
