//! Keys, of the octets that a terminal sends for them.
//!
//! Only the keys that `top` has are known. What else comes, whole or in part, is nothing.

use core::mem;

use super::model::Key;

const CTRL_C: u8 = 0x03;
const BACKSPACE: u8 = 0x08;
const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// What has been read of a key that is not whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Begun {
    #[default]
    Nothing,
    /// The key Escape, or a sequence that it begins.
    Escape,
    /// A sequence that goes on up to a letter.
    Sequence,
    /// A sequence of which one octet is missing.
    Last,
}

/// Reads keys; some take several octets, which need not come together.
#[derive(Debug, Default)]
pub(super) struct Keyboard {
    begun: Begun,
    /// Octets of a letter that is not whole.
    letter: Vec<u8>,
}

impl Keyboard {
    /// Whether a key has begun that is not whole.
    pub(super) const fn is_amid(&self) -> bool {
        !matches!(self.begun, Begun::Nothing) || !self.letter.is_empty()
    }

    /// The keys that are whole with these octets.
    pub(super) fn take(&mut self, octets: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        for &octet in octets {
            self.step(octet, &mut keys);
        }
        keys
    }

    /// Nothing came for a moment: Escape was the key, and anything else that has begun is nothing.
    pub(super) fn settle(&mut self) -> Option<Key> {
        self.letter.clear();
        let begun = mem::take(&mut self.begun);
        (begun == Begun::Escape).then_some(Key::Escape)
    }

    fn step(&mut self, octet: u8, keys: &mut Vec<Key>) {
        let begun = mem::take(&mut self.begun);
        match (begun, octet) {
            (Begun::Escape, b'[') => self.begun = Begun::Sequence,
            // The second is what the console has for F1 to F5.
            (Begun::Escape, b'O') | (Begun::Sequence, b'[') => self.begun = Begun::Last,
            (Begun::Sequence, b' '..=b'?') => self.begun = Begun::Sequence,
            (Begun::Sequence, b'@'..=b'~') | (Begun::Last, b' '..=b'~') => {}
            _ => {
                keys.extend((begun == Begun::Escape).then_some(Key::Escape));
                keys.extend(self.plain(octet));
            }
        }
    }

    /// An octet that belongs to no sequence.
    fn plain(&mut self, octet: u8) -> Option<Key> {
        if !octet.is_ascii() {
            return self.letter(octet).map(Key::Letter);
        }
        self.letter.clear();
        match octet {
            ESCAPE => {
                self.begun = Begun::Escape;
                None
            }
            CTRL_C => Some(Key::Quit),
            b'\r' | b'\n' => Some(Key::Enter),
            BACKSPACE | DELETE => Some(Key::Erase),
            b' '..=b'~' => Some(Key::Letter(octet.into())),
            _ => None,
        }
    }

    /// An octet of a letter that takes several.
    fn letter(&mut self, octet: u8) -> Option<char> {
        self.letter.push(octet);
        let (letter, rest): (_, &[u8]) = match core::str::from_utf8(&self.letter) {
            Ok(text) => (text.chars().next(), &[]),
            Err(error) if error.error_len().is_none() => return None,
            // The one before was never finished; this may begin another.
            Err(_) if self.letter.len() > 1 => (None, &[octet]),
            Err(_) => (None, &[]),
        };
        self.letter.clear();
        match rest {
            [octet] => self.letter(*octet),
            _ => letter.filter(|letter| !letter.is_control()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of all `parts`, with a moment after each.
    fn keys(parts: &[&[u8]]) -> Vec<Key> {
        let mut keyboard = Keyboard::default();
        let mut keys = Vec::new();
        for part in parts {
            keys.extend(keyboard.take(part));
            keys.extend(keyboard.settle());
            assert!(!keyboard.is_amid());
        }
        keys
    }

    #[test]
    fn every_key_is_known() {
        assert_eq!(
            keys(&[b"aQ/ ~\r\n\x7f\x08\x03\x1b"]),
            [
                Key::Letter('a'),
                Key::Letter('Q'),
                Key::Letter('/'),
                Key::Letter(' '),
                Key::Letter('~'),
                Key::Enter,
                Key::Enter,
                Key::Erase,
                Key::Erase,
                Key::Quit,
                Key::Escape,
            ]
        );
        let letters = "\u{e9}\u{20ac}\u{1f600}";
        assert_eq!(
            keys(&[letters.as_bytes()]),
            letters.chars().map(Key::Letter).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_key_may_come_octet_by_octet() {
        let mut keyboard = Keyboard::default();
        assert_eq!(keyboard.take(b"\xe2"), []);
        assert_eq!(keyboard.take(b"\x82"), []);
        assert!(keyboard.is_amid());
        assert_eq!(keyboard.take(b"\xac"), [Key::Letter('\u{20ac}')]);
        for octet in b"\x1b[1;5" {
            assert_eq!(keyboard.take(&[*octet]), []);
            assert!(keyboard.is_amid());
        }
        assert_eq!(keyboard.take(b"A"), []);
        assert!(!keyboard.is_amid());
    }

    #[test]
    fn other_keys_are_nothing() {
        let others: [&[u8]; 8] = [
            b"\0\x01\x1a\x1f",
            b"\x1b[A\x1b[1;5D\x1b[15~\x1b[200~\x1b[201~\x1b[I",
            b"\x1bOP\x1b[[A",
            b"\xff\xfe\x80\xc0",
            b"\xc2\x85",
            b"\xc3",
            b"\x1b[",
            b"\x1bO",
        ];
        for other in others {
            assert_eq!(keys(&[other]), [], "{other:?}");
            assert_eq!(keys(&[other, b"q"]), [Key::Letter('q')], "{other:?}");
        }
    }

    #[test]
    fn what_is_unfinished_swallows_nothing_but_its_own() {
        let quit = [Key::Letter('q')];
        for begun in [b"\xff".as_slice(), b"\xc3", b"\xe2\x82", b"\xc3\xff"] {
            assert_eq!(keys(&[&[begun, b"q"].concat()]), quit, "{begun:?}");
        }
        assert_eq!(keys(&[b"\xe2\xc3\xa9"]), [Key::Letter('\u{e9}')]);
        for begun in [b"\x1b[".as_slice(), b"\x1b[20", b"\x1bO"] {
            assert_eq!(keys(&[&[begun, b"\x03"].concat()]), [Key::Quit]);
            assert_eq!(keys(&[&[begun, b"\x1b"].concat()]), [Key::Escape]);
        }
    }

    #[test]
    fn escape_is_itself_before_any_other_key() {
        assert_eq!(keys(&[b"\x1bq"]), [Key::Escape, Key::Letter('q')]);
        assert_eq!(keys(&[b"\x1b\x1b"]), [Key::Escape; 2]);
        assert_eq!(keys(&[b"\x1b", b"["]), [Key::Escape, Key::Letter('[')]);
    }
}
