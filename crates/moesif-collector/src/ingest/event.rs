//! One event, judged, completed and made ready to be stored.
//!
//! In: a raw value. Out: its record, or the field that was wrong. Completes what the sender left to the server (the
//! caller's address) and cuts the bodies of an event over the limit.

use std::borrow::Cow;

use moesif_wire::{Body, Event, Headers, ValidationError, header, limits};
use serde_json::value::RawValue;

use super::Received;
use crate::store::EventRecord;

/// An event longer than this has its bodies cut.
const LONG: usize = 1024 * 1024;
/// What is kept of a body then, in bytes before it is encoded: a multiple of 3, so that base64 needs no padding.
const CUT: usize = 450 * 1024;
/// The same, as base64 text.
const CUT_BASE64: usize = CUT / 3 * 4;

/// Judges one event.
pub(super) fn judge(raw: &RawValue, received: &Received) -> Result<EventRecord, ValidationError> {
    let mut event = Event::parse(raw)?;
    limits::check_event(&event)?;
    if event.request.ip_address.is_none() {
        event.request.ip_address = Some(Cow::Owned(received.peer.to_string()));
    }
    let request_bytes = size(event.request.content_length, event.request.body.as_ref());
    let response_bytes =
        event.response.as_ref().and_then(|response| size(response.content_length, response.body.as_ref()));
    if raw.get().len() > LONG {
        cut(&mut event.request.body, &mut event.request.content_length, &mut event.request.headers);
        if let Some(response) = &mut event.response {
            cut(&mut response.body, &mut response.content_length, &mut response.headers);
        }
    }
    let document = serde_json::to_string(&event)
        .map_err(|error| ValidationError::unreadable("", &format_args!("cannot be written: {error}")))?;
    let bodies = written(event.request.body.as_ref())
        .saturating_add(event.response.as_ref().map_or(0, |response| written(response.body.as_ref())));
    let rest = document.len().saturating_sub(bodies);
    if rest > LONG {
        let expected = format!("at most {LONG} bytes besides the bodies");
        return Err(ValidationError::new("event", expected, rest.to_string()));
    }
    let (origin, route, query) = parts(&event.request.uri);
    let time = event.request.time.as_millis();
    Ok(EventRecord {
        time,
        duration: event
            .response
            .as_ref()
            .map(|response| response.time.as_millis().saturating_sub(time).max(0)),
        status: event.response.as_ref().map(|response| response.status),
        origin: origin.to_owned(),
        route: route.to_owned(),
        query: (!query.is_empty()).then(|| query.to_owned()),
        direction: event.direction.map(moesif_wire::Direction::as_str),
        weight: i64::try_from(event.weight).unwrap_or(i64::MAX),
        request_bytes: request_bytes.map(saturated),
        response_bytes: response_bytes.map(saturated),
        document,
        verb: event.request.verb.into_owned(),
        user: event.user_id.map(Cow::into_owned).filter(|id| !id.is_empty()),
        company: event.company_id.map(Cow::into_owned).filter(|id| !id.is_empty()),
        transaction_id: event.transaction_id.map(Cow::into_owned).filter(|id| !id.is_empty()),
    })
}

/// About how many bytes of the document are this body.
fn written(body: Option<&Body<'_>>) -> usize {
    match body {
        None => 0,
        Some(Body::Json(value)) => value.get().len(),
        Some(Body::Base64(text)) => text.len(),
        Some(Body::Bytes(bytes)) => bytes.len().div_ceil(3).saturating_mul(4),
    }
}

fn saturated(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// The size of a body: the one stated, else that of what was recorded.
fn size(stated: Option<u64>, body: Option<&Body<'_>>) -> Option<u64> {
    let recorded = || {
        let size = match body? {
            Body::Json(value) => value.get().len(),
            Body::Base64(text) => text.trim_end_matches('=').len() / 4 * 3 + tail(text),
            Body::Bytes(bytes) => bytes.len(),
        };
        u64::try_from(size).ok()
    };
    stated.or_else(recorded)
}

/// The bytes in the last, incomplete group of four.
fn tail(text: &str) -> usize {
    (text.trim_end_matches('=').len() % 4).saturating_sub(1)
}

/// Cuts a long body to its first part, in base64: what is left of a JSON value is no JSON. Says so in the event, as
/// the SDK does when it is the one that cuts.
fn cut(body: &mut Option<Body<'_>>, content_length: &mut Option<u64>, headers: &mut Headers<'_>) {
    let whole = size(*content_length, body.as_ref());
    let shortened = match body {
        Some(Body::Json(value)) if value.get().len() > CUT => {
            value.get().as_bytes().get(..CUT).map(|bytes| Body::Bytes(Cow::Owned(bytes.to_vec())))
        }
        // Text that is not ASCII is not base64, but it is what was sent: it is cut between characters.
        Some(Body::Base64(text)) if text.len() > CUT_BASE64 => {
            let end = (0..=CUT_BASE64).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            Some(Body::Base64(Cow::Owned(text.get(..end).unwrap_or_default().to_owned())))
        }
        _ => None,
    };
    if shortened.is_some() {
        *body = shortened;
        *content_length = whole;
        headers.set(header::BODY_TRUNCATED, "1");
    }
}

/// A URI as scheme with host, path, and what follows the path. Put together again they are the URI.
fn parts(uri: &str) -> (&str, &str, &str) {
    // A `://` behind the first of these is part of a path or a query, not the end of a scheme.
    let scheme = uri.find("://").filter(|at| uri.find(['/', '?', '#']).is_none_or(|first| first > *at));
    let host = scheme.map_or(0, |at| at.saturating_add(3));
    let after_host = |ends: &[char]| {
        uri.get(host..).and_then(|rest| rest.find(ends)).map_or(uri.len(), |at| at.saturating_add(host))
    };
    let query = after_host(&['?', '#']);
    let path = if host == 0 { 0 } else { after_host(&['/', '?', '#']) };
    (
        uri.get(..path).unwrap_or_default(),
        uri.get(path..query).unwrap_or_default(),
        uri.get(query..).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_taken_apart_where_its_path_begins_and_ends() {
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
            assert_eq!(parts(uri), expected, "{uri}");
            let (origin, route, query) = parts(uri);
            assert_eq!([origin, route, query].concat(), uri);
        }
    }

    #[test]
    fn the_size_of_a_base64_body_is_that_of_its_bytes() {
        for (text, bytes) in [("", 0), ("AA==", 1), ("AAA=", 2), ("AAAA", 3), ("AAAAAA", 4)] {
            assert_eq!(size(None, Some(&Body::Base64(text.into()))), Some(bytes), "{text}");
        }
        assert_eq!(size(Some(7), None), Some(7));
        assert_eq!(size(None, None), None);
    }
}
