//! Judging one received event: every field on its own, so that a refusal names the field.
//!
//! Strict about what an event cannot do without (request time, URI and verb; a response's time and status),
//! lenient about the rest in the ways official SDKs need (`docs/wire-contract.md`, "What a collector accepts").

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Body, Direction, Event, Headers, Request, Response, Timestamp,
    text::{LossyText, is_null, scalar},
};

/// Why an event cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {error}")]
pub struct Rejection {
    /// Dotted path of the field, such as `request.time`; empty when it is the whole event.
    pub field: String,
    /// What was expected there and what was found.
    pub error: String,
}

type Judged<T> = Result<T, Rejection>;
type Raw<'a> = Option<&'a RawValue>;

/// An object by the fields it may have, values unread. A name may hold what UTF-8 cannot: an unknown field costs
/// nothing, whatever it is called.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident { $($field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Default)]
        struct $name<'a> {
            $($field: Raw<'a>,)+
        }

        impl<'de> Deserialize<'de> for $name<'de> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Entries;
                impl<'de> serde::de::Visitor<'de> for Entries {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        let mut fields = $name::default();
                        while let Some((name, value)) = map.next_entry::<LossyText<'de>, &'de RawValue>()? {
                            let place = match &*name.0 {
                                $(stringify!($field) => &mut fields.$field,)+
                                _ => continue,
                            };
                            if place.replace(value).is_some() {
                                return Err(serde::de::Error::custom(format_args!("duplicate field `{}`", name.0)));
                            }
                        }
                        Ok(fields)
                    }
                }
                deserializer.deserialize_map(Entries)
            }
        }
    };
}

fields! {
    EventFields {
        request, response, session_token, tags, user_id, company_id, subscription_id, metadata, direction, weight,
        blocked_by, transaction_id, action_name, trace_id, span,
    }
}

fields! {
    /// The fields of a request and of a response: each has those of the other that it does not use absent.
    MessageFields {
        time, uri, verb, status, headers, api_version, ip_address, body, transfer_encoding, content_length,
    }
}

impl<'a> Event<'a> {
    /// Judges one JSON value as an event, without copying its bodies or metadata.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] naming the first field that an event cannot do without, or that holds the wrong kind of
    /// value.
    pub fn parse(raw: &'a RawValue) -> Result<Self, Rejection> {
        let fields: EventFields<'a> = object("", raw)?;
        let request = match present(fields.request) {
            Some(raw) => request(raw)?,
            None => return Err(missing("request", "an object")),
        };
        Ok(Self {
            request,
            response: present(fields.response).map(response).transpose()?,
            session_token: text("session_token", fields.session_token)?,
            tags: text("tags", fields.tags)?,
            user_id: text("user_id", fields.user_id)?,
            company_id: text("company_id", fields.company_id)?,
            subscription_id: text("subscription_id", fields.subscription_id)?,
            metadata: optional_object("metadata", fields.metadata)?,
            direction: direction(fields.direction)?,
            weight: weight(fields.weight)?,
            blocked_by: text("blocked_by", fields.blocked_by)?,
            transaction_id: text("transaction_id", fields.transaction_id)?,
            action_name: text("action_name", fields.action_name)?,
            trace_id: text("trace_id", fields.trace_id)?,
            span: optional_object("span", fields.span)?,
        })
    }
}

fn request(raw: &RawValue) -> Judged<Request<'_>> {
    let fields: MessageFields<'_> = object("request", raw)?;
    let content_length = number("request.content_length", fields.content_length)?;
    Ok(Request {
        time: time("request.time", fields.time)?,
        uri: required_text("request.uri", fields.uri)?,
        verb: required_text("request.verb", fields.verb)?,
        headers: headers("request.headers", fields.headers)?,
        api_version: text("request.api_version", fields.api_version)?,
        ip_address: text("request.ip_address", fields.ip_address)?,
        body: body(&fields),
        content_length,
    })
}

