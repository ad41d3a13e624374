//! Bencoding, as rtpengine's control protocol has it.

use std::collections::BTreeMap;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Vec<u8>),
    Number(i64),
    List(Vec<Self>),
    Dictionary(BTreeMap<Vec<u8>, Self>),
}

impl Value {
    /// A text.
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    /// A dictionary.
    pub(crate) fn dictionary<const N: usize>(entries: [(&str, Self); N]) -> Self {
        let entries = entries.map(|(key, value)| (key.as_bytes().to_vec(), value));
        Self::Dictionary(BTreeMap::from(entries))
    }

    /// The text under `key` of a dictionary.
    pub(crate) fn get(&self, key: &str) -> Option<String> {
        let Self::Dictionary(entries) = self else {
            return None;
        };
        match entries.get(key.as_bytes())? {
            Self::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        }
    }

    /// The value as octets.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_to(&mut out);
        out
    }

    fn encode_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => encode_text(text, out),
            Self::Number(number) => out.extend(format!("i{number}e").bytes()),
            Self::List(items) => {
                out.push(b'l');
                items.iter().for_each(|item| item.encode_to(out));
                out.push(b'e');
            }
            Self::Dictionary(entries) => {
                out.push(b'd');
                for (key, value) in entries {
                    encode_text(key, out);
                    value.encode_to(out);
                }
                out.push(b'e');
            }
        }
    }

    /// The value that `octets` are; `None` if they are none, or more than one.
    pub(crate) fn decode(octets: &[u8]) -> Option<Self> {
        match Self::decode_front(octets)? {
            (value, []) => Some(value),
            _ => None,
        }
    }

    fn decode_front(octets: &[u8]) -> Option<(Self, &[u8])> {
        let (first, rest) = octets.split_first()?;
        match first {
            b'i' => {
                let (digits, rest) = split_at_octet(rest, b'e')?;
                let number = str::from_utf8(digits).ok()?.parse().ok()?;
                Some((Self::Number(number), rest))
            }
            b'l' => {
                let (mut items, mut rest) = (Vec::new(), rest);
                while let Some((item, behind)) = Self::decode_front(rest) {
                    items.push(item);
                    rest = behind;
                }
                Some((Self::List(items), rest.strip_prefix(b"e")?))
            }
            b'd' => {
                let (mut entries, mut rest) = (BTreeMap::new(), rest);
                while let Some((key, behind)) = decode_text(rest) {
                    let (value, behind) = Self::decode_front(behind)?;
                    entries.insert(key, value);
                    rest = behind;
                }
                Some((Self::Dictionary(entries), rest.strip_prefix(b"e")?))
            }
            _ => decode_text(octets).map(|(text, rest)| (Self::Text(text), rest)),
        }
    }
}

fn encode_text(text: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("{}:", text.len()).bytes());
    out.extend(text);
}

fn decode_text(octets: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (digits, rest) = split_at_octet(octets, b':')?;
    let len = str::from_utf8(digits).ok()?.parse().ok()?;
    let (text, rest) = rest.split_at_checked(len)?;
    Some((text.to_vec(), rest))
}

fn split_at_octet(octets: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let at = octets.iter().position(|&octet| octet == wanted)?;
    Some((octets.get(..at)?, octets.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip() {
        let value = Value::dictionary([
            ("command", Value::text("offer")),
            (
                "direction",
                Value::List(vec![Value::text("out"), Value::text("in")]),
            ),
            ("number", Value::Number(-42)),
            ("nested", Value::dictionary([("empty", Value::text(""))])),
        ]);
        let octets = value.encode();
        assert_eq!(
            String::from_utf8_lossy(&octets),
            "d7:command5:offer9:directionl3:out2:ine6:nestedd5:empty0:e6:numberi-42ee"
        );
        assert_eq!(Value::decode(&octets), Some(value));
    }

    #[test]
    fn truncated_and_surplus_octets_are_no_value() {
        let octets = Value::dictionary([("a", Value::List(vec![Value::Number(1)]))]).encode();
        for len in 0..octets.len() {
            assert_eq!(Value::decode(&octets[..len]), None, "{len}");
        }
        assert_eq!(Value::decode(b"1:ab"), None);
        assert_eq!(Value::decode(b"9:a"), None);
        assert_eq!(Value::decode(b"i1x"), None);
    }
}
