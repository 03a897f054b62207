//! Validates one event. Fills in the caller's address if it is absent, and cuts the bodies of a large event.

use std::borrow::Cow;

use moesif_wire::{Body, Direction, Event, Headers, ValidationError, header, limits};
use serde_json::value::RawValue;

use super::{RequestInfo, fields::non_empty};
use crate::store::EventRecord;

/// Maximum size of an event in bytes. If an event is larger, its bodies are cut. Without its bodies, it must
/// not be larger.
const MAX_EVENT: usize = 1024 * 1024;
/// Size to which a body is cut, in bytes before base64. A multiple of 3, so that base64 needs no padding.
const CUT_BODY: usize = 450 * 1024;
/// The same size after base64.
const CUT_BODY_BASE64: usize = CUT_BODY / 3 * 4;

pub(super) fn validate(raw: &RawValue, info: &RequestInfo) -> Result<EventRecord, ValidationError> {
    let mut event = Event::parse(raw)?;
    limits::check_event(&event)?;
    if event.request.ip_address.is_none() {
        event.request.ip_address = Some(Cow::Owned(info.peer.to_string()));
    }
    let request_bytes = body_size(event.request.content_length, event.request.body.as_ref());
    let response_bytes = event
        .response
        .as_ref()
        .and_then(|response| body_size(response.content_length, response.body.as_ref()));
    if raw.get().len() > MAX_EVENT {
        cut_body(&mut event.request.body, &mut event.request.content_length, &mut event.request.headers);
        if let Some(response) = &mut event.response {
            cut_body(&mut response.body, &mut response.content_length, &mut response.headers);
        }
    }
    let document = serialize(&event)?;
    let uri = UriParts::split(&event.request.uri);
    let time = event.request.time.as_millis();
    Ok(EventRecord {
        time,
        duration: event
            .response
            .as_ref()
            .map(|response| response.time.as_millis().saturating_sub(time).max(0)),
        status: event.response.as_ref().map(|response| response.status),
        origin: uri.origin.to_owned(),
        route: uri.path.to_owned(),
        query: (!uri.query.is_empty()).then(|| uri.query.to_owned()),
        direction: event.direction.map(Direction::as_str),
        weight: saturating_i64(event.weight),
        request_bytes: request_bytes.map(saturating_i64),
        response_bytes: response_bytes.map(saturating_i64),
        document,
        verb: event.request.verb.into_owned(),
        user: non_empty(event.user_id.map(Cow::into_owned)),
        company: non_empty(event.company_id.map(Cow::into_owned)),
        transaction_id: non_empty(event.transaction_id.map(Cow::into_owned)),
    })
}

/// Returns the document to store. Fails if it is larger than [`MAX_EVENT`] without its bodies.
fn serialize(event: &Event<'_>) -> Result<String, ValidationError> {
    let document = serde_json::to_string(event)
        .map_err(|error| ValidationError::unreadable("", &format_args!("cannot be written: {error}")))?;
    let response_body = event.response.as_ref().and_then(|response| response.body.as_ref());
    let bodies = serialized_size(event.request.body.as_ref()).saturating_add(serialized_size(response_body));
    let rest = document.len().saturating_sub(bodies);
    if rest > MAX_EVENT {
        let expected = format!("at most {MAX_EVENT} bytes besides the bodies");
        return Err(ValidationError::new("event", expected, rest.to_string()));
    }
    Ok(document)
}

/// Returns the approximate size of a body in the document, in bytes.
fn serialized_size(body: Option<&Body<'_>>) -> usize {
    match body {
        None => 0,
        Some(Body::Json(value)) => value.get().len(),
        Some(Body::Base64(text)) => text.len(),
        Some(Body::Bytes(bytes)) => bytes.len().div_ceil(3).saturating_mul(4),
    }
}

fn saturating_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns the size of a body in bytes: `content_length`, or else the size of the recorded part.
fn body_size(content_length: Option<u64>, body: Option<&Body<'_>>) -> Option<u64> {
    let recorded = || {
        let size = match body? {
            Body::Json(value) => value.get().len(),
            Body::Base64(text) => decoded_size(text),
            Body::Bytes(bytes) => bytes.len(),
        };
        u64::try_from(size).ok()
    };
    content_length.or_else(recorded)
}

