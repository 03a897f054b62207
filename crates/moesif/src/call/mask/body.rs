//! Removes keys from JSON bodies.
//!
//! Rewrites the document as text in one pass, without parsing it into a tree. The remaining text is unchanged
//! byte for byte.

use std::borrow::Cow;

use moesif_wire::Body;
use moesif_wire::text::json_string_length;
use serde_json::value::RawValue;

use crate::memory;

/// Keys to remove from JSON documents.
///
/// An entry is a key at any depth (`password`) and also a path of keys from the root (`user.card.number`). A
/// path goes through arrays. Keys are case-sensitive and are compared after JSON escapes are decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyMask {
    entries: Vec<String>,
}

impl BodyMask {
    /// Returns a mask of these entries. Empty entries are ignored.
    #[must_use]
    pub fn new(entries: Vec<String>) -> Self {
        Self { entries: entries.into_iter().filter(|entry| !entry.is_empty()).collect() }
    }

    /// Returns whether the mask has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the document without masked members. `None` if it is nested too deeply, a key cannot be decoded,
    /// or there is no memory for the result.
    #[must_use]
    pub fn apply<'a>(&self, document: &'a RawValue) -> Option<Cow<'a, RawValue>> {
        if self.is_empty() {
            return Some(Cow::Borrowed(document));
        }
        let mut rewriter =
            Rewriter { mask: self, rest: document.get(), out: String::new(), path: String::new() };
        if !memory::try_reserve_text(&mut rewriter.out, document.get().len()) {
            return None;
        }
        rewriter.value(0)?;
        if rewriter.out.len() == document.get().len() {
            return Some(Cow::Borrowed(document));
        }
        RawValue::from_string(rewriter.out).ok().map(Cow::Owned)
    }

    /// Returns a recorded body without masked members. `None` if the body is not a whole JSON document.
    pub(crate) fn apply_to_body<'a>(&self, body: Body<'a>) -> Option<Body<'a>> {
        if self.is_empty() {
            return Some(body);
        }
        match body {
            Body::Json(Cow::Borrowed(document)) => self.apply(document).map(Body::Json),
            Body::Json(Cow::Owned(document)) => {
                let masked = match self.apply(&document)? {
                    Cow::Owned(masked) => Some(masked),
                    Cow::Borrowed(_) => None,
                };
                Some(Body::Json(Cow::Owned(masked.unwrap_or(document))))
            }
            Body::Bytes(_) | Body::Base64(_) => None,
        }
    }

    fn masks(&self, key: &str, path: &str) -> bool {
        self.entries.iter().any(|entry| entry == key || entry == path)
    }
}

/// Maximum depth of a document. Each level uses stack, and a thread of the application may have little.
/// Deeper bodies are sent as base64 anyway.
const MAX_DEPTH: usize = 100;

/// Copies a valid JSON text without masked members.
struct Rewriter<'a> {
    mask: &'a BodyMask,
    rest: &'a str,
    out: String,
    /// Keys that lead to the current value, joined by dots.
    path: String,
}

