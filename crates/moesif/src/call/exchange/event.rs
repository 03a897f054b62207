//! Turns a record into the event that is sent.
//!
//! This decompresses bodies, checks JSON, reads tokens and addresses, and applies masks. It runs on a worker
//! thread, unless the application's mask function needs the event earlier.

use std::borrow::Cow;

use moesif_wire::{Body, Event, Headers, Request, Response, header};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Exchange;
use crate::call::mask::{mask_headers, mask_query};
use crate::call::{BodyMask, BodyView};
use crate::memory;

/// Bytes that a header takes in an event, beside its text.
const HEADER_BYTES: usize = 128;

/// Event of a call, and the number of bodies that were left out.
#[derive(Debug)]
pub struct Projection<'a> {
    /// The event.
    pub event: EventDocument<'a>,
    /// Number of bodies left out, because the byte budget was exhausted or a mask could not be applied.
    pub bodies_removed: usize,
}

/// An event in the form it is serialized from.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum EventDocument<'a> {
    /// The event as it was recorded.
    Recorded(Box<Event<'a>>),
    /// The event that the application made instead.
    Replaced(&'a RawValue),
}

impl Exchange {
    /// Returns the event of this call. Borrows from the record where it can.
    pub(crate) fn event(&self) -> Projection<'_> {
        if let Some(document) = &self.outcome.replacement {
            return Projection { event: EventDocument::Replaced(document), bodies_removed: 0 };
        }
        let mut bodies_removed = 0;
        let mut event = self.unstripped_event(&mut bodies_removed);
        if self.is_sent_stripped() {
            bodies_removed += strip(&mut event);
        }
        Projection { event: EventDocument::Recorded(Box::new(event)), bodies_removed }
    }

    /// Returns the event as JSON text, before content is stripped. `None` if it cannot be written, or if there
    /// is no memory for it.
    #[must_use]
    pub fn document(&self) -> Option<String> {
        // Reading the headers allocates in ways that cannot fail.
        let headers = self.request.headers.len() + self.response.headers.len();
        if !memory::is_available(2 * self.text.capacity() + headers * HEADER_BYTES) {
            return None;
        }
        let mut json = memory::FallibleBuffer::default();
        serde_json::to_writer(&mut json, &self.unstripped_event(&mut 0)).ok()?;
        String::from_utf8(json.bytes).ok()
    }

    /// Returns whether the recorded event is sent without its content.
    pub(super) fn is_sent_stripped(&self) -> bool {
        self.outcome.replacement.is_none() && (self.outcome.is_stripped || self.policy.strip_content)
    }

    /// Returns the event with its content. Adds to `bodies_removed` the number of bodies that are left out.
    fn unstripped_event(&self, bodies_removed: &mut usize) -> Event<'_> {
        let headers = self.request_headers();
        let user_id = self.user_id_or_identified(&headers);
        Event {
            request: self.request_part(headers, bodies_removed),
            response: self.response_part(bodies_removed),
            session_token: self.caller.session_token.as_deref().map(Into::into),
            tags: None,
            user_id,
            company_id: self.company_id().map(Into::into),
            subscription_id: None,
            metadata: self.outcome.metadata.as_deref(),
            direction: Some(self.policy.direction),
            weight: self.weight(),
            blocked_by: self.outcome.blocked_by.as_deref().map(Into::into),
            transaction_id: Some(self.transaction_id().into()),
            action_name: None,
            trace_id: None,
            span: None,
        }
    }

    fn request_part<'a>(&'a self, mut headers: Headers<'a>, bodies_removed: &mut usize) -> Request<'a> {
        let policy = &*self.policy;
        let ip_address = self.ip_address(&headers).map(Into::into);
        if let Some(id) = self.response_transaction_id() {
            headers.set(header::TRANSACTION_ID, id);
        }
        let view = self.request_body();
        let content_length = view.content_length;
        mark_truncated(&view, policy.log_body, &mut headers);
        let is_discarded = self.request.body.is_discarded();
        let body = self.body_part(view, is_discarded, &policy.masks.request_body, bodies_removed);
        mask_headers(&mut headers, &policy.masks.request_headers);
        let uri = self.uri();
        let uri = if policy.masks.query.is_empty() {
            uri.into()
        } else {
            mask_query(uri, &policy.masks.query).into()
        };
        Request {
            time: self.timing.arrived,
            uri,
            verb: self.verb().into(),
            headers,
            api_version: policy.api_version.as_deref().map(Into::into),
            ip_address,
            body,
            content_length,
        }
    }

    /// Returns the response, or `None` if there was none.
    fn response_part(&self, bodies_removed: &mut usize) -> Option<Response<'_>> {
        let status = self.status()?;
        let policy = &*self.policy;
        let mut headers = self.response_headers();
        let mut view = self.response_body(&headers);
        if self.outcome.blocked_by.is_some() && !view.truncated {
            view.body = view.body.map(scalar_as_json);
        }
        let content_length = view.content_length;
        mark_truncated(&view, policy.log_body, &mut headers);
        let is_discarded = self.response.body.is_discarded();
        let body = self.body_part(view, is_discarded, &policy.masks.response_body, bodies_removed);
        mask_headers(&mut headers, &policy.masks.response_headers);
        Some(Response { time: self.timing.ended(), status, headers, ip_address: None, body, content_length })
    }

    /// Returns the masked body. Counts it in `bodies_removed` if it must be left out.
    fn body_part<'a>(
        &self,
        view: BodyView<'a>,
        is_discarded: bool,
        mask: &BodyMask,
        bodies_removed: &mut usize,
    ) -> Option<Body<'a>> {
        if !self.policy.log_body {
            return None;
        }
        let Some(body) = view.body else {
            *bodies_removed += usize::from(is_discarded);
            return None;
        };
        let body = mask.apply_to_body(body);
        *bodies_removed += usize::from(body.is_none());
        body
    }
}

