//! The recorded request of a call.

use std::borrow::Cow;

use moesif_wire::{Headers, header};

use super::Exchange;
use crate::call::arena::{HeaderSpan, Span};
use crate::call::text::{push_header_name, push_native};
use crate::call::uri::{max_url_length, push_url};
use crate::call::{BodyView, CapturedBody, UriParts};

/// Recorded parts of a request. The exchange's arena holds the text.
pub(super) struct RequestRecord {
    pub(super) verb: Span,
    pub(super) uri: Span,
    pub(super) peer_address: Span,
    pub(super) headers: Vec<HeaderSpan>,
    pub(super) body: CapturedBody,
    /// Length of the body as the request declares it, in bytes.
    pub(super) declared_length: Option<u64>,
}

impl RequestRecord {
    /// Returns an empty record that uses this memory.
    pub(super) fn new(headers: Vec<HeaderSpan>, body: CapturedBody) -> Self {
        Self {
            verb: Span::default(),
            uri: Span::default(),
            peer_address: Span::default(),
            headers,
            body,
            declared_length: None,
        }
    }
}

impl Exchange {
    /// Sets the request method.
    pub fn set_verb(&mut self, verb: &str) {
        self.request.verb = self.text.push(verb);
    }

    /// Sets the full URI, which must be valid.
    pub fn set_uri(&mut self, uri: &str) {
        self.request.uri = self.text.push(uri);
    }

    /// Sets the full URI from CGI variables.
    pub fn set_uri_parts(&mut self, parts: &UriParts<'_>) {
        self.request.uri = self.text.write(parts.max_length(self.text.room()), |out| parts.write(out));
    }

    /// Sets the full URI of a call that the application makes, from the URL as the application wrote it.
    pub fn set_url(&mut self, url: &str) {
        self.request.uri = self.text.write(max_url_length(url, self.text.room()), |out| push_url(out, url));
    }

    /// Sets the address the connection came from.
    pub fn set_peer_address(&mut self, address: &str) {
        self.request.peer_address = self.text.push(address);
    }

    /// Adds a request header.
    pub fn add_request_header(&mut self, name: &str, value: &str) {
        self.text.add_header(
            &mut self.request.headers,
            name.len() + value.len(),
            |out| out.push_str(name),
            |out| out.push_str(value),
        );
    }

    /// Adds a request header by its CGI name without `HTTP_`. The value is a native string (PEP 3333).
    pub fn add_cgi_request_header(&mut self, cgi_name: &str, value: &str) {
        self.text.add_header(
            &mut self.request.headers,
            cgi_name.len() + value.len(),
            |out| push_header_name(out, cgi_name),
            |out| push_native(out, value),
        );
    }

    /// Sets the length that the request declares for its body, in bytes.
    pub fn set_declared_length(&mut self, bytes: u64) {
        self.request.declared_length = Some(bytes);
    }

    /// Records a part of the request body that the application read from byte position `offset`.
    pub fn record_request_body(&mut self, offset: u64, chunk: &[u8]) {
        let limit = self.policy.request_max_body_size;
        self.request.body.record_at(offset, chunk, limit, &mut self.reservation);
    }

    /// Ends the recording of the request body, because the read position is no longer known.
    pub fn mark_request_body_incomplete(&mut self) {
        self.request.body.mark_incomplete();
    }

    /// Returns the request body in the form it is sent in.
    #[must_use]
    pub fn request_body(&self) -> BodyView<'_> {
        self.request.body.view(
            self.request_header("Content-Encoding"),
            self.request.declared_length,
            self.policy.request_max_body_size,
        )
    }

    /// Returns the recorded start of the request body as it was transferred.
    #[must_use]
    pub fn request_body_bytes(&self) -> &[u8] {
        self.request.body.bytes()
    }

    /// Returns the transaction id to add to the response. `None` if the option turns it off. A valid id from
    /// the client has precedence over the id of the event.
    #[must_use]
    pub fn response_transaction_id(&self) -> Option<&str> {
        self.policy.transaction_id.then(|| {
            self.request_header(header::TRANSACTION_ID)
                .filter(|id| is_acceptable_transaction_id(id))
                .unwrap_or_else(|| self.transaction_id())
        })
    }

    /// Returns the request method.
    pub(crate) fn verb(&self) -> &str {
        self.text.get(self.request.verb)
    }

    /// Returns the full URI.
    pub(crate) fn uri(&self) -> &str {
        self.text.get(self.request.uri)
    }

    /// Returns the value of a request header. If the header is repeated, the last value wins.
    pub(crate) fn request_header(&self, name: &str) -> Option<&str> {
        let header = self
            .request
            .headers
            .iter()
            .rfind(|header| self.text.get(header.name).eq_ignore_ascii_case(name))?;
        Some(self.text.get(header.value))
    }

    /// Returns the request headers. If a header is repeated, as some servers do, the last value wins.
    pub(crate) fn request_headers(&self) -> Headers<'_> {
        let mut headers = Headers::with_capacity(self.request.headers.len() + 2);
        for HeaderSpan { name, value } in &self.request.headers {
            headers.set(self.text.get(*name), self.text.get(*value));
        }
        headers
    }

    /// Returns the request body, decompressed. `None` if only a part of it is recorded.
    pub(crate) fn request_content(&self) -> Option<Cow<'_, [u8]>> {
        self.request.body.content(
            self.request_header("Content-Encoding"),
            self.request.declared_length,
            self.policy.request_max_body_size,
        )
    }
}

/// Returns whether a transaction id from a client is valid: 1 to 64 ASCII letters, digits, `.`, `_` and `-`.
/// Other characters could break a header.
fn is_acceptable_transaction_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use crate::call::Policy;
    use crate::call::testing::exchange;

    #[test]
    fn client_chooses_the_transaction_id_of_the_header_but_not_of_the_event() {
        let mut exchange = exchange(Policy::default());
        exchange.add_cgi_request_header("X_MOESIF_TRANSACTION_ID", "mine-1");
        assert_eq!(exchange.response_transaction_id(), Some("mine-1"));
        assert_ne!(exchange.transaction_id(), "mine-1");
    }

    #[test]
    fn unacceptable_transaction_id_of_a_client_is_replaced() {
        for bad in ["", "a b", "a\r\nb", &"x".repeat(65)] {
            let mut exchange = exchange(Policy::default());
            exchange.add_cgi_request_header("X_MOESIF_TRANSACTION_ID", bad);
            assert_eq!(exchange.response_transaction_id(), Some(exchange.transaction_id()), "{bad:?}");
        }
    }

    #[test]
    fn last_of_repeated_headers_wins() {
        let mut exchange = exchange(Policy::default());
        for value in ["1", "2"] {
            exchange.add_cgi_request_header("X_VERSION", value);
        }
        assert_eq!(exchange.request_header("x-version"), Some("2"));
        assert_eq!(exchange.request_headers().get("X-Version"), Some("2"));
    }
}
