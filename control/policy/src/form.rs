//! What words look like, as the regular expressions (ECMA-262) of the JSON Schema.
//!
//! Each stands beside the reader of its kind in `value`; tests hold the two against each other.

/// What words of a kind look like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    /// All of it matches this; empty when anything does.
    pub(crate) pattern: String,
    /// None of it matches this.
    pub(crate) except: Option<&'static str>,
    /// Characters at most.
    pub(crate) longest: Option<usize>,
    /// What else a word may look like that has no quotes: types of JSON.
    pub(crate) bare: &'static [&'static str],
    /// Least and most, if it looks like a number.
    pub(crate) range: (Option<u64>, Option<u64>),
    /// Or it is of this form.
    pub(crate) or: Option<Box<Self>>,
}

impl Form {
    /// Words that match `pattern` from end to end.
    pub(crate) fn of(pattern: &str) -> Self {
        Self {
            pattern: format!("^({pattern})$"),
            ..Self::default()
        }
    }
}

/// Looks like a number or a truth when it has no quotes.
pub(crate) const BARE_WORDS: &[&str] = &["number", "boolean"];

/// Decimal numbers from `min` to `max`, without leading zeros.
pub(crate) fn decimal(min: u64, max: u64) -> String {
    let digits = |n: u64| n.checked_ilog10().map_or(0, |log| log);
    let mut all = Vec::new();
    for power in digits(min)..=digits(max) {
        let least = if power == 0 { 0 } else { 10_u64.pow(power) };
        let most = 10_u64.checked_pow(power + 1).map_or(u64::MAX, |n| n - 1);
        let (low, high) = (min.max(least).to_string(), max.min(most).to_string());
        between(String::new(), low.as_bytes(), high.as_bytes(), &mut all);
    }
    format!("({})", all.join("|"))
}

/// The same with leading zeros, which change nothing.
pub(crate) fn padded(min: u64, max: u64) -> String {
    format!("0*{}", decimal(min, max))
}

/// Numbers from `low` to `high`, both of so many digits, behind `before`.
fn between(before: String, low: &[u8], high: &[u8], all: &mut Vec<String>) {
    let (Some((&first, low_rest)), Some((&last, high_rest))) =
        (low.split_first(), high.split_first())
    else {
        all.push(before);
        return;
    };
    if first == last {
        let before = format!("{before}{}", char::from(first));
        return between(before, low_rest, high_rest, all);
    }
    let full_from = low_rest.iter().all(|&digit| digit == b'0');
    let full_to = high_rest.iter().all(|&digit| digit == b'9');
    if !full_from {
        let nines = vec![b'9'; low_rest.len()];
        between(
            format!("{before}{}", char::from(first)),
            low_rest,
            &nines,
            all,
        );
    }
    let from = first + u8::from(!full_from);
    let to = last - u8::from(!full_to);
    if from <= to {
        let digit = class(from, to);
        all.push(format!("{before}{digit}{}", any_digits(low_rest.len())));
    }
    if !full_to {
        let zeros = vec![b'0'; high_rest.len()];
        between(
            format!("{before}{}", char::from(last)),
            &zeros,
            high_rest,
            all,
        );
    }
}

fn class(from: u8, to: u8) -> String {
    let (from, to) = (char::from(from), char::from(to));
    if from == to {
        from.to_string()
    } else {
        format!("[{from}-{to}]")
    }
}

fn any_digits(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "[0-9]".into(),
        count => format!("[0-9]{{{count}}}"),
    }
}

/// IPv4 addresses.
pub(crate) fn ipv4() -> String {
    let octet = decimal(0, 255);
    format!("({octet}\\.){{3}}{octet}")
}

