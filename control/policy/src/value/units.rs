//! Values with a unit: times and sizes.

use super::{Scalar, Wrong};
use crate::form::with_units;
use crate::section::Kind;

/// A length of time, kept in units of `UNIT_US` microseconds, in a range of such units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Time<const UNIT_US: u64, const MIN: u64, const MAX: u64>(u64);

/// Milliseconds, from `MIN` to `MAX`.
pub(crate) type Millis<const MIN: u64, const MAX: u64> = Time<1_000, MIN, MAX>;
/// Microseconds, from `MIN` to `MAX`.
pub(crate) type Micros<const MIN: u64, const MAX: u64> = Time<1, MIN, MAX>;

const TIME_UNITS: [(&str, u64); 6] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

impl<const UNIT_US: u64, const MIN: u64, const MAX: u64> Time<UNIT_US, MIN, MAX> {
    /// The time in its unit.
    pub(crate) fn units(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

impl<const UNIT_US: u64, const MIN: u64, const MAX: u64> Scalar for Time<UNIT_US, MIN, MAX> {
    const KIND: Kind = Kind::Time {
        unit_us: UNIT_US,
        min: MIN,
        max: MAX,
    };

    fn parse(text: &str, plain: bool) -> Result<Self, Wrong> {
        let (number, unit) = number_and_unit(text, plain)?;
        if unit.is_empty() && number != 0 {
            return Err(Wrong::with_fix(format!("write {number}s or {number}ms")));
        }
        let units = TIME_UNITS.iter().find(|(name, _)| *name == unit);
        let us = match (units, number) {
            (Some((_, us)), _) => number.checked_mul(*us).ok_or(Wrong::RANGE)?,
            (None, 0) if unit.is_empty() => 0,
            _ => return Err(Wrong::default()),
        };
        let value = us / UNIT_US;
        if us.is_multiple_of(UNIT_US) && (MIN..=MAX).contains(&value) {
            Ok(Self(value))
        } else {
            Err(Wrong::RANGE)
        }
    }
}

/// How a time of `units` of `unit_us` microseconds is written.
pub(crate) fn show_time(units: u64, unit_us: u64) -> String {
    let us = units.saturating_mul(unit_us);
    let (name, size) = TIME_UNITS
        .iter()
        .rev()
        .find(|(_, size)| us >= *size && us.is_multiple_of(*size))
        .unwrap_or(&("s", 1));
    format!("{}{name}", us / size)
}

/// A number of octets, in a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Octets<const MIN: u64, const MAX: u64>(pub(crate) u64);

const SIZE_UNITS: [(&str, u64); 4] = [
    ("", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

impl<const MIN: u64, const MAX: u64> Scalar for Octets<MIN, MAX> {
    const KIND: Kind = Kind::Octets { min: MIN, max: MAX };

    fn parse(text: &str, plain: bool) -> Result<Self, Wrong> {
        let (number, unit) = number_and_unit(text, plain)?;
        let Some((_, size)) = SIZE_UNITS.iter().find(|(name, _)| *name == unit) else {
            let binary = match unit.chars().next() {
                Some('k' | 'K') => "KiB",
                Some('m' | 'M') => "MiB",
                Some('g' | 'G') => "GiB",
                _ => return Err(Wrong::default()),
            };
            return Err(Wrong::with_fix(format!("write {number}{binary}")));
        };
        match number.checked_mul(*size) {
            Some(octets) if (MIN..=MAX).contains(&octets) => Ok(Self(octets)),
            _ => Err(Wrong::RANGE),
        }
    }
}

/// How a number of octets is written.
pub(crate) fn show_octets(octets: u64) -> String {
    let (name, size) = SIZE_UNITS
        .iter()
        .rev()
        .find(|(_, size)| octets >= *size && octets.is_multiple_of(*size))
        .unwrap_or(&("", 1));
    format!("{}{name}", octets / size)
}

/// What times in units of `unit_us` look like.
pub(crate) fn time_form(unit_us: u64, min: u64, max: u64) -> String {
    let units = TIME_UNITS.map(|(name, us)| {
        let size = match us.checked_div(unit_us) {
            None | Some(0) => Err((unit_us / us).ilog10()),
            Some(size) => Ok(size),
        };
        (name, size)
    });
    with_units(min, max, &units)
}

/// What numbers of octets with a unit look like.
pub(crate) fn octets_form(min: u64, max: u64) -> String {
    let units = SIZE_UNITS.iter().filter(|(name, _)| !name.is_empty());
    let units: Vec<_> = units.map(|&(name, size)| (name, Ok(size))).collect();
    with_units(min, max, &units)
}

/// The parts of a value such as `20s`; a number alone is one that has no quotes.
fn number_and_unit(text: &str, plain: bool) -> Result<(u64, &str), Wrong> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).ok_or_else(Wrong::default)?;
    if number.is_empty() {
        return Err(Wrong::default());
    }
    let spaced = unit.trim_start();
    if spaced.len() < unit.len() {
        return Err(Wrong::with_fix(format!("write {number}{spaced}")));
    }
    if unit.is_empty() && !plain {
        return Err(Wrong::quoted(text));
    }
    let number = number.parse().map_err(|_| Wrong::RANGE)?;
    Ok((number, unit))
}