/// Adds `X-Moesif-Body-Truncated` if the recorded body is only a prefix.
fn mark_truncated(view: &BodyView<'_>, log_body: bool, headers: &mut Headers<'_>) {
    if log_body && view.truncated {
        headers.set(header::BODY_TRUNCATED, "1");
    }
}

/// Turns the answer of a rule into JSON if it is a JSON scalar, which other bodies send as base64.
fn scalar_as_json(body: Body<'_>) -> Body<'_> {
    match &body {
        Body::Bytes(bytes) if !bytes.starts_with(b"{") && !bytes.starts_with(b"[") => {
            serde_json::from_slice::<Box<RawValue>>(bytes).map_or(body, |value| Body::Json(Cow::Owned(value)))
        }
        _ => body,
    }
}

/// Removes everything that a mask might have removed: bodies, headers, query, session token and metadata.
/// Returns the number of removed bodies.
fn strip(event: &mut Event<'_>) -> usize {
    let mut removed = usize::from(event.request.body.take().is_some());
    event.metadata = None;
    event.session_token = None;
    event.request.headers = Headers::default();
    if let Some(path_end) = event.request.uri.find('?') {
        event.request.uri.to_mut().truncate(path_end);
    }
    if let Some(response) = &mut event.response {
        removed += usize::from(response.body.take().is_some());
        response.headers = Headers::default();
    }
    removed
}

#[cfg(test)]
mod tests {
    use moesif_wire::Direction;
    use serde_json::{Value, json};

    use super::*;
    use crate::call::testing::exchange;
    use crate::call::{Masks, Policy};

    fn event(exchange: &Exchange) -> Value {
        serde_json::to_value(exchange.event().event).unwrap()
    }

    #[test]
    fn event_contains_what_was_recorded() {
        let mut exchange = exchange(Policy::default());
        exchange.add_cgi_request_header("X_NAME", "caf\u{c3}\u{a9}");
        exchange.set_peer_address("192.0.2.1");
        exchange.record_request_body(0, b"{\"a\": 1}");
        exchange.set_status(201);
        exchange.add_response_header("Set-Cookie", "a=1");
        exchange.add_response_header("Set-Cookie", "b=2");
        exchange.record_response_body(&[0; 1200]);
        exchange.finish();
        let event = event(&exchange);
        assert_eq!(event["request"]["headers"]["X-Name"], "café");
        assert_eq!(event["request"]["ip_address"], "192.0.2.1");
        assert_eq!(event["request"]["body"]["a"], 1);
        assert_eq!(event["response"]["headers"]["Set-Cookie"], "a=1, b=2");
        assert_eq!(event["response"]["headers"]["X-Moesif-Body-Truncated"], "1");
        assert_eq!(event["response"]["content_length"], 1200);
        assert_eq!(event["response"]["body"].as_str().unwrap().len(), 1000);
        assert_eq!(event["direction"], "Incoming");
    }

    #[test]
    fn client_does_not_choose_the_transaction_id_of_the_event() {
        let mut exchange = exchange(Policy::default());
        exchange.add_cgi_request_header("X_MOESIF_TRANSACTION_ID", "mine-1");
        assert_eq!(event(&exchange)["transaction_id"], exchange.transaction_id());
        assert_eq!(event(&exchange)["request"]["headers"]["X-Moesif-Transaction-Id"], "mine-1");
    }

    #[test]
    fn user_is_found_in_the_last_of_repeated_headers() {
        let mut exchange = exchange(Policy::default());
        for value in ["Basic YW5uOng=", "Basic Ym9iOng="] {
            exchange.add_cgi_request_header("AUTHORIZATION", value);
        }
        let event = event(&exchange);
        assert_eq!(event["request"]["headers"]["Authorization"], "Basic Ym9iOng=");
        assert_eq!(event["user_id"], "bob");
    }

    #[test]
    fn sizes_are_recorded_without_log_body() {
        let mut exchange = exchange(Policy { log_body: false, ..Policy::default() });
        exchange.record_request_body(0, b"secret");
        exchange.set_status(200);
        exchange.record_response_body(b"secret");
        let event = event(&exchange);
        assert!(event["request"].get("body").is_none() && event["response"].get("body").is_none());
        assert_eq!(event["response"]["content_length"], 6);
        assert!(!event.to_string().contains("Truncated"));
    }

    #[test]
    fn unsupported_mask_removes_the_content() {
        let mut exchange = exchange(Policy { strip_content: true, ..Policy::default() });
        exchange.add_request_header("X-Secret", "secret");
        exchange.record_request_body(0, b"{\"secret\":1}");
        exchange.set_status(200);
        exchange.add_response_header("X-Secret", "secret");
        exchange.record_response_body(b"secret");
        let event = event(&exchange);
        assert!(!event.to_string().contains("secret"), "{event}");
        assert_eq!(event["request"]["uri"], "http://h/p");
        assert_eq!(event["response"]["status"], 200);
    }

    #[test]
    fn masks_remove_named_parts_and_bodies_they_cannot_read() {
        let masks = Masks {
            request_headers: vec!["authorization".to_owned()],
            response_headers: vec!["SET-COOKIE".to_owned()],
            request_body: BodyMask::new(vec!["password".to_owned()]),
            response_body: BodyMask::new(vec!["token".to_owned()]),
            query: vec!["secret".to_owned()],
        };
        let mut exchange = exchange(Policy { masks, ..Policy::default() });
        exchange.add_request_header("Authorization", "Basic YW5uOnNlY3JldA==");
        exchange.record_request_body(0, br#"{"password":"secret","a":1}"#);
        exchange.set_status(200);
        exchange.add_response_header("Set-Cookie", "secret");
        exchange.record_response_body(b"token=secret");
        assert_eq!(exchange.event().bodies_removed, 1);
        let event = event(&exchange);
        assert!(!event.to_string().contains("secret"), "{event}");
        assert_eq!(event["user_id"], "ann");
        assert_eq!(event["request"]["body"], json!({"a": 1}));
        assert_eq!(event["response"]["content_length"], 12);
    }

    #[test]
    fn outgoing_call_has_no_address_no_user_and_no_added_header() {
        let mut exchange = exchange(Policy {
            direction: Direction::Outgoing,
            transaction_id: false,
            authorization_header_names: Vec::new(),
            ..Policy::default()
        });
        exchange.set_url("http://ann:secret@h/p#f");
        exchange.add_request_header("Authorization", "Basic YW5uOnNlY3JldA==");
        exchange.add_request_header("X-Forwarded-For", "192.0.2.1");
        exchange.add_metadata("error", "Timeout");
        let event = event(&exchange);
        assert_eq!(event["direction"], "Outgoing");
        assert_eq!(event["request"]["uri"], "http://h/p");
        assert_eq!(event["request"]["headers"].as_object().unwrap().len(), 2);
        assert_eq!(event["metadata"], json!({"error": "Timeout"}));
        for absent in [&event["response"], &event["user_id"], &event["request"]["ip_address"]] {
            assert!(absent.is_null(), "{event}");
        }
    }

    /// Records a response that declares 40 compressed bytes.
    fn compressed_response() -> Box<Exchange> {
        let mut exchange = exchange(Policy::default());
        exchange.set_status(200);
        exchange.add_response_header("Content-Encoding", "gzip");
        exchange.add_response_header("Content-Length", "40");
        exchange.append_response_body(b"{\"a\":1}");
        exchange
    }

    #[test]
    fn decoded_response_is_not_decoded_again() {
        let mut exchange = compressed_response();
        exchange.set_response_decoded();
        let response = &event(&exchange)["response"];
        assert_eq!(response["body"], json!({"a": 1}));
        assert_eq!(response["content_length"], 40);
    }

    #[test]
    fn partly_read_response_is_marked_as_truncated() {
        let mut exchange = compressed_response();
        exchange.mark_response_body_incomplete();
        let response = &event(&exchange)["response"];
        assert_eq!(response["transfer_encoding"], "base64");
        assert_eq!(response["content_length"], 40);
        assert_eq!(response["headers"]["X-Moesif-Body-Truncated"], "1");
    }
}
