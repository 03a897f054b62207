//! What rules can look at: a call before the application has seen it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::fmt;

use moesif_wire::Headers;
use moesif_wire::text::{LossyText, scalar};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::call::{Exchange, route};

/// A field of a call that a condition can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Verb,
    IpAddress,
    Route,
    Uri,
    /// By name, in any case.
    Header(String),
    /// A member of the JSON object in the body.
    Body(String),
}

impl Field {
    /// The field a path names. `None` for a path that names none, such as those of the response.
    pub(super) fn parse(path: &str) -> Option<Self> {
        Some(match path.strip_prefix("request.")? {
            "verb" => Self::Verb,
            "ip_address" | "ip" => Self::IpAddress,
            "route" => Self::Route,
            "uri" => Self::Uri,
            rest => match rest.split_once('.')? {
                ("headers", name) => Self::Header(name.to_owned()),
                ("body", key) => Self::Body(key.to_owned()),
                _ => return None,
            },
        })
    }
}

/// A call. What costs something is looked up when a rule first asks for it, and once.
pub(super) struct Call<'a> {
    exchange: &'a Exchange,
    /// The members of bodies that rules ask for.
    body_keys: &'a HashSet<String>,
    headers: OnceCell<Headers<'a>>,
    address: OnceCell<Option<String>>,
    body: OnceCell<HashMap<String, String>>,
}

impl<'a> Call<'a> {
    pub(super) fn new(exchange: &'a Exchange, body_keys: &'a HashSet<String>) -> Self {
        Self {
            exchange,
            body_keys,
            headers: OnceCell::new(),
            address: OnceCell::new(),
            body: OnceCell::new(),
        }
    }

    /// Who makes the call.
    pub(super) fn user_id(&self) -> Option<String> {
        self.exchange.user(self.headers()).filter(|id| !id.is_empty())
    }

    /// The company of who makes the call.
    pub(super) fn company_id(&self) -> Option<&str> {
        self.exchange.company_id().filter(|id| !id.is_empty())
    }

    /// Whether the answer to this call has no body.
    pub(super) fn is_head(&self) -> bool {
        self.exchange.verb() == "HEAD"
    }

    /// Whether the field is there and has a text that passes the test.
    pub(super) fn has(&self, field: &Field, test: impl Fn(&str) -> bool) -> bool {
        match field {
            Field::Verb => test(self.exchange.verb()),
            Field::IpAddress => self.address().is_some_and(test),
            // Rules written for SDKs that call the whole URI a route go on working.
            Field::Route => test(route(self.exchange.uri())) || test(self.exchange.uri()),
            Field::Uri => test(self.exchange.uri()),
            Field::Header(name) => self.headers().get(name).is_some_and(test),
            Field::Body(key) => self.body().get(key).is_some_and(|text| test(text)),
        }
    }

    fn headers(&self) -> &Headers<'a> {
        self.headers.get_or_init(|| self.exchange.headers_of_request())
    }

    fn address(&self) -> Option<&str> {
        self.address.get_or_init(|| self.exchange.ip_address(self.headers())).as_deref()
    }

    /// The texts of the members rules ask for. None of a body that is not known as a whole.
    fn body(&self) -> &HashMap<String, String> {
        self.body.get_or_init(|| {
            let Some(content) = self.exchange.request_content() else {
                return HashMap::new();
            };
            let media_type = self.headers().get("Content-Type").unwrap_or_default().split(';').next();
            if media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case("application/graphql")) {
                let query = String::from_utf8_lossy(&content).into_owned();
                return HashMap::from([("query".to_owned(), query)]);
            }
            members(&content, self.body_keys).unwrap_or_default()
        })
    }
}

/// The texts of some members of a JSON object: strings as they are, numbers and booleans as they are written. Of a
/// repeated member the last one counts, as it does for most parsers. `None` for what is no JSON object.
fn members(content: &[u8], keys: &HashSet<String>) -> Option<HashMap<String, String>> {
    let content = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    let mut document = serde_json::Deserializer::from_slice(content);
    let members = Members(keys).deserialize(&mut document).ok()?;
    document.end().ok().map(|()| members)
}

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
    fn paths_name_fields_of_the_request_only() {
        assert_eq!(Field::parse("request.ip"), Field::parse("request.ip_address"));
        assert_eq!(Field::parse("request.headers.X-Key"), Some(Field::Header("X-Key".into())));
        assert_eq!(Field::parse("request.body.a.b"), Some(Field::Body("a.b".into())));
        for path in
            ["response.status", "request", "request.", "request.body", "request.time", "", "request.query.a"]
        {
            assert_eq!(Field::parse(path), None, "{path}");
        }
    }

    #[test]
    fn members_are_read_as_their_parsers_read_them() {
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
        // A caller must not get past a rule with a surrogate or with depth.
        let odd = format!(r#"{{"\ud800":1,"a":"x\ud800","z":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert!(read(odd.as_bytes()).unwrap()["a"].starts_with('x'));
        assert_eq!(read("\u{feff}{\"a\":1}".as_bytes()).unwrap()["a"], "1");
        for document in [&b"[]"[..], b"", b"{", b"{\"a\":1} x", b"\xff", b"{\"a\":\"\xff\"}", b"7"] {
            assert!(read(document).is_none(), "{document:?}");
        }
    }
}
