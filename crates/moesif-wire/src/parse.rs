//! Validation of one received event.
//!
//! Each field is read separately, so that an error can name the field. A request must have time, URI and
//! verb. A response must have time and status. All other fields may be absent or null. Values of other types
//! are accepted where official SDKs send them (`docs/wire-contract.md`, "What a collector accepts").

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Body, Direction, Event, Headers, Request, Response, Timestamp, ValidationError,
    raw::{RawArray, RawObject},
    text::{LossyText, is_null, scalar},
    time,
};

/// Maximum number of header fields, and of values of one field. Real messages have dozens. An event with more
/// would use many times its size in memory.
const MAX_HEADER_FIELDS: usize = 10_000;

type Validated<T> = Result<T, ValidationError>;
type Raw<'a> = Option<&'a RawValue>;

/// Declares a struct that holds the known fields of a JSON object as unparsed values. Other fields are
/// ignored, even if their names are not valid UTF-8.
macro_rules! known_fields {
    ($(#[$doc:meta])* $name:ident { $($field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Default)]
        struct $name<'a> {
            $($field: Raw<'a>,)+
        }

        impl<'de> Deserialize<'de> for $name<'de> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct FieldVisitor;
                impl<'de> serde::de::Visitor<'de> for FieldVisitor {
                    type Value = $name<'de>;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        formatter.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        let mut fields = $name::default();
                        while let Some((name, value)) = map.next_entry::<LossyText<'de>, &'de RawValue>()? {
                            let field = match &*name.0 {
                                $(stringify!($field) => &mut fields.$field,)+
                                _ => continue,
                            };
                            if field.replace(value).is_some() {
                                return Err(serde::de::Error::custom(format_args!("duplicate field `{}`", name.0)));
                            }
                        }
                        Ok(fields)
                    }
                }
                deserializer.deserialize_map(FieldVisitor)
            }
        }
    };
}

known_fields! {
    EventFields {
        request, response, session_token, tags, user_id, company_id, subscription_id, metadata, direction, weight,
        blocked_by, transaction_id, action_name, trace_id, span,
    }
}

known_fields! {
    /// Fields of a request and of a response. Fields that one of them does not have stay `None`.
    MessageFields {
        time, uri, verb, status, headers, api_version, ip_address, body, transfer_encoding, content_length,
    }
}

impl<'a> Event<'a> {
    /// Validates one JSON value as an event. Bodies and metadata are borrowed.
    ///
    /// # Errors
    ///
    /// The error names the first field that is required but absent, or that has a value of the wrong kind.
    pub fn parse(raw: &'a RawValue) -> Result<Self, ValidationError> {
        let fields: EventFields<'a> = object("", raw)?;
        let request = match present(fields.request) {
            Some(raw) => request(raw)?,
            None => return Err(ValidationError::missing("request", "an object")),
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

fn request(raw: &RawValue) -> Validated<Request<'_>> {
    let fields: MessageFields<'_> = object("request", raw)?;
    let content_length = number("request.content_length", fields.content_length)?;
    Ok(Request {
        time: required_time("request.time", fields.time)?,
        uri: required_text("request.uri", fields.uri)?,
        verb: required_text("request.verb", fields.verb)?,
        headers: headers("request.headers", fields.headers)?,
        api_version: text("request.api_version", fields.api_version)?,
        ip_address: text("request.ip_address", fields.ip_address)?,
        body: body(&fields),
        content_length,
    })
}

fn response(raw: &RawValue) -> Validated<Response<'_>> {
    let fields: MessageFields<'_> = object("response", raw)?;
    let content_length = number("response.content_length", fields.content_length)?;
    Ok(Response {
        time: required_time("response.time", fields.time)?,
        status: status(fields.status)?,
        headers: headers("response.headers", fields.headers)?,
        ip_address: text("response.ip_address", fields.ip_address)?,
        body: body(&fields),
        content_length,
    })
}

/// Treats null as absent.
fn present(raw: Raw<'_>) -> Raw<'_> {
    raw.filter(|raw| !is_null(raw))
}

fn unexpected(field: &str, expected: &'static str, found: &RawValue) -> ValidationError {
    ValidationError::unexpected(field, expected, found.get())
}

fn deserialize<'a, T: Deserialize<'a>>(field: &str, raw: &'a RawValue) -> Validated<T> {
    serde_json::from_str(raw.get()).map_err(|error| ValidationError::unreadable(field, &error))
}

fn object<'a, T: Deserialize<'a>>(field: &str, raw: &'a RawValue) -> Validated<T> {
    if raw.get().starts_with('{') {
        deserialize(field, raw)
    } else {
        Err(unexpected(field, "an object", raw))
    }
}

fn text<'a>(field: &str, raw: Raw<'a>) -> Validated<Option<Cow<'a, str>>> {
    present(raw).map(|raw| scalar(raw).ok_or_else(|| unexpected(field, "a string", raw))).transpose()
}