impl<'a> Rewriter<'a> {
    fn value(&mut self, depth: usize) -> Option<()> {
        self.copy_space();
        match self.rest.bytes().next()? {
            _ if depth > MAX_DEPTH => None,
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            _ => {
                let scalar = self.take_scalar()?;
                self.out.push_str(scalar);
                Some(())
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.copy(1)?;
        let mut is_first = true;
        loop {
            let member = self.out.len();
            self.copy_space();
            match self.rest.bytes().next()? {
                b'}' => return self.copy(1),
                b',' => {
                    self.copy(1)?;
                    self.copy_space();
                }
                _ => {}
            }
            let name = self.take_scalar()?;
            let key: Cow<'_, str> = serde_json::from_str::<String>(name).ok()?.into();
            let outer = self.path.len();
            if outer > 0 {
                self.path.push('.');
            }
            self.path.push_str(&key);
            let is_masked = self.mask.masks(&key, &self.path);
            self.out.push_str(name);
            self.copy_space();
            self.copy(1)?; // the colon
            self.value(depth + 1)?;
            self.path.truncate(outer);
            if is_masked {
                self.out.truncate(member);
            } else {
                if is_first {
                    self.drop_comma(member);
                }
                is_first = false;
            }
        }
    }

    /// Removes the comma before the first member that is kept.
    fn drop_comma(&mut self, member: usize) {
        if let Some(comma) = self
            .out
            .get(member..)
            .filter(|text| text.trim_start().starts_with(','))
            .and_then(|text| text.find(','))
        {
            self.out.remove(member + comma);
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.copy(1)?;
        loop {
            self.copy_space();
            match self.rest.bytes().next()? {
                b']' => return self.copy(1),
                b',' => self.copy(1)?,
                _ => {}
            }
            self.value(depth + 1)?;
        }
    }

    fn copy(&mut self, length: usize) -> Option<()> {
        let (copied, rest) = self.rest.split_at_checked(length)?;
        self.out.push_str(copied);
        self.rest = rest;
        Some(())
    }

    fn copy_space(&mut self) {
        let space = self.rest.len() - self.rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        // Succeeds: white space consists of single-byte characters.
        let _ = self.copy(space);
    }

    /// Takes a string with its quotes, a number, `true`, `false` or `null`.
    fn take_scalar(&mut self) -> Option<&'a str> {
        let length = if self.rest.starts_with('"') {
            json_string_length(self.rest)?
        } else {
            self.rest.find([',', '}', ']', ' ', '\t', '\n', '\r']).unwrap_or(self.rest.len())
        };
        let (scalar, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(document: &str, entries: &[&str]) -> String {
        let document: &RawValue = serde_json::from_str(document).unwrap();
        let mask = BodyMask::new(entries.iter().map(|entry| (*entry).to_owned()).collect());
        mask.apply(document).unwrap().get().to_owned()
    }

    #[test]
    fn key_is_removed_at_every_depth_and_the_rest_is_unchanged() {
        for (document, kept) in [
            (r#"{"password":"x","a":1.50}"#, r#"{"a":1.50}"#),
            (r#"{"a":1,"password":{"b":[1,2]}}"#, r#"{"a":1}"#),
            (r#"{"a":1,"password":1,"b":2}"#, r#"{"a":1,"b":2}"#),
            (r#"{"password":1,"password":2,"a":3}"#, r#"{"a":3}"#),
            (r#"{"password":1}"#, "{}"),
            (r#"[{"password":1},{"a":{"password":2,"b":3}}]"#, r#"[{},{"a":{"b":3}}]"#),
            (r#"{"pass\u0077ord":1,"a":"\"}{,password\\"}"#, r#"{"a":"\"}{,password\\"}"#),
            (r#"{"a":"password"}"#, r#"{"a":"password"}"#),
            (r#"{"Password":1}"#, r#"{"Password":1}"#),
            ("{}", "{}"),
            ("[]", "[]"),
            ("[1,null,true,\"x\"]", "[1,null,true,\"x\"]"),
        ] {
            assert_eq!(masked(document, &["password"]), kept, "{document}");
        }
        let spaced =
            masked("{ \"password\" : 1 , \"a\" : [ 1 , 2 ] , \"b\" : { \"password\" : 2 } }", &["password"]);
        let value: serde_json::Value = serde_json::from_str(&spaced).unwrap();
        assert_eq!(value, serde_json::json!({"a": [1, 2], "b": {}}), "{spaced}");
    }

    #[test]
    fn path_starts_at_the_root_and_goes_through_arrays() {
        let document = r#"{"user":{"card":[{"number":1,"kind":"x"}],"number":2},"number":3}"#;
        assert_eq!(
            masked(document, &["user.card.number"]),
            r#"{"user":{"card":[{"kind":"x"}],"number":2},"number":3}"#
        );
        assert_eq!(masked(document, &["card.number"]), document);
        assert_eq!(masked(r#"{"a.b":1,"a":{"b":2}}"#, &["a.b"]), r#"{"a":{}}"#);
    }

    #[test]
    fn document_with_an_invalid_key_or_too_much_depth_is_refused() {
        let document: &RawValue = serde_json::from_str(r#"{"\ud800":1,"a":2}"#).unwrap();
        assert!(BodyMask::new(vec!["a".to_owned()]).apply(document).is_none());
        let deep = "[".repeat(2000) + &"]".repeat(2000);
        let deep: &RawValue = serde_json::from_str(&deep).unwrap();
        assert!(BodyMask::new(vec!["a".to_owned()]).apply(deep).is_none());
    }

    mod compared_with_a_parsed_tree {
        use super::*;
        use serde_json::{Value, json};

        fn remove(value: &mut Value, key: &str) {
            match value {
                Value::Object(members) => {
                    members.remove(key);
                    members.values_mut().for_each(|member| remove(member, key));
                }
                Value::Array(items) => items.iter_mut().for_each(|item| remove(item, key)),
                _ => {}
            }
        }

        /// Returns a random document.
        fn document(seed: &mut u64, depth: usize) -> Value {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let draw = *seed >> 33;
            match draw % if depth == 0 { 3 } else { 6 } {
                0 => json!(draw),
                1 => json!("k\"\\,{"),
                2 => Value::Null,
                3 => (0..draw % 4).map(|_| document(seed, depth - 1)).collect(),
                _ => {
                    let keys = ["k", "a", "b", "k2"].into_iter().take(usize::try_from(draw % 5).unwrap());
                    keys.map(|key| (key.to_owned(), document(seed, depth - 1))).collect()
                }
            }
        }

        #[test]
        fn rewritten_text_equals_the_tree_without_the_key() {
            let mut seed = 7;
            for _ in 0..2000 {
                let mut tree = document(&mut seed, 5);
                for text in [tree.to_string(), serde_json::to_string_pretty(&tree).unwrap()] {
                    let kept: Value = serde_json::from_str(&masked(&text, &["k"])).unwrap();
                    let mut expected = tree.clone();
                    remove(&mut expected, "k");
                    assert_eq!(kept, expected, "{text}");
                }
                remove(&mut tree, "k");
            }
        }
    }
}