fn response(raw: &RawValue) -> Judged<Response<'_>> {
    let fields: MessageFields<'_> = object("response", raw)?;
    let content_length = number("response.content_length", fields.content_length)?;
    Ok(Response {
        time: time("response.time", fields.time)?,
        status: status(fields.status)?,
        headers: headers("response.headers", fields.headers)?,
        ip_address: text("response.ip_address", fields.ip_address)?,
        body: body(&fields),
        content_length,
    })
}

/// `Some` unless absent or null: the two mean the same.
fn present(raw: Raw<'_>) -> Raw<'_> {
    raw.filter(|raw| !is_null(raw))
}

fn rejection(field: &str, error: String) -> Rejection {
    Rejection { field: field.to_owned(), error }
}

fn missing(field: &str, expected: &str) -> Rejection {
    rejection(field, format!("expected {expected}, found nothing"))
}

/// "expected a number, found [1, 2…": the value itself is cut, it may be a megabyte.
fn unexpected(field: &str, expected: &str, found: &RawValue) -> Rejection {
    const SHOWN: usize = 60;
    let mut shown: String = found.get().chars().take(SHOWN).collect();
    if shown.len() < found.get().len() {
        shown.push('…');
    }
    rejection(field, format!("expected {expected}, found {shown}"))
}

fn object<'a, T: Deserialize<'a>>(field: &str, raw: &'a RawValue) -> Judged<T> {
    if !raw.get().starts_with('{') {
        return Err(unexpected(field, "an object", raw));
    }
    serde_json::from_str(raw.get()).map_err(|error| rejection(field, error.to_string()))
}

fn text<'a>(field: &str, raw: Raw<'a>) -> Judged<Option<Cow<'a, str>>> {
    present(raw).map(|raw| scalar(raw).ok_or_else(|| unexpected(field, "a string", raw))).transpose()
}

fn required_text<'a>(field: &str, raw: Raw<'a>) -> Judged<Cow<'a, str>> {
    text(field, raw)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(field, "a string"))
}

fn time(field: &str, raw: Raw<'_>) -> Judged<Timestamp> {
    const EXPECTED: &str = "an ISO 8601 date-time such as 2026-11-21T08:51:26.838Z";
    let raw = present(raw).ok_or_else(|| missing(field, EXPECTED))?;
    scalar(raw).and_then(|text| Timestamp::parse(&text).ok()).ok_or_else(|| unexpected(field, EXPECTED, raw))
}

fn status(raw: Raw<'_>) -> Judged<u16> {
    const EXPECTED: &str = "a status code from 0 to 999";
    let raw = present(raw).ok_or_else(|| missing("response.status", EXPECTED))?;
    scalar(raw)
        .and_then(|text| text.parse().ok())
        .filter(|status| *status <= 999)
        .ok_or_else(|| unexpected("response.status", EXPECTED, raw))
}

fn number(field: &str, raw: Raw<'_>) -> Judged<Option<u64>> {
    present(raw)
        .map(|raw| {
            scalar(raw)
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| unexpected(field, "a whole number from 0", raw))
        })
        .transpose()
}

/// Absent, null and 0 all mean "stands for itself".
fn weight(raw: Raw<'_>) -> Judged<u64> {
    Ok(number("weight", raw)?.filter(|weight| *weight > 0).unwrap_or(1))
}

fn direction(raw: Raw<'_>) -> Judged<Option<Direction>> {
    let Some(raw) = present(raw) else {
        return Ok(None);
    };
    scalar(raw)
        .and_then(|word| Direction::parse(&word))
        .map(Some)
        .ok_or_else(|| unexpected("direction", "Incoming, Outgoing or Internal", raw))
}

fn optional_object<'a>(field: &str, raw: Raw<'a>) -> Judged<Raw<'a>> {
    match present(raw) {
        Some(raw) if !raw.get().starts_with('{') => Err(unexpected(field, "an object", raw)),
        raw => Ok(raw),
    }
}

