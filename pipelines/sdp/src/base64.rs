//! Base64 (RFC 4648 §4) of keys: fixed buffers, so that no copy of a key stays behind on the heap.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends `bytes` to `out`, padded. Room for four octets per three must be there already, or
/// the growth of `out` leaves a copy behind.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for group in bytes.chunks(3) {
        let octet = |i: usize| group.get(i).copied().unwrap_or(0);
        let bits = u32::from_be_bytes([0, octet(0), octet(1), octet(2)]);
        for (i, shift) in [18u32, 12, 6, 0].into_iter().enumerate() {
            let index = (bits >> shift) as usize & 0x3f;
            let symbol = if i <= group.len() {
                ALPHABET.get(index)
            } else {
                None
            };
            out.push(symbol.copied().unwrap_or(b'='));
        }
    }
}

/// Decodes `text` into `out` and returns how many octets it holds; `None` if `text` has another
/// character or does not fit.
///
/// Padding may be missing or too long: stacks in the field get it wrong both ways.
pub(crate) fn decode(text: &[u8], out: &mut [u8]) -> Option<usize> {
    let end = text.iter().rposition(|&b| b != b'=').map_or(0, |i| i + 1);
    let (mut bits, mut held, mut len) = (0u32, 0u32, 0usize);
    for &b in text.get(..end)? {
        bits = (bits << 6) | u32::from(sextet(b)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            let [.., octet] = (bits >> held).to_be_bytes();
            *out.get_mut(len)? = octet;
            len += 1;
        }
    }
    (held != 6).then_some(len)
}

const fn sextet(b: u8) -> Option<u8> {
    Some(match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<Vec<u8>> {
        let mut out = [0; 64];
        decode(text.as_bytes(), &mut out).map(|n| out[..n].to_vec())
    }

    #[test]
    fn rfc_4648_vectors() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            encode(plain.as_bytes(), &mut out);
            assert_eq!(out, text.as_bytes());
            assert_eq!(decoded(text).unwrap(), plain.as_bytes());
        }
    }

    #[test]
    fn padding_may_be_missing_or_excessive() {
        assert_eq!(decoded("Zg").unwrap(), b"f");
        assert_eq!(decoded("Zg=").unwrap(), b"f");
        assert_eq!(decoded("Zm9v==").unwrap(), b"foo");
    }

    #[test]
    fn other_characters_and_lone_sextets_are_refused() {
        assert_eq!(decoded("Z"), None);
        assert_eq!(decoded("Zm9vY"), None);
        assert_eq!(decoded("Z=g="), None);
        assert_eq!(decoded("Zm 9v"), None);
        assert_eq!(decoded("Zm-_"), None);
    }

    #[test]
    fn output_is_bounded_by_the_buffer() {
        assert_eq!(decode(b"Zm9vYmFy", &mut [0; 5]), None);
    }
}
