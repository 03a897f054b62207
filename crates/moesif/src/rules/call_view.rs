//! The fields of a call that conditions can use.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::fmt;

use moesif_wire::Headers;
use moesif_wire::text::{LossyText, scalar, without_byte_order_mark};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::condition::Field;
use super::pattern::RulePattern;
use crate::call::{Exchange, route};

/// View of a call for conditions. Reads headers, address and body once, when a condition first uses them.
pub(super) struct CallView<'a> {
    exchange: &'a Exchange,
    /// Members of the request body that conditions use.
    body_keys: Option<&'a HashSet<String>>,
    headers: OnceCell<Headers<'a>>,
    ip_address: OnceCell<Option<String>>,
    body: OnceCell<HashMap<String, String>>,
}

impl<'a> CallView<'a> {
    /// Returns a view without members of the body.
    pub(super) fn new(exchange: &'a Exchange) -> Self {
        Self {
            exchange,
            body_keys: None,
            headers: OnceCell::new(),
            ip_address: OnceCell::new(),
            body: OnceCell::new(),
        }
    }

    /// Makes these members of the request body visible.
    pub(super) fn with_body_keys(self, keys: &'a HashSet<String>) -> Self {
        Self { body_keys: Some(keys), ..self }
    }

    /// Returns the user id that the application has given, else the one in the request headers.
    pub(super) fn user_id(&self) -> Option<Cow<'a, str>> {
        self.exchange.user_id_or_identified(self.headers())
    }

    /// Returns the company id that the application has given.
    pub(super) fn company_id(&self) -> Option<&'a str> {
        self.exchange.company_id()
    }

    /// Returns whether the field exists and contains the pattern.
    pub(super) fn field_contains(&self, field: &Field, pattern: &RulePattern) -> bool {
        let matches = |text: &str| pattern.is_in(text);
        let uri = self.exchange.uri();
        match field {
            Field::Verb => matches(self.exchange.verb()),
            Field::Route => matches(route(uri)),
            Field::RouteOrUri => matches(route(uri)) || matches(uri),
            Field::Uri => matches(uri),
            Field::IpAddress => self.ip_address().is_some_and(matches),
            Field::Header(name) => self.headers().get(name).is_some_and(matches),
            Field::BodyMember(key) => self.body().get(key).is_some_and(|text| matches(text)),
            Field::Status => self.exchange.status().is_some_and(|status| matches(&status.to_string())),
        }
    }

    fn headers(&self) -> &Headers<'a> {
        self.headers.get_or_init(|| self.exchange.request_headers())
    }

    fn ip_address(&self) -> Option<&str> {
        self.ip_address.get_or_init(|| self.exchange.ip_address(self.headers())).as_deref()
    }

    /// Returns the texts of the visible members of the body. Empty if only a part of the body is recorded. An
    /// `application/graphql` body is visible as the member `query`.
    fn body(&self) -> &HashMap<String, String> {
        self.body.get_or_init(|| {
            let (Some(keys), Some(content)) = (self.body_keys, self.exchange.request_content()) else {
                return HashMap::new();
            };
            let media_type = self.headers().get("Content-Type").unwrap_or_default().split(';').next();
            if media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case("application/graphql")) {
                let query = String::from_utf8_lossy(&content).into_owned();
                return HashMap::from([("query".to_owned(), query)]);
            }
            members(&content, keys).unwrap_or_default()
        })
    }
}

/// Returns the texts of the members with these keys. Numbers and booleans keep their JSON text. If a member
/// is repeated, the last one wins, as in most parsers. `None` if the content is not a JSON object.
fn members(content: &[u8], keys: &HashSet<String>) -> Option<HashMap<String, String>> {
    let mut document = serde_json::Deserializer::from_slice(without_byte_order_mark(content));
    let members = Members(keys).deserialize(&mut document).ok()?;
    document.end().ok().map(|()| members)
}

/// Deserializer of the members with these keys.
struct Members<'a>(&'a HashSet<String>);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = HashMap<String, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = HashMap<String, String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut texts = HashMap::new();
        while let Some(LossyText(key)) = map.next_key()? {
            if !self.0.contains(&*key) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let text = scalar(map.next_value::<&RawValue>()?);
            texts.insert(key.into_owned(), text.map(Cow::into_owned));
        }
        Ok(texts.into_iter().filter_map(|(key, text)| Some((key, text?))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_as_most_parsers_read_them() {
        let keys = ["a", "b", "c", "d", "e", "f", "\u{fffd}\u{fffd}\u{fffd}"].map(str::to_owned).into();
        let read = |document: &[u8]| members(document, &keys);
        let found = read(
            br#" {"a":1.50,"b":true,"c":"x\n","d":null,"e":{"a":2},"other":"no","a":"last","f":1,"f":[]} "#,
        )
        .unwrap();
        assert_eq!(
            found,
            HashMap::from(
                [("a", "last"), ("b", "true"), ("c", "x\n")].map(|(key, text)| (key.into(), text.into()))
            )
        );
        // A caller must not avoid a rule by a lone surrogate or by deep nesting.
        let odd = format!(r#"{{"\ud800":1,"a":"x\ud800","z":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert!(read(odd.as_bytes()).unwrap()["a"].starts_with('x'));
        assert_eq!(read("\u{feff}{\"a\":1}".as_bytes()).unwrap()["a"], "1");
        for document in [&b"[]"[..], b"", b"{", b"{\"a\":1} x", b"\xff", b"{\"a\":\"\xff\"}", b"7"] {
            assert!(read(document).is_none(), "{document:?}");
        }
    }
}