/// IPv6 addresses (RFC 4291 section 2.2), without a zone.
pub(crate) fn ipv6() -> String {
    const GROUPS: usize = 8;
    let (group, v4) = ("[0-9a-fA-F]{1,4}", ipv4());
    let mut all = vec![
        format!("({group}:){{7}}{group}"),
        format!("({group}:){{6}}{v4}"),
    ];
    // By the groups before '::', which stands for at least one.
    for before in 0..GROUPS {
        let head = match before {
            0 => String::new(),
            1 => group.to_owned(),
            before => format!("({group}:){{{}}}{group}", before - 1),
        };
        let after = GROUPS - 1 - before;
        let mut tails = Vec::new();
        if let Some(more) = after.checked_sub(1) {
            tails.push(format!("{group}(:{group}){{0,{more}}}"));
        }
        if let Some(more) = after.checked_sub(2) {
            tails.push(format!("({group}:){{0,{more}}}{v4}"));
        }
        let tail = match tails.as_slice() {
            [] => String::new(),
            tails => format!("({})?", tails.join("|")),
        };
        all.push(format!("{head}::{tail}"));
    }
    all.join("|")
}

/// Numbers from `min` to `max` of a base unit, in any of `units`: their names and how many of
/// the base each is, which is a power of ten below it (`Err`).
pub(crate) fn with_units(min: u64, max: u64, units: &[(&str, Result<u64, u32>)]) -> String {
    let forms = units.iter().filter_map(|(name, size)| match *size {
        Ok(size) => {
            let (from, to) = (min.div_ceil(size), max / size);
            (from <= to).then(|| format!("{}{name}", padded(from, to)))
        }
        Err(zeros) => {
            let zeros = "0".repeat(usize::try_from(zeros).unwrap_or_default());
            Some(format!("{}{zeros}{name}", padded(min, max)))
        }
    });
    forms.collect::<Vec<_>>().join("|")
}

/// `words`, letter by letter in any case; what `between` matches may stand around the letters.
pub(crate) fn any_case(words: &[&str], between: &str) -> String {
    let letter = |c: char| match (c.to_ascii_lowercase(), c.to_ascii_uppercase()) {
        (lower, upper) if lower != upper => format!("[{upper}{lower}]{between}"),
        _ => format!("{c}{between}"),
    };
    let kept = |c: &char| between.is_empty() || c.is_ascii_alphanumeric();
    let word = |word: &&str| word.chars().filter(kept).map(letter).collect::<String>();
    let words: Vec<_> = words.iter().map(word).collect();
    format!("{between}({})", words.join("|"))
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    fn regex(pattern: &str) -> Regex {
        Regex::new(&Form::of(pattern).pattern).unwrap()
    }

    #[test]
    fn decimal_numbers_are_those_of_their_range() {
        for (min, max) in [
            (0, 0),
            (0, 9),
            (1, 300),
            (5, 3_600),
            (99, 1_001),
            (576, 9_216),
        ] {
            let regex = regex(&decimal(min, max));
            for n in 0..12_000 {
                assert_eq!(
                    regex.is_match(&n.to_string()),
                    (min..=max).contains(&n),
                    "{n}"
                );
            }
            assert!(!regex.is_match("") && !regex.is_match("00"));
        }
        assert!(regex(&decimal(0, u64::MAX)).is_match(&u64::MAX.to_string()));
        assert!(!regex(&decimal(0, u64::MAX)).is_match("18446744073709551616"));
    }

    proptest! {
        #[test]
        fn ipv6_addresses_are_those_that_read(text in "([0-9a-f]{1,5}|:|::|1\\.2\\.3\\.4|0){1,17}") {
            prop_assert_eq!(regex(&ipv6()).is_match(&text), text.parse::<Ipv6Addr>().is_ok());
        }

        #[test]
        fn every_ipv6_address_matches(bits in any::<u128>(), mask in any::<u128>()) {
            // Most of some groups are zero, which are written as '::'.
            let address = Ipv6Addr::from(bits & mask & (mask << 16));
            prop_assert!(regex(&ipv6()).is_match(&address.to_string()));
        }

        #[test]
        fn ipv4_addresses_are_those_that_read(text in "[0-9]{1,3}(\\.[0-9]{1,3}){2,4}") {
            prop_assert_eq!(regex(&ipv4()).is_match(&text), text.parse::<Ipv4Addr>().is_ok());
        }
    }
}
