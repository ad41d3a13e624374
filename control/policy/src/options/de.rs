//! The tree of a configuration as serde reads it.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::mistake::Mistake;
use crate::document::{Content, Document, Entry, NodeId};

/// Some keys of a mapping.
#[derive(Clone, Copy)]
pub(crate) struct Options<'d> {
    pub(crate) doc: &'d Document,
    pub(crate) node: NodeId,
    pub(crate) entries: &'d [Entry],
}

impl<'de> Deserializer<'de> for Options<'de> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.doc.content(self.node) {
            Content::Map(_) => visitor
                .visit_map(Keys {
                    doc: self.doc,
                    rest: self.entries.iter(),
                    value: None,
                })
                .map_err(|mistake| mistake.at(self.node)),
            _ => Value {
                doc: self.doc,
                node: self.node,
            }
            .deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// One value.
#[derive(Clone, Copy)]
struct Value<'d> {
    doc: &'d Document,
    node: NodeId,
}

impl<'de> Value<'de> {
    fn text(self) -> Option<&'de str> {
        match self.doc.content(self.node) {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// A scalar as what it reads like: only one without quotes may be a number or a truth.
    fn visit_scalar<V: Visitor<'de>>(
        text: &str,
        plain: bool,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match text {
            "true" if plain => visitor.visit_bool(true),
            "false" if plain => visitor.visit_bool(false),
            _ if plain => match (text.parse::<u64>(), text.parse::<i64>()) {
                (Ok(number), _) => visitor.visit_u64(number),
                (_, Ok(number)) => visitor.visit_i64(number),
                _ => visitor.visit_str(text),
            },
            _ => visitor.visit_str(text),
        }
    }

    fn visit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let doc = self.doc;
        match doc.content(self.node) {
            Content::Null | Content::Refused => visitor.visit_unit(),
            Content::Scalar { text, plain } => Self::visit_scalar(text, *plain, visitor),
            Content::List(items) => visitor.visit_seq(Items {
                doc,
                rest: items.iter(),
            }),
            Content::Map(entries) => visitor.visit_map(Keys {
                doc,
                rest: entries.iter(),
                value: None,
            }),
        }
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.visit(visitor).map_err(|mistake| mistake.at(self.node))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.text() {
            Some(text) => visitor
                .visit_str(text)
                .map_err(|mistake: Mistake| mistake.at(self.node)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.doc.content(self.node) {
            Content::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let Some(text) = self.text() else {
            return self.deserialize_any(visitor);
        };
        let name: StrDeserializer<'_, Mistake> = text.into_deserializer();
        visitor
            .visit_enum(name)
            .map_err(|mistake| mistake.at(self.node))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The entries of a list.
struct Items<'d> {
    doc: &'d Document,
    rest: core::slice::Iter<'d, NodeId>,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let doc = self.doc;
        self.rest
            .next()
            .map(|&node| seed.deserialize(Value { doc, node }))
            .transpose()
    }
}

/// The keys of a mapping.
struct Keys<'d> {
    doc: &'d Document,
    rest: core::slice::Iter<'d, Entry>,
    value: Option<NodeId>,
}

impl<'de> de::MapAccess<'de> for Keys<'de> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some(entry) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(entry.value);
        let name: StrDeserializer<'_, Mistake> = (*entry.key).into_deserializer();
        seed.deserialize(name)
            .map(Some)
            .map_err(|mistake: Mistake| mistake.at(entry.value))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let doc = self.doc;
        match self.value.take() {
            Some(node) => seed.deserialize(Value { doc, node }),
            None => Err(de::Error::custom("value without a key")),
        }
    }
}