/// Returns how many bytes a base64 text decodes to. Padding is optional.
fn decoded_size(base64: &str) -> usize {
    let digits = base64.trim_end_matches('=').len();
    digits / 4 * 3 + (digits % 4).saturating_sub(1)
}

/// Cuts a long body and marks the event as truncated, as an SDK does. The start of a JSON value is not JSON,
/// so it is stored as base64.
fn cut_body(body: &mut Option<Body<'_>>, content_length: &mut Option<u64>, headers: &mut Headers<'_>) {
    let whole_size = body_size(*content_length, body.as_ref());
    let shortened = match body {
        Some(Body::Json(value)) if value.get().len() > CUT_BODY => {
            value.get().as_bytes().get(..CUT_BODY).map(|bytes| Body::Bytes(Cow::Owned(bytes.to_vec())))
        }
        // A text with other characters than ASCII is not base64. It is stored anyway, cut between characters.
        Some(Body::Base64(text)) if text.len() > CUT_BODY_BASE64 => {
            let end = (0..=CUT_BODY_BASE64).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            Some(Body::Base64(Cow::Owned(text.get(..end).unwrap_or_default().to_owned())))
        }
        _ => None,
    };
    if shortened.is_some() {
        *body = shortened;
        *content_length = whole_size;
        headers.set(header::BODY_TRUNCATED, "1");
    }
}

/// The parts of a URI. Joined in this order, they are the original URI.
#[derive(Debug, PartialEq, Eq)]
struct UriParts<'a> {
    /// Scheme and host, with the port.
    origin: &'a str,
    path: &'a str,
    /// Query and fragment, with their separators.
    query: &'a str,
}

impl<'a> UriParts<'a> {
    fn split(uri: &'a str) -> Self {
        // A `://` after the first `/`, `?` or `#` belongs to a path or a query.
        let scheme_end =
            uri.find("://").filter(|at| uri.find(['/', '?', '#']).is_none_or(|first| first > *at));
        let host = scheme_end.map_or(0, |at| at.saturating_add(3));
        let find_after_host = |characters: &[char]| {
            uri.get(host..)
                .and_then(|rest| rest.find(characters))
                .map_or(uri.len(), |at| at.saturating_add(host))
        };
        let query = find_after_host(&['?', '#']);
        let path = if host == 0 { 0 } else { find_after_host(&['/', '?', '#']) };
        Self {
            origin: uri.get(..path).unwrap_or_default(),
            path: uri.get(path..query).unwrap_or_default(),
            query: uri.get(query..).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uri_is_split_into_origin_path_and_query() {
        for (uri, expected) in [
            ("https://h:1/a/b?c=d#e", ("https://h:1", "/a/b", "?c=d#e")),
            ("https://h", ("https://h", "", "")),
            ("https://h?x=/y", ("https://h", "", "?x=/y")),
            ("/a?u=http://h/b", ("", "/a", "?u=http://h/b")),
            ("a#b", ("", "a", "#b")),
            ("http://é/ü?ö", ("http://é", "/ü", "?ö")),
            ("://", ("://", "", "")),
            ("", ("", "", "")),
        ] {
            let UriParts { origin, path, query } = UriParts::split(uri);
            assert_eq!((origin, path, query), expected, "{uri}");
            assert_eq!([origin, path, query].concat(), uri);
        }
    }

    #[test]
    fn size_of_base64_body_is_its_decoded_size() {
        for (text, bytes) in [("", 0), ("AA==", 1), ("AAA=", 2), ("AAAA", 3), ("AAAAAA", 4)] {
            assert_eq!(body_size(None, Some(&Body::Base64(text.into()))), Some(bytes), "{text}");
        }
        assert_eq!(body_size(Some(7), None), Some(7));
        assert_eq!(body_size(None, None), None);
    }
}