fn required_text<'a>(field: &str, raw: Raw<'a>) -> Validated<Cow<'a, str>> {
    text(field, raw)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ValidationError::missing(field, "a string"))
}

/// Reads a required value with `parse`, which gets the text of a scalar.
fn required<T>(
    field: &str,
    raw: Raw<'_>,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Validated<T> {
    optional(field, raw, expected, parse)?.ok_or_else(|| ValidationError::missing(field, expected))
}

/// Reads an optional value with `parse`, which gets the text of a scalar.
fn optional<T>(
    field: &str,
    raw: Raw<'_>,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Validated<Option<T>> {
    let Some(raw) = present(raw) else {
        return Ok(None);
    };
    let parsed = scalar(raw).and_then(|text| parse(&text));
    parsed.map(Some).ok_or_else(|| unexpected(field, expected, raw))
}

fn required_time(field: &str, raw: Raw<'_>) -> Validated<Timestamp> {
    required(field, raw, time::EXPECTED, |text| Timestamp::parse(text).ok())
}

fn status(raw: Raw<'_>) -> Validated<u16> {
    required("response.status", raw, "a status code from 0 to 999", |text| {
        text.parse().ok().filter(|status| *status <= 999)
    })
}

fn number(field: &str, raw: Raw<'_>) -> Validated<Option<u64>> {
    optional(field, raw, "a whole number from 0", |text| text.parse().ok())
}

/// Reads the weight. Absent, null and 0 all mean 1.
fn weight(raw: Raw<'_>) -> Validated<u64> {
    Ok(number("weight", raw)?.filter(|weight| *weight > 0).unwrap_or(1))
}

fn direction(raw: Raw<'_>) -> Validated<Option<Direction>> {
    optional("direction", raw, "Incoming, Outgoing or Internal", Direction::parse)
}

fn optional_object<'a>(field: &str, raw: Raw<'a>) -> Validated<Raw<'a>> {
    match present(raw) {
        Some(raw) if !raw.get().starts_with('{') => Err(unexpected(field, "an object", raw)),
        raw => Ok(raw),
    }
}

/// Reads header fields. A value is a string, a number, or an array of them. An array is joined with commas,
/// like a field that was sent more than once.
fn headers<'a>(field: &str, raw: Raw<'a>) -> Validated<Headers<'a>> {
    let too_many = || ValidationError::too_many(field, MAX_HEADER_FIELDS, "header fields or values");
    let Some(raw) = present(raw) else {
        return Ok(Headers::default());
    };
    let fields: RawObject<'a, LossyText<'a>, MAX_HEADER_FIELDS> = object(field, raw)?;
    if fields.is_truncated {
        return Err(too_many());
    }
    let mut headers = Headers::with_capacity(fields.members.len());
    for (name, value) in fields.members {
        if value.get().starts_with('[') {
            let values: RawArray<'a, MAX_HEADER_FIELDS> = deserialize(field, value)?;
            if values.is_truncated {
                return Err(too_many());
            }
            let values: Vec<_> = values.items.into_iter().map(scalar_or_json).collect();
            headers.push(name.0, values.join(", "));
        } else if !is_null(value) {
            headers.push(name.0, scalar_or_json(value));
        }
    }
    Ok(headers)
}

