//! Reads JSON text without parsing it into a tree. The readers of scalars are tolerant: official SDKs send
//! numbers, booleans and lone surrogates where the contract says "string".

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

/// Returns the length in bytes of the JSON string that `json` begins with, including its quotes. `None` if
/// the string has no end. The first byte must be a quote.
#[must_use]
pub fn json_string_length(json: &str) -> Option<usize> {
    let mut is_escaped = false;
    let end = json.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some(end + 2)
}

/// Removes a UTF-8 byte order mark from the start of a JSON text.
#[must_use]
pub fn without_byte_order_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json)
}

/// Returns whether the value is `null`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_string_ends_at_the_first_quote_that_is_not_escaped() {
        for (json, length) in
            [(r#""",1"#, Some(2)), (r#""a\"\\"x"#, Some(7)), (r#""a\""#, None), ("\"", None)]
        {
            assert_eq!(json_string_length(json), length, "{json}");
        }
    }
}
