//! What records are made of: values that know how many words they take, and structures of them.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::digest::Field;

/// A value that can be part of a record.
pub(crate) trait Part {
    /// Words that it takes.
    const WORDS: usize;
    /// Its parts, if they have names.
    const PARTS: &'static [Field] = &[];

    /// Writes the value.
    fn put(&self, writer: &mut Writer<'_>);
    /// Reads a value; whatever is there means something.
    fn take(reader: &mut Reader<'_>) -> Self;
}

/// Declares a structure that is written field by field: the one description that its code and
/// the layout's hash come from.
macro_rules! part {
    ($(#[$meta:meta])* $vis:vis $name:ident { $($(#[$doc:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$doc])* $vis $field: $kind,)*
        }

        impl $crate::part::Part for $name {
            const WORDS: usize = $crate::digest::words(Self::PARTS);
            const PARTS: &'static [$crate::digest::Field] = &[$($crate::digest::Field {
                name: stringify!($field),
                kind: stringify!($kind),
                words: <$kind as $crate::part::Part>::WORDS,
                parts: <$kind as $crate::part::Part>::PARTS,
            },)*];

            fn put(&self, writer: &mut $crate::part::Writer<'_>) {
                $(self.$field.put(writer);)*
            }

            fn take(reader: &mut $crate::part::Reader<'_>) -> Self {
                // Fields are evaluated in the order in which they are written here.
                Self { $($field: <$kind as $crate::part::Part>::take(reader),)* }
            }
        }
    };
}
pub(crate) use part;

/// Fills words one after another.
pub(crate) struct Writer<'a>(core::slice::IterMut<'a, u64>);

impl<'a> Writer<'a> {
    pub(crate) fn new(words: &'a mut [u64]) -> Self {
        Self(words.iter_mut())
    }

    pub(crate) fn word(&mut self, value: u64) {
        if let Some(word) = self.0.next() {
            *word = value;
        }
    }
}

/// Takes words one after another.
pub(crate) struct Reader<'a>(core::slice::Iter<'a, u64>);

impl<'a> Reader<'a> {
    pub(crate) fn new(words: &'a [u64]) -> Self {
        Self(words.iter())
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0.next().copied().unwrap_or(0)
    }
}

impl Part for u64 {
    const WORDS: usize = 1;

    fn put(&self, writer: &mut Writer<'_>) {
        writer.word(*self);
    }

    fn take(reader: &mut Reader<'_>) -> Self {
        reader.word()
    }
}

impl Part for u32 {
    const WORDS: usize = 1;

    fn put(&self, writer: &mut Writer<'_>) {
        writer.word(u64::from(*self));
    }

    fn take(reader: &mut Reader<'_>) -> Self {
        Self::try_from(reader.word() & u64::from(Self::MAX)).unwrap_or(0)
    }
}

impl Part for u16 {
    const WORDS: usize = 1;

    fn put(&self, writer: &mut Writer<'_>) {
        writer.word(u64::from(*self));
    }

    fn take(reader: &mut Reader<'_>) -> Self {
        Self::try_from(reader.word() & u64::from(Self::MAX)).unwrap_or(0)
    }
}

impl Part for bool {
    const WORDS: usize = 1;

    fn put(&self, writer: &mut Writer<'_>) {
        writer.word(u64::from(*self));
    }

    fn take(reader: &mut Reader<'_>) -> Self {
        reader.word() != 0
    }
}

/// One word that says whether there is a value, and the value's words.
impl<T: Part + Default> Part for Option<T> {
    const WORDS: usize = 1 + T::WORDS;
    const PARTS: &'static [Field] = T::PARTS;

    fn put(&self, writer: &mut Writer<'_>) {
        self.is_some().put(writer);
        match self {
            Some(value) => value.put(writer),
            None => T::default().put(writer),
        }
    }

    fn take(reader: &mut Reader<'_>) -> Self {
        let there = bool::take(reader);
        let value = T::take(reader);
        there.then_some(value)
    }
}

impl<T: Part, const N: usize> Part for [T; N] {
    const WORDS: usize = N * T::WORDS;
    const PARTS: &'static [Field] = T::PARTS;

    fn put(&self, writer: &mut Writer<'_>) {
        self.iter().for_each(|part| part.put(writer));
    }

    fn take(reader: &mut Reader<'_>) -> Self {
        core::array::from_fn(|_| T::take(reader))
    }
}

/// Two words of an IPv6 address, mapped if it is IPv4.
impl Part for IpAddr {
    const WORDS: usize = 2;

    fn put(&self, writer: &mut Writer<'_>) {
        let ip = match *self {
            Self::V4(v4) => v4.to_ipv6_mapped(),
            Self::V6(v6) => v6,
        };
        let bits = u128::from(ip);
        writer.word(u64::try_from(bits >> 64).unwrap_or(0));
        writer.word(u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0));
    }

    fn take(reader: &mut Reader<'_>) -> Self {
        let (high, low) = (reader.word(), reader.word());
        let ip = Ipv6Addr::from((u128::from(high) << 64) | u128::from(low));
        ip.to_ipv4_mapped().map_or(Self::V6(ip), Self::V4)
    }
}

/// The address, and one word of the port.
impl Part for SocketAddr {
    const WORDS: usize = IpAddr::WORDS + 1;

    fn put(&self, writer: &mut Writer<'_>) {
        self.ip().put(writer);
        writer.word(u64::from(self.port()));
    }

    fn take(reader: &mut Reader<'_>) -> Self {
        Self::new(IpAddr::take(reader), u16::take(reader))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    part! {
        #[derive(Debug, PartialEq)]
        Inner {
            address: SocketAddr,
            flag: bool,
        }
    }

    part! {
        #[derive(Debug, PartialEq)]
        Outer {
            number: u32,
            inner: Inner,
            pair: [u64; 2],
            there: Option<u32>,
            absent: Option<u16>,
        }
    }

    #[test]
    fn structures_round_trip_through_as_many_words_as_they_say() {
        let value = Outer {
            number: u32::MAX,
            inner: Inner {
                address: "[2001:db8::1]:5061".parse().unwrap(),
                flag: true,
            },
            pair: [1, u64::MAX],
            there: Some(0),
            absent: None,
        };
        let mut words = [0; Outer::WORDS];
        let mut writer = Writer::new(&mut words);
        value.put(&mut writer);
        assert_eq!(writer.0.len(), 0);
        let mut reader = Reader::new(&words);
        assert_eq!(Outer::take(&mut reader), value);
        assert_eq!(reader.0.len(), 0);
    }

    #[test]
    fn any_words_mean_something() {
        let words = [u64::MAX; Outer::WORDS];
        let value = Outer::take(&mut Reader::new(&words));
        assert_eq!(value.number, u32::MAX);
        assert_eq!(value.inner.address.port(), u16::MAX);
    }
}