fn scalar_or_json(raw: &RawValue) -> Cow<'_, str> {
    scalar(raw).unwrap_or(Cow::Borrowed(raw.get()))
}

/// Reads the body. A string with `transfer_encoding` `base64` is base64; anything else is JSON.
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

    fn parse(json: &str) -> Result<String, ValidationError> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        Event::parse(raw).map(|event| serde_json::to_string(&event).unwrap())
    }

    /// Returns the field and the message of the error.
    fn error_of(json: &str) -> (String, String) {
        let error = parse(json).unwrap_err();
        (error.field, error.problem.to_string())
    }

    fn with_request(fields: &str) -> String {
        format!(
            r#"{{"request":{{"time":"2026-11-21T08:51:26.838","uri":"http://h/","verb":"GET","headers":{{}},{fields}}}}}"#
        )
    }

    #[test]
    fn accepts_what_official_sdks_send() {
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
    fn error_names_field_and_expected_value() {
        assert_eq!(error_of("[]").0, "");
        assert_eq!(error_of("{}").0, "request");
        assert_eq!(error_of(r#"{"request":{"uri":"/","verb":"GET","headers":{}}}"#).0, "request.time");
        let (field, error) = error_of(&with_request(r#""content_length":-1"#));
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
            assert_eq!(error_of(&json).0, expected, "{json}");
        }
    }

    #[test]
    fn body_text_is_kept_unchanged() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        let huge = "9".repeat(5_000);
        for body in [r#"{"s":"\ud800"}"#, deep.as_str(), huge.as_str(), r#"{"a":1,"a":2}"#] {
            let kept = parse(&with_request(&format!(r#""body":{body}"#))).unwrap();
            assert!(kept.contains(&format!(r#""body":{body},"transfer_encoding":"json""#)));
        }
    }

    #[test]
    fn event_with_too_many_headers_is_rejected() {
        let fields = |count: usize| {
            let fields: Vec<String> = (0..count).map(|n| format!(r#""{n}":0"#)).collect();
            MINIMAL.replace("{}", &format!("{{{}}}", fields.join(",")))
        };
        assert!(parse(&fields(MAX_HEADER_FIELDS)).is_ok());
        assert_eq!(error_of(&fields(MAX_HEADER_FIELDS + 1)).0, "request.headers");
        let values = format!(r#"{{"a":[{}0]}}"#, "0,".repeat(MAX_HEADER_FIELDS));
        let (field, error) = error_of(&MINIMAL.replace("{}", &values));
        assert_eq!(field, "request.headers");
        assert!(error.contains("at most 10000"), "{error}");
    }

    #[test]
    fn lone_surrogate_in_value_is_replaced() {
        let kept = parse(&with_request(r#""ip_address":"a\ud800b""#)).unwrap();
        assert!(kept.contains("\"ip_address\":\"a\u{fffd}"), "{kept}");
    }

    #[test]
    fn lone_surrogate_in_name_is_replaced() {
        let kept = parse(&MINIMAL.replace("{}", r#"{"a\ud800":"1"}"#)).unwrap();
        assert!(kept.contains("\"a\u{fffd}"), "{kept}");
        assert!(parse(&with_request(r#""\udfff":{}"#)).is_ok());
        assert!(parse(&MINIMAL.replacen('{', r#"{"\ud800":1,"#, 1)).is_ok());
        let twice = error_of(&with_request(r#""verb":"PUT""#));
        assert_eq!((twice.0.as_str(), twice.1.contains("duplicate field `verb`")), ("request", true));
    }

    #[test]
    fn base64_body_stays_base64_and_repeated_headers_are_joined() {
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
