//! Keys as people keep them: PEM (RFC 7468) around DER.

use core::fmt::Write as _;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The first item called `label`; `None` when there is none or it does not read.
pub(crate) fn read(text: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let letters: Vec<u8> = body.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    from_base64(&letters)
}

/// An item called `label`.
pub(crate) fn write(der: &[u8], label: &str) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let letters = to_base64(der);
    let mut rest = letters.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
        rest = after;
    }
    let _ = writeln!(text, "-----END {label}-----");
    text
}

/// Base 64 (RFC 4648 section 4), padded.
pub(crate) fn to_base64(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for chunk in octets.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let group = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let letter = LETTERS.get((group >> (18 - 6 * i) & 63) as usize);
            text.push(if i > chunk.len() {
                '='
            } else {
                char::from(*letter.unwrap_or(&b'='))
            });
        }
    }
    text
}

/// The octets; `None` unless `letters` are just what [`to_base64`] makes of them.
pub(crate) fn from_base64(letters: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(letters.len() / 4 * 3);
    for chunk in letters.chunks(4) {
        let mut group = 0;
        for &letter in chunk {
            let value = match letter {
                b'=' => 0,
                letter => LETTERS.iter().position(|&l| l == letter)?,
            };
            group = group << 6 | u32::try_from(value).ok()?;
        }
        let [_, high, middle, low] = group.to_be_bytes();
        let padding = chunk.iter().filter(|&&letter| letter == b'=').count();
        octets.extend(
            [high, middle, low]
                .iter()
                .take(3_usize.checked_sub(padding)?),
        );
    }
    (to_base64(&octets).as_bytes() == letters).then_some(octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648_section_10() {
        for (octets, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(to_base64(octets.as_bytes()), text);
            assert_eq!(from_base64(text.as_bytes()).unwrap(), octets.as_bytes());
        }
        for bad in ["Z", "Zg", "Zg=", "Zh==", "=Zg=", "Z===", "====", "Zm9v!mFy"] {
            assert_eq!(from_base64(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn items_read_back(der in any::<Vec<u8>>()) {
            let text = write(&der, "PUBLIC KEY");
            prop_assert!(text.lines().all(|line| line.len() <= 64));
            prop_assert_eq!(read(&text, "PUBLIC KEY"), Some(der));
            prop_assert_eq!(read(&text, "PRIVATE KEY"), None);
        }

        #[test]
        fn no_text_panics(letters in any::<Vec<u8>>()) {
            let _ = from_base64(&letters);
        }
    }
}
