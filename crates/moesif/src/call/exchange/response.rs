//! The recorded response of a call.

use moesif_wire::Headers;

use super::Exchange;
use crate::call::arena::HeaderSpan;
use crate::call::text::push_native;
use crate::call::{BodyView, CapturedBody};

/// Recorded parts of a response. The exchange's arena holds the text.
pub(super) struct ResponseRecord {
    pub(super) status: Option<u16>,
    /// The application raised an exception.
    pub(super) failed: bool,
    pub(super) headers: Vec<HeaderSpan>,
    pub(super) body: CapturedBody,
    pub(super) body_source: BodySource,
    /// The byte budget refused the copy of a chunk that the adapter wanted to keep.
    pub(super) chunk_refused: bool,
}

/// How the recorded bytes of a response body relate to the transferred bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodySource {
    /// They are the transferred bytes.
    Transferred,
    /// They are the content without its `Content-Encoding`.
    Decoded,
    /// They are the transferred bytes, but the application did not read the rest.
    PartlyRead,
}

impl ResponseRecord {
    /// Returns an empty record that uses this memory.
    pub(super) fn new(headers: Vec<HeaderSpan>, body: CapturedBody) -> Self {
        Self {
            status: None,
            failed: false,
            headers,
            body,
            body_source: BodySource::Transferred,
            chunk_refused: false,
        }
    }
}

impl Exchange {
    /// Sets the status code.
    pub fn set_status(&mut self, status: u16) {
        self.response.status = Some(status);
    }

    /// Adds a response header. The value is a native string (PEP 3333).
    pub fn add_response_header(&mut self, name: &str, value: &str) {
        self.text.add_header(
            &mut self.response.headers,
            name.len() + value.len(),
            |out| out.push_str(name),
            |out| push_native(out, value),
        );
    }

    /// Removes status and headers, because the application replaces them.
    pub fn clear_response_head(&mut self) {
        self.response.headers.clear();
        self.response.status = None;
    }

    /// Records that the application raised an exception. The event has status 500, even if another one was
    /// set.
    ///
    /// If no byte of the body was sent, the headers are removed, because the server answers with its own.
    pub fn fail(&mut self) {
        self.response.failed = true;
        if self.response.body.passed() == 0 {
            self.response.headers.clear();
        }
    }

    /// Records that the connection was upgraded (101). What the application returned was not sent, so its
    /// headers and body are removed. An exception of the application, or the answer of a rule, stays.
    pub fn switch_protocols(&mut self) {
        if self.response.failed || self.outcome.blocked_by.is_some() {
            return;
        }
        self.clear_response_head();
        self.reservation.shrink(self.response.body.allocated());
        self.response.body = CapturedBody::default();
        self.response.status = Some(101);
    }

    /// Records the next part of the response body.
    ///
    /// Returns how many bytes of the chunk the adapter may copy for the application's functions: those within
    /// the size limit, or 0 once the byte budget is too small for a copy.
    pub fn record_response_body(&mut self, chunk: &[u8]) -> usize {
        let before = self.response.body.passed();
        let limit = self.policy.response_max_body_size;
        self.append_response_body(chunk);
        let below_limit = usize::try_from(before).map_or(0, |before| limit.saturating_sub(before));
        let kept = chunk.len().min(below_limit);
        self.response.chunk_refused |= !self.reservation.grow(kept);
        if self.response.chunk_refused { 0 } else { kept }
    }

    /// Records the next part of the response body, for an adapter that keeps no copy.
    pub fn append_response_body(&mut self, chunk: &[u8]) {
        // The size is recorded even if bodies are not.
        let limit = if self.policy.log_body { self.policy.response_max_body_size } else { 0 };
        self.response.body.append(chunk, limit, &mut self.reservation);
    }

    /// Records that the recorded response body is already decoded: its `Content-Encoding` was removed.
    pub fn set_response_decoded(&mut self) {
        self.response.body_source = BodySource::Decoded;
    }

