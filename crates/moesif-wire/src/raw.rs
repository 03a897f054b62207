//! JSON arrays and objects with unparsed members.

use std::{fmt, marker::PhantomData};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON array. Holds at most `MAX` items, so that an array of tiny items cannot use many times its size in
/// memory.
#[derive(Debug)]
pub struct RawArray<'a, const MAX: usize> {
    /// The first items.
    pub items: Vec<&'a RawValue>,
    /// Whether the array has more items than `MAX`.
    pub is_truncated: bool,
}

/// A JSON object as a list of names and values, in the order of the document. Holds at most `MAX` members.
#[derive(Debug)]
pub struct RawObject<'a, Name, const MAX: usize> {
    /// The first members.
    pub members: Vec<(Name, &'a RawValue)>,
    /// Whether the object has more members than `MAX`.
    pub is_truncated: bool,
}

impl<'de, const MAX: usize> Deserialize<'de> for RawArray<'de, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ArrayVisitor<const MAX: usize>;
        impl<'de, const MAX: usize> Visitor<'de> for ArrayVisitor<MAX> {
            type Value = RawArray<'de, MAX>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while items.len() < MAX {
                    match array.next_element()? {
                        Some(item) => items.push(item),
                        None => return Ok(RawArray { items, is_truncated: false }),
                    }
                }
                let mut is_truncated = false;
                while array.next_element::<IgnoredAny>()?.is_some() {
                    is_truncated = true;
                }
                Ok(RawArray { items, is_truncated })
            }
        }
        deserializer.deserialize_seq(ArrayVisitor)
    }
}

impl<'de, Name: Deserialize<'de>, const MAX: usize> Deserialize<'de> for RawObject<'de, Name, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<Name, const MAX: usize>(PhantomData<Name>);
        impl<'de, Name: Deserialize<'de>, const MAX: usize> Visitor<'de> for ObjectVisitor<Name, MAX> {
            type Value = RawObject<'de, Name, MAX>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while members.len() < MAX {
                    match object.next_entry()? {
                        Some(member) => members.push(member),
                        None => return Ok(RawObject { members, is_truncated: false }),
                    }
                }
                let mut is_truncated = false;
                while object.next_entry::<Name, IgnoredAny>()?.is_some() {
                    is_truncated = true;
                }
                Ok(RawObject { members, is_truncated })
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}