/// Header values come as strings, numbers or arrays of them; an array is joined the way the contract joins
/// repeated fields.
fn headers<'a>(field: &str, raw: Raw<'a>) -> Judged<Headers<'a>> {
    let Some(raw) = present(raw) else {
        return Ok(Headers::default());
    };
    let fields: FieldList<'a> = object(field, raw)?;
    let mut headers = Headers::with_capacity(fields.0.len());
    for (name, value) in fields.0 {
        if value.get().starts_with('[') {
            let parts: ValueList<'a> =
                serde_json::from_str(value.get()).map_err(|error| rejection(field, error.to_string()))?;
            let parts: Vec<_> = parts.0.into_iter().map(scalar_or_json).collect();
            headers.push(name, parts.join(", "));
        } else if !is_null(value) {
            headers.push(name, scalar_or_json(value));
        }
    }
    Ok(headers)
}

fn scalar_or_json(raw: &RawValue) -> Cow<'_, str> {
    scalar(raw).unwrap_or(Cow::Borrowed(raw.get()))
}

/// Header fields, and values of one field, at most. Real messages have dozens; beyond this an event would cost many
/// times its size in memory.
const MOST_FIELDS: usize = 10_000;

fn too_many<E: serde::de::Error>() -> E {
    E::custom(format_args!("expected at most {MOST_FIELDS} header fields or values, found more"))
}

/// A JSON array, elements unread.
struct ValueList<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for ValueList<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> serde::de::Visitor<'de> for Elements {
            type Value = ValueList<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = array.next_element::<&'de RawValue>()? {
                    if values.len() == MOST_FIELDS {
                        return Err(too_many());
                    }
                    values.push(value);
                }
                Ok(ValueList(values))
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

/// A JSON object as its entries in order, values unread.
struct FieldList<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for FieldList<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> serde::de::Visitor<'de> for Entries {
            type Value = FieldList<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<LossyText<'de>, &'de RawValue>()? {
                    if fields.len() == MOST_FIELDS {
                        return Err(too_many());
                    }
                    fields.push((name.0, value));
                }
                Ok(FieldList(fields))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