    /// Records that the application did not read the rest of the response body.
    pub fn mark_response_body_incomplete(&mut self) {
        self.response.body_source = BodySource::PartlyRead;
        self.response.body.mark_incomplete();
    }

    /// Returns the status of the event: 500 if the application raised an exception. `None` if it has not started
    /// a response either.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        if self.response.failed { Some(500) } else { self.response.status }
    }

    /// Returns the response headers. The values of a repeated header are joined.
    pub(super) fn response_headers(&self) -> Headers<'_> {
        let mut headers = Headers::with_capacity(self.response.headers.len() + 1);
        for HeaderSpan { name, value } in &self.response.headers {
            headers.append(self.text.get(*name), self.text.get(*value));
        }
        headers
    }

    /// Returns the response body in the form it is sent in. Its encoding and length are read from `headers`.
    pub(super) fn response_body(&self, headers: &Headers<'_>) -> BodyView<'_> {
        let encoding = headers.get("Content-Encoding");
        let declared = || headers.get("Content-Length").and_then(|length| length.trim().parse().ok());
        let limit = self.policy.response_max_body_size;
        let body = &self.response.body;
        match self.response.body_source {
            BodySource::Transferred => body.view(encoding, None, limit),
            // Truncated even if no byte was read.
            BodySource::PartlyRead => BodyView { truncated: true, ..body.view(encoding, declared(), limit) },
            BodySource::Decoded => {
                let view = body.view(None, None, limit);
                if encoding.is_some() { BodyView { content_length: declared(), ..view } } else { view }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::call::Policy;
    use crate::call::testing::{begin, exchange};

    #[test]
    fn adapter_may_keep_chunks_up_to_the_size_limit() {
        let mut exchange = exchange(Policy::default());
        assert_eq!(exchange.record_response_body(&[0; 600]), 600);
        assert_eq!(exchange.record_response_body(&[0; 600]), 400);
        assert_eq!(exchange.record_response_body(&[0; 600]), 0);
    }

    #[test]
    fn adapter_may_keep_no_chunk_after_the_budget_refused_one() {
        let mut exchange = begin(Policy::default(), 1000);
        assert_eq!(exchange.record_response_body(&[0; 500]), 0);
        assert_eq!(exchange.record_response_body(&[0; 1]), 0);
    }

    #[test]
    fn upgrade_replaces_a_response_but_not_a_failure() {
        let mut upgraded = exchange(Policy::default());
        assert_eq!(upgraded.status(), None);
        upgraded.set_status(200);
        upgraded.add_response_header("X-Name", "1");
        upgraded.record_response_body(b"x");
        upgraded.switch_protocols();
        assert_eq!(upgraded.status(), Some(101));
        assert!(upgraded.response_headers().get("X-Name").is_none());
        assert_eq!(upgraded.response.body.passed(), 0);

        let mut failed = exchange(Policy::default());
        failed.fail();
        failed.switch_protocols();
        assert_eq!(failed.status(), Some(500));

        let mut blocked = exchange(Policy::default());
        blocked.set_blocked_by("rule".to_owned());
        blocked.set_status(429);
        blocked.switch_protocols();
        assert_eq!(blocked.status(), Some(429));
    }

    #[test]
    fn failure_replaces_the_status_and_removes_headers_that_were_not_sent() {
        let mut exchange = exchange(Policy::default());
        exchange.set_status(200);
        exchange.add_response_header("X-Name", "1");
        exchange.fail();
        assert_eq!(exchange.status(), Some(500));
        assert!(exchange.response_headers().get("X-Name").is_none());

        let mut sending = self::exchange(Policy::default());
        sending.add_response_header("X-Name", "1");
        sending.record_response_body(b"x");
        sending.fail();
        assert_eq!(sending.response_headers().get("X-Name"), Some("1"));
    }
}
