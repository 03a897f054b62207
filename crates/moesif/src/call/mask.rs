//! Removing what must not be recorded: keys of JSON bodies, headers, query parameters.
//!
//! In: an entry list and what was captured. Out: the same without the entries. A body is rewritten as text, in one pass:
//! what stays is byte for byte what it was, and nothing is parsed into a tree. Whatever cannot be understood well enough
//! to be sure is removed (`docs/guarantees.md`, I-24).

use std::borrow::Cow;

use moesif_wire::{Body, Headers};
use serde_json::value::RawValue;

/// Everything that is removed from every event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// Request headers, by name in any case.
    pub request_headers: Vec<String>,
    /// Response headers, by name in any case.
    pub response_headers: Vec<String>,
    /// Keys of request bodies.
    pub request_body: BodyMask,
    /// Keys of response bodies.
    pub response_body: BodyMask,
    /// Query parameters of the URI.
    pub query: Vec<String>,
}

/// Removes headers by name in any case.
pub(crate) fn mask_headers(headers: &mut Headers<'_>, names: &[String]) {
    if !names.is_empty() {
        headers.retain(|name| !names.iter().any(|masked| masked.eq_ignore_ascii_case(name)));
    }
}

/// Keys to remove from JSON documents.
///
/// An entry is a key at any depth (`password`), and is also tried as a path of keys from the root (`user.card.number`),
/// arrays on the way being looked through. Keys are compared exactly, after their escapes are undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyMask {
    entries: Vec<String>,
}

impl BodyMask {
    /// A mask of these entries; empty ones mask nothing.
    #[must_use]
    pub fn new(entries: Vec<String>) -> Self {
        Self { entries: entries.into_iter().filter(|entry| !entry.is_empty()).collect() }
    }

    /// Whether nothing is masked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The document without what is masked. `None` when it cannot be told.
    #[must_use]
    pub fn apply<'a>(&self, document: &'a RawValue) -> Option<Cow<'a, RawValue>> {
        if self.is_empty() {
            return Some(Cow::Borrowed(document));
        }
        let mut rewriter =
            Rewriter { mask: self, rest: document.get(), out: String::new(), path: String::new() };
        rewriter.out.reserve(document.get().len());
        rewriter.value(0)?;
        if rewriter.out.len() == document.get().len() {
            return Some(Cow::Borrowed(document));
        }
        RawValue::from_string(rewriter.out).ok().map(Cow::Owned)
    }

    /// A recorded body without what is masked. `None` when it cannot be told what to remove: it is no JSON document, or
    /// only the start of one.
    pub(crate) fn apply_to_body<'a>(&self, body: Body<'a>) -> Option<Body<'a>> {
        if self.is_empty() {
            return Some(body);
        }
        match body {
            Body::Json(Cow::Borrowed(document)) => self.apply(document).map(Body::Json),
            Body::Json(Cow::Owned(document)) => {
                Some(Body::Json(Cow::Owned(self.apply(&document)?.into_owned())))
            }
            Body::Bytes(_) | Body::Base64(_) => None,
        }
    }

    fn hides(&self, key: &str, path: &str) -> bool {
        self.entries.iter().any(|entry| entry == key || entry == path)
    }
}

/// Deeper documents are not emitted as JSON in the first place. Each level takes stack, of which a thread of the
/// application may have little.
const MAX_DEPTH: usize = 100;