fn body<'a>(fields: &MessageFields<'a>) -> Option<Body<'a>> {
    let raw = present(fields.body)?;
    let base64 = fields
        .transfer_encoding
        .and_then(scalar)
        .is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64"));
    match scalar(raw) {
        Some(text) if base64 && raw.get().starts_with('"') => Some(Body::Base64(text)),
        _ => Some(Body::Json(Cow::Borrowed(raw))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str =
        r#"{"request":{"time":"2026-11-21T08:51:26.838","uri":"http://h/","verb":"GET","headers":{}}}"#;

    fn parse(json: &str) -> Result<String, Rejection> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        Event::parse(raw).map(|event| serde_json::to_string(&event).unwrap())
    }

    fn refused(json: &str) -> (String, String) {
        let rejection = parse(json).unwrap_err();
        (rejection.field, rejection.error)
    }

    fn with_request(fields: &str) -> String {
        format!(
            r#"{{"request":{{"time":"2026-11-21T08:51:26.838","uri":"http://h/","verb":"GET","headers":{{}},{fields}}}}}"#
        )
    }

    #[test]
    fn what_official_sdks_send_is_accepted() {
        let kept = parse(
            r#"{"request":{"time":"2026-11-21T08:51:26.838","uri":"http://h/","verb":"POST",
                "headers":{"a":"1","n":5,"set":["x","y"],"none":null},"api_version":null,"ip_address":null,
                "body":null,"transfer_encoding":""},
              "response":null,"session_token":null,"tags":null,"user_id":17,"company_id":null,"metadata":null,
              "direction":"Incoming","weight":0,"blocked_by":null,"transaction_id":null,"unknown":{"x":[1]}}"#,
        );
        assert_eq!(
            kept.unwrap(),
            r#"{"request":{"time":"2026-11-21T08:51:26.838Z","uri":"http://h/","verb":"POST","headers":{"a":"1","n":"5","set":"x, y"}},"user_id":"17","direction":"Incoming","weight":1}"#
        );
        assert!(parse(MINIMAL).is_ok());
    }

    #[test]
    fn a_refusal_names_the_field_and_what_was_expected() {
        assert_eq!(refused("[]").0, "");
        assert_eq!(refused("{}").0, "request");
        assert_eq!(refused(r#"{"request":{"uri":"/","verb":"GET","headers":{}}}"#).0, "request.time");
        let (field, error) = refused(&with_request(r#""content_length":-1"#));
        assert_eq!(field, "request.content_length");
        assert_eq!(error, "expected a whole number from 0, found -1");
        for (extra, expected) in [
            (r#""metadata":[1]"#, "metadata"),
            (r#""weight":1.5"#, "weight"),
            (r#""direction":"Sideways""#, "direction"),
            (r#""user_id":{}"#, "user_id"),
            (r#""response":{"time":"2026-11-21T08:51:26.838"}"#, "response.status"),
            (r#""response":{"status":200}"#, "response.time"),
        ] {
            let json = MINIMAL.replacen('{', &format!("{{{extra},"), 1);
            assert_eq!(refused(&json).0, expected, "{json}");
        }
    }

    #[test]
    fn bodies_are_carried_as_text_whatever_is_in_them() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        let huge = "9".repeat(5_000);
        for body in [r#"{"s":"\ud800"}"#, deep.as_str(), huge.as_str(), r#"{"a":1,"a":2}"#] {
            let kept = parse(&with_request(&format!(r#""body":{body}"#))).unwrap();
            assert!(kept.contains(&format!(r#""body":{body},"transfer_encoding":"json""#)));
        }
    }

    #[test]
    fn headers_made_to_fill_memory_cost_their_event_only() {
        let fields = |count: usize| {
            let fields: Vec<String> = (0..count).map(|n| format!(r#""{n}":0"#)).collect();
            MINIMAL.replace("{}", &format!("{{{}}}", fields.join(",")))
        };
        assert!(parse(&fields(MOST_FIELDS)).is_ok());
        assert_eq!(refused(&fields(MOST_FIELDS + 1)).0, "request.headers");
        let values = format!(r#"{{"a":[{}0]}}"#, "0,".repeat(MOST_FIELDS));
        let (field, error) = refused(&MINIMAL.replace("{}", &values));
        assert_eq!(field, "request.headers");
        assert!(error.contains("at most 10000"), "{error}");
    }

    #[test]
    fn a_lone_surrogate_in_a_scalar_does_not_cost_the_event() {
        let kept = parse(&with_request(r#""ip_address":"a\ud800b""#)).unwrap();
        assert!(kept.contains("\"ip_address\":\"a\u{fffd}"), "{kept}");
    }

    #[test]
    fn a_lone_surrogate_in_a_name_does_not_cost_the_event() {
        let kept = parse(&MINIMAL.replace("{}", r#"{"a\ud800":"1"}"#)).unwrap();
        assert!(kept.contains("\"a\u{fffd}"), "{kept}");
        assert!(parse(&with_request(r#""\udfff":{}"#)).is_ok());
        assert!(parse(&MINIMAL.replacen('{', r#"{"\ud800":1,"#, 1)).is_ok());
        let twice = refused(&with_request(r#""verb":"PUT""#));
        assert_eq!((twice.0.as_str(), twice.1.contains("duplicate field `verb`")), ("request", true));
    }

    #[test]
    fn base64_stays_base64_and_repeated_names_are_joined() {
        let kept = parse(&with_request(r#""body":"AAEC","transfer_encoding":"base64""#)).unwrap();
        assert!(kept.contains(r#""body":"AAEC","transfer_encoding":"base64""#));
        let bytes = serde_json::to_string(&Body::Bytes(Cow::Borrowed(&[0, 1, 2]))).unwrap();
        assert_eq!(bytes, r#""AAEC""#);
        let mut headers = Headers::default();
        headers.append("Set-Cookie", "a=1");
        headers.append("set-cookie", "b=2");
        assert_eq!(headers.get("SET-COOKIE"), Some("a=1, b=2"));
    }
}
