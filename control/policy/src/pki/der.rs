//! As much DER (X.690) as telling private keys apart takes.

/// Tag of an INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// Tag of an OCTET STRING.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// Tag of a SEQUENCE.
pub(crate) const SEQUENCE: u8 = 0x30;

/// Splits the first element off: its tag, its content, and what follows.
pub(crate) fn split(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = octets.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        let len = digits.iter().fold(0, |n, &b| (n << 8) | usize::from(b));
        (len, rest)
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((tag, content, rest))
}

/// The same for an element that must have `tag`: its content and what follows.
pub(crate) fn expect(octets: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    match split(octets)? {
        (found, content, rest) if found == tag => Some((content, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_split_and_short_ones_are_refused() {
        assert_eq!(split(&[4, 2, 1, 2, 9]), Some((4, &[1, 2][..], &[9][..])));
        assert_eq!(split(&[4, 0x81, 1, 7]), Some((4, &[7][..], &[][..])));
        for bad in [
            &[][..],
            &[4],
            &[4, 3, 1, 2],
            &[4, 0x80],
            &[4, 0x85, 0, 0, 0, 0, 1, 9],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(split(bad), None, "{bad:?}");
        }
    }
}
