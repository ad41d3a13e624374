//! The description of the layout, and its hash at compile time.
//!
//! Whatever lies in the region is described once, as [`Field`]s, by the macro or the list that
//! also gives it its place; the hash covers names, kinds, sizes and, with the order, offsets.

/// A named run of words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Its name.
    pub name: &'static str,
    /// What is in it: a type of Rust.
    pub kind: &'static str,
    /// Words that it takes.
    pub words: usize,
    /// What it consists of, if it has parts with names.
    pub parts: &'static [Self],
}

impl Field {
    /// An area of `words` words that begins with `parts`.
    pub(crate) const fn area(name: &'static str, words: usize, parts: &'static [Self]) -> Self {
        Self {
            name,
            kind: "",
            words,
            parts,
        }
    }

    /// One word without parts.
    pub(crate) const fn word(name: &'static str) -> Self {
        Self {
            name,
            kind: "u64",
            words: 1,
            parts: &[],
        }
    }
}

/// Declares an enumeration whose variants name places one after another, each like `$each`.
macro_rules! places {
    (
        $(#[$meta:meta])* $name:ident, $each:expr;
        $($(#[$doc:meta])* $variant:ident $text:literal,)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// Every one with its name, in order.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$variant, $text),)*];
        }

        /// The places, described.
        pub(crate) const FIELDS: &[$crate::digest::Field] = &[$($crate::digest::Field {
            name: $text,
            ..$each
        },)*];
    };
}
pub(crate) use places;

/// Words that `fields` take, one after another.
pub(crate) const fn words(mut fields: &[Field]) -> usize {
    let mut sum = 0;
    while let Some((first, rest)) = fields.split_first() {
        sum += first.words;
        fields = rest;
    }
    sum
}

/// FNV-1a, which the compiler can work out. Guards against builds that differ, not against
/// forgery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest(u64);

impl Digest {
    const PRIME: u64 = 0x0000_0100_0000_01b3;

    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) const fn octets(self, mut octets: &[u8]) -> Self {
        let mut hash = self.0;
        while let Some((&octet, rest)) = octets.split_first() {
            hash = (hash ^ octet as u64).wrapping_mul(Self::PRIME);
            octets = rest;
        }
        Self(hash)
    }

    /// With its length, so that "ab" and "c" differ from "a" and "bc".
    pub(crate) const fn text(self, text: &str) -> Self {
        self.number(text.len()).octets(text.as_bytes())
    }

    pub(crate) const fn number(self, number: usize) -> Self {
        self.octets(&(number as u64).to_le_bytes())
    }

    /// Fields that begin `at` words into their area.
    pub(crate) const fn fields(self, mut at: usize, mut fields: &[Field]) -> Self {
        let mut digest = self.number(fields.len());
        while let Some((field, rest)) = fields.split_first() {
            digest = digest.text(field.name).text(field.kind);
            digest = digest.number(at).number(field.words);
            digest = digest.fields(at, field.parts);
            at += field.words;
            fields = rest;
        }
        digest
    }

    pub(crate) const fn finish(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(fields: &[Field]) -> u64 {
        Digest::new().fields(0, fields).finish()
    }

    #[test]
    fn octets_hash_as_fnv_1a_does() {
        // Test vectors of the FNV reference.
        assert_eq!(Digest::new().finish(), 0xcbf2_9ce4_8422_2325);
        assert_eq!(Digest::new().octets(b"a").finish(), 0xaf63_dc4c_8601_ec8c);
        let foobar = Digest::new().octets(b"foobar");
        assert_eq!(foobar.finish(), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn name_kind_size_order_and_parts_all_count() {
        const TAKEN: Field = Field::word("taken");
        const RETURNED: Field = Field::word("returned");
        let plain = hash(&[TAKEN, RETURNED]);
        let differing = [
            hash(&[RETURNED, TAKEN]),
            hash(&[TAKEN]),
            hash(&[TAKEN, RETURNED, Field::word("most")]),
            hash(&[TAKEN, Field::word("given")]),
            hash(&[
                TAKEN,
                Field {
                    kind: "u16",
                    ..RETURNED
                },
            ]),
            hash(&[
                TAKEN,
                Field {
                    words: 2,
                    ..RETURNED
                },
            ]),
            hash(&[
                TAKEN,
                Field {
                    parts: &[TAKEN],
                    ..RETURNED
                },
            ]),
        ];
        assert!(differing.iter().all(|&hash| hash != plain));
    }
}
