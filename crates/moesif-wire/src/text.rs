//! Tolerant readers for JSON scalars. Official SDKs send numbers, booleans and lone surrogates where the
//! contract says "string".

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

/// A JSON string as UTF-8. UTF-8 cannot hold a lone surrogate escape, so it becomes U+FFFD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossyText<'a>(pub Cow<'a, str>);

impl<'de> Deserialize<'de> for LossyText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = LossyText<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(LossyText(String::from_utf8_lossy(bytes)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(LossyText(Cow::Owned(String::from_utf8_lossy(bytes).into_owned())))
            }
        }
        deserializer.deserialize_bytes(TextVisitor)
    }
}

/// Returns the text of a string, number or boolean. `None` for null, an object or an array.
#[must_use]
pub fn scalar(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str::<LossyText<'_>>(json).ok().map(|text| text.0),
        b'n' | b'{' | b'[' => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

/// Whether the value is `null`.
pub(crate) fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

/// Returns the first 60 characters of a value's JSON text, for a message. The value may be a megabyte long.
pub(crate) fn excerpt(json: &str) -> String {
    const MAX_CHARACTERS: usize = 60;
    let mut excerpt: String = json.chars().take(MAX_CHARACTERS).collect();
    if excerpt.len() < json.len() {
        excerpt.push('…');
    }
    excerpt
}