/// Copies a valid JSON text, leaving masked members out.
struct Rewriter<'a> {
    mask: &'a BodyMask,
    rest: &'a str,
    out: String,
    /// The keys that lead here, joined by dots.
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
            let is_hidden = self.mask.hides(&key, &self.path);
            self.out.push_str(name);
            self.copy_space();
            self.copy(1)?; // the colon
            self.value(depth + 1)?;
            self.path.truncate(outer);
            if is_hidden {
                self.out.truncate(member);
            } else {
                if is_first {
                    self.drop_comma(member);
                }
                is_first = false;
            }
        }
    }

    /// The first member that stays has no comma before it, whichever went before.
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
        // The position is a boundary: only single-byte characters were passed.
        let _ = self.copy(space);
    }

    /// A string with its quotes, a number or a word.
    fn take_scalar(&mut self) -> Option<&'a str> {
        let length = if self.rest.starts_with('"') {
            let mut escaped = false;
            self.rest.bytes().skip(1).position(|byte| {
                let ends = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            })? + 2
        } else {
            self.rest.find([',', '}', ']', ' ', '\t', '\n', '\r']).unwrap_or(self.rest.len())
        };
        let (scalar, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(scalar)
    }
}

/// Removes query parameters from a URI, by name in exact spelling; an escaped spelling of the name counts as the name.
#[must_use]
pub(super) fn mask_query(uri: &str, names: &[String]) -> String {
    let Some((before, query)) = uri.split_once('?') else {
        return uri.to_owned();
    };
    let is_separator = |character: char| matches!(character, '&' | ';');
    let kept: String = query
        .split_inclusive(is_separator)
        .filter(|parameter| {
            let parameter = parameter.trim_end_matches(is_separator);
            let name = unescape(parameter.split_once('=').map_or(parameter, |(name, _)| name));
            !names.iter().any(|masked| masked.as_bytes() == name)
        })
        .collect();
    let kept = kept.trim_end_matches(is_separator);
    if kept.is_empty() { before.to_owned() } else { format!("{before}?{kept}") }
}

fn unescape(name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let escaped = after
            .get(..2)
            .filter(|_| byte == b'%')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match escaped {
            Some(value) => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            None => bytes.push(if byte == b'+' { b' ' } else { byte }),
        }
    }
    bytes
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
    fn a_key_goes_at_every_depth_and_the_rest_stays_as_it_was() {
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
    fn a_path_goes_from_the_root_through_arrays() {
        let document = r#"{"user":{"card":[{"number":1,"kind":"x"}],"number":2},"number":3}"#;
        assert_eq!(
            masked(document, &["user.card.number"]),
            r#"{"user":{"card":[{"kind":"x"}],"number":2},"number":3}"#
        );
        assert_eq!(masked(document, &["card.number"]), document);
        assert_eq!(masked(r#"{"a.b":1,"a":{"b":2}}"#, &["a.b"]), r#"{"a":{}}"#);
    }

    #[test]
    fn what_cannot_be_read_for_sure_is_not_let_through() {
        let document: &RawValue = serde_json::from_str(r#"{"\ud800":1,"a":2}"#).unwrap();
        assert!(BodyMask::new(vec!["a".to_owned()]).apply(document).is_none());
        let deep = "[".repeat(2000) + &"]".repeat(2000);
        let deep: &RawValue = serde_json::from_str(&deep).unwrap();
        assert!(BodyMask::new(vec!["a".to_owned()]).apply(deep).is_none());
    }

    #[test]
    fn query_parameters_go_by_name() {
        let names = ["token".to_owned(), "a b".to_owned()];
        for (uri, kept) in [
            ("http://h/p?token=1&x=2", "http://h/p?x=2"),
            ("http://h/p?x=2&token=1&token=3", "http://h/p?x=2"),
            ("http://h/p?token", "http://h/p"),
            ("http://h/p?x=1;token=2", "http://h/p?x=1"),
            ("http://h/p?%74oken=1&a+b=2&a%20b=3&y", "http://h/p?y"),
            ("http://h/p", "http://h/p"),
            ("http://h/p?tokens=1", "http://h/p?tokens=1"),
        ] {
            assert_eq!(mask_query(uri, &names), kept, "{uri}");
        }
    }

    mod against_a_tree {
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

        /// A document from a number, of every shape small numbers spell.
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
        fn the_text_without_a_key_is_the_tree_without_it() {
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
