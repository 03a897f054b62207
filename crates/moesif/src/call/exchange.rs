//! The record of one call.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use moesif_wire::{Body, Direction, Event, Headers, Request, Response, Timestamp, header};
use serde::Serialize;
use serde_json::value::RawValue;

use super::budget::{Budget, Reservation};
use super::mask::{BodyMask, mask_headers, mask_query};
use super::metadata::with_member;
use super::text::{native_text, push_header_name};
use super::uri::push_url;
use super::{BodyView, CapturedBody, Policy, TransactionId, UriParts, client_address, identify_user};

/// Room for the text of an ordinary call, so that the arena is allocated once.
const ARENA_CAPACITY: usize = 1536;
const HEADERS_CAPACITY: usize = 16;
/// A record with more text, or more headers, than this is not used again: most are much smaller.
const LARGEST_SPARE_ARENA: usize = 4096;
const LARGEST_SPARE_HEADERS: usize = 64;

/// A piece of the arena.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

/// A header's name and value.
type Field = (Span, Span);

/// Of whom the application could not say who they are.
#[derive(Clone, Copy, Debug, Default)]
struct Doubt {
    user: bool,
    company: bool,
}

/// One API call while it passes and until it is delivered.
///
/// An adapter fills it on the application's thread; every method is a copy into memory that is already there.
pub struct Exchange {
    /// All text, one allocation.
    arena: String,
    request_headers: Vec<Field>,
    response_headers: Vec<Field>,
    verb: Span,
    uri: Span,
    peer_address: Span,
    request_body: CapturedBody,
    response_body: CapturedBody,
    declared_length: Option<u64>,
    reservation: Reservation,
    policy: Arc<Policy>,
    transaction_id: TransactionId,
    arrived: Timestamp,
    started: Instant,
    took: Option<Duration>,
    status: Option<u16>,
    failed: bool,
    user_id: Option<String>,
    company_id: Option<String>,
    in_doubt: Doubt,
    session_token: Option<String>,
    metadata: Option<Box<RawValue>>,
    /// The governance rule that answered.
    blocked_by: Option<String>,
    /// The content must not leave.
    stripped: bool,
    /// The whole event as the application wants it.
    document: Option<Box<RawValue>>,
    /// The process the call arrived in.
    pid: u32,
    /// No room was left for the chunks the adapter keeps.
    chunks_refused: bool,
    /// How many calls this one stands for.
    weight: u64,
    response_read: ResponseRead,
}

/// What was seen of a response body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResponseRead {
    /// All of it, as it was transferred.
    Transferred,
    /// All of it, without its `Content-Encoding`.
    Decoded,
    /// Its start, as it was transferred.
    InPart,
}

impl Exchange {
    /// A call that arrives now. `spare` is one that is done with, for the memory.
    pub(crate) fn begin(
        spare: Option<Box<Self>>,
        policy: Arc<Policy>,
        transaction_id: TransactionId,
        budget: &Arc<Budget>,
        pid: u32,
    ) -> Box<Self> {
        let mut reservation = Reservation::new(budget);
        let mut spare = spare;
        let (arena, request_headers, response_headers, request_body, response_body) = match &mut spare {
            Some(spare) => (
                mem::take(&mut spare.arena),
                mem::take(&mut spare.request_headers),
                mem::take(&mut spare.response_headers),
                mem::take(&mut spare.request_body).reserved(&mut reservation),
                mem::take(&mut spare.response_body).reserved(&mut reservation),
            ),
            None => (
                String::with_capacity(ARENA_CAPACITY),
                Vec::with_capacity(HEADERS_CAPACITY),
                Vec::with_capacity(HEADERS_CAPACITY),
                CapturedBody::default(),
                CapturedBody::default(),
            ),
        };
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let exchange = Self {
            arena,
            request_headers,
            response_headers,
            verb: Span::default(),
            uri: Span::default(),
            peer_address: Span::default(),
            request_body,
            response_body,
            declared_length: None,
            reservation,
            policy,
            transaction_id,
            arrived: Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)),
            started: Instant::now(),
            took: None,
            status: None,
            failed: false,
            user_id: None,
            company_id: None,
            in_doubt: Doubt::default(),
            session_token: None,
            metadata: None,
            blocked_by: None,
            stripped: false,
            document: None,
            pid,
            chunks_refused: false,
            weight: 1,
            response_read: ResponseRead::Transferred,
        };
        match spare {
            Some(mut spare) => {
                *spare = exchange;
                spare
            }
            None => Box::new(exchange),
        }
    }

    /// Forgets the call and gives back what it has reserved: what stays is memory for another call. `None` when that is
    /// too much to keep.
    pub(crate) fn recycle(mut self: Box<Self>) -> Option<Box<Self>> {
        let headers = self.request_headers.capacity().max(self.response_headers.capacity());
        if self.arena.capacity() > LARGEST_SPARE_ARENA || headers > LARGEST_SPARE_HEADERS {
            return None;
        }
        self.arena.clear();
        self.request_headers.clear();
        self.response_headers.clear();
        self.request_body.clear();
        self.response_body.clear();
        self.reservation.resize(0);
        for text in [&mut self.user_id, &mut self.company_id, &mut self.session_token, &mut self.blocked_by] {
            *text = None;
        }
        self.metadata = None;
        self.document = None;
        Some(self)
    }

    /// The request method.
    pub fn set_verb(&mut self, verb: &str) {
        self.verb = self.push(verb);
    }

    /// The full URI, valid as it is.
    pub fn set_uri(&mut self, uri: &str) {
        self.uri = self.push(uri);
    }

    /// The full URI from CGI variables.
    pub fn set_uri_parts(&mut self, parts: &UriParts<'_>) {
        let start = self.arena.len();
        parts.write(&mut self.arena);
        self.uri = self.since(start);
    }

    /// The full URI of a call the application makes, as it was written.
    pub fn set_url(&mut self, url: &str) {
        let start = self.arena.len();
        push_url(&mut self.arena, url);
        self.uri = self.since(start);
    }

    /// The address the connection came from.
    pub fn set_peer_address(&mut self, address: &str) {
        self.peer_address = self.push(address);
    }

    /// A request header.
    pub fn add_request_header(&mut self, name: &str, value: &str) {
        let field = (self.push(name), self.push(value));
        self.request_headers.push(field);
    }

    /// A request header under its CGI name without `HTTP_`, its value a native string (PEP 3333).
    pub fn add_cgi_request_header(&mut self, cgi_name: &str, value: &str) {
        let start = self.arena.len();
        push_header_name(&mut self.arena, cgi_name);
        let name = self.since(start);
        let value = self.push_native(value);
        self.request_headers.push((name, value));
    }

    /// A response header, its value a native string (PEP 3333).
    pub fn add_response_header(&mut self, name: &str, value: &str) {
        let field = (self.push(name), self.push_native(value));
        self.response_headers.push(field);
    }

    /// Forgets the response head: the application replaces it.
    pub fn clear_response_head(&mut self) {
        self.response_headers.clear();
        self.status = None;
    }

    /// The status code of the response.
    pub fn set_status(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// The application raised: the event is recorded with status 500, whatever was announced before. Headers that were
    /// announced for a body of which nothing left are not those of the server's own answer: they are forgotten.
    pub fn fail(&mut self) {
        self.failed = true;
        if self.response_body.passed() == 0 {
            self.response_headers.clear();
        }
    }

    /// The length the request announces for its body.
    pub fn set_declared_length(&mut self, bytes: u64) {
        self.declared_length = Some(bytes);
    }

    /// Records a part of the request body that the application read from position `offset`.
    pub fn record_request_body(&mut self, offset: u64, chunk: &[u8]) {
        self.request_body.record_at(offset, chunk, self.policy.request_max_body_size, &mut self.reservation);
    }

    /// The application moved in the request body in a way that cannot be followed.
    pub fn lose_request_position(&mut self) {
        self.request_body.cut();
    }

    /// Records the next part of the response body. Returns how many bytes of it the adapter may keep for the
    /// application's functions: those within the capture limit, as long as the byte budget has room for them too.
    pub fn record_response_body(&mut self, chunk: &[u8]) -> usize {
        let before = self.response_body.passed();
        let limit = self.policy.response_max_body_size;
        self.append_response_body(chunk);
        let room = usize::try_from(before).map_or(0, |before| limit.saturating_sub(before));
        let kept = chunk.len().min(room);
        self.chunks_refused |= !self.reservation.grow(kept);
        if self.chunks_refused { 0 } else { kept }
    }

    /// Records the next part of the response body, for an adapter that keeps nothing of it.
    pub fn append_response_body(&mut self, chunk: &[u8]) {
        // Where bodies are not recorded their size still is.
        let kept = if self.policy.log_body { self.policy.response_max_body_size } else { 0 };
        self.response_body.append(chunk, kept, &mut self.reservation);
    }

    /// The response body is recorded as it was before its `Content-Encoding` was applied.
    pub fn set_response_decoded(&mut self) {
        self.response_read = ResponseRead::Decoded;
    }

    /// The rest of the response body was not read.
    pub fn cut_response_body(&mut self) {
        self.response_read = ResponseRead::InPart;
        self.response_body.cut();
    }

    /// The id of the user, as the application names it.
    pub fn set_user_id(&mut self, id: String) {
        self.user_id = Some(id);
    }

    /// The id of the user, where the application has named it.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// The application could not say who the user is. That is not the same as nobody.
    pub fn doubt_user(&mut self) {
        self.in_doubt.user = true;
    }

    /// The same for the company.
    pub fn doubt_company(&mut self) {
        self.in_doubt.company = true;
    }

    pub(crate) fn is_user_in_doubt(&self) -> bool {
        self.in_doubt.user
    }

    pub(crate) fn is_company_in_doubt(&self) -> bool {
        self.in_doubt.company
    }

    /// The id of the user's company, as the application names it.
    pub fn set_company_id(&mut self, id: String) {
        self.company_id = Some(id);
    }

    /// The id of the user's company, where the application has named it.
    #[must_use]
    pub fn company_id(&self) -> Option<&str> {
        self.company_id.as_deref()
    }

    /// A governance rule answers in the application's place, with a JSON document as the body.
    pub fn set_blocked_by(&mut self, rule: String) {
        self.blocked_by = Some(rule);
    }

    /// The session token, as the application names it.
    pub fn set_session_token(&mut self, token: String) {
        self.session_token = Some(token);
    }

    /// The application's own metadata: a JSON object.
    pub fn set_metadata(&mut self, metadata: Box<RawValue>) {
        self.metadata = Some(metadata);
    }

    /// Adds text to the metadata, unless the application has a value of that name in it.
    pub fn add_metadata(&mut self, name: &str, text: &str) {
        if let Some(metadata) = with_member(self.metadata.as_deref(), name, text) {
            self.metadata = Some(metadata);
        }
    }

    /// Sets how many calls this one stands for, itself included.
    pub(crate) fn set_weight(&mut self, weight: u64) {
        self.weight = weight;
    }

    /// How many calls this one stands for, itself included.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Marks the record so that it leaves without headers, bodies and query, unless [`Exchange::set_document`] decides
    /// otherwise.
    pub fn strip_content(&mut self) {
        self.stripped = true;
    }

    /// The event as JSON text, whole even if it is marked to be stripped. `None` if it cannot be written.
    #[must_use]
    pub fn document(&self) -> Option<String> {
        serde_json::to_string(&self.whole_event().0).ok()
    }

    /// Replaces the event by one the application has made of it. What was recorded is forgotten.
    pub fn set_document(&mut self, document: Box<RawValue>) {
        self.request_body.discard(&mut self.reservation);
        self.response_body.discard(&mut self.reservation);
        self.metadata = None;
        self.document = Some(document);
    }

    /// The response has ended now. Calling it again changes nothing.
    pub fn finish(&mut self) {
        self.took.get_or_insert_with(|| self.started.elapsed());
    }

    /// The request body in the form it is emitted in.
    #[must_use]
    pub fn request_body(&self) -> BodyView<'_> {
        self.request_body.view(
            self.request_header("Content-Encoding"),
            self.declared_length,
            self.policy.request_max_body_size,
        )
    }

    /// What was recorded of the request body, as it was transferred.
    #[must_use]
    pub fn request_body_bytes(&self) -> &[u8] {
        self.request_body.bytes()
    }

    /// The event's own id.
    #[must_use]
    pub fn transaction_id(&self) -> &str {
        self.transaction_id.as_str()
    }

    /// The transaction id for the response: the client's where it is acceptable, else this event's own; `None` where
    /// it is switched off.
    #[must_use]
    pub fn response_transaction_id(&self) -> Option<&str> {
        self.policy.transaction_id.then(|| {
            self.request_header(header::TRANSACTION_ID)
                .filter(|id| is_transaction_id(id))
                .unwrap_or(self.transaction_id.as_str())
        })
    }

    /// How many bytes this record accounts for in the budget.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>()
            + self.arena.capacity()
            + (self.request_headers.capacity() + self.response_headers.capacity()) * size_of::<Field>()
            + self.request_body.allocated()
            + self.response_body.allocated()
            + [&self.user_id, &self.company_id, &self.session_token, &self.blocked_by]
                .into_iter()
                .flatten()
                .map(String::capacity)
                .sum::<usize>()
            + [&self.metadata, &self.document]
                .into_iter()
                .flatten()
                .map(|text| text.get().len())
                .sum::<usize>()
    }

    /// The process the call arrived in.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// When the record was finished.
    pub(crate) fn finished_at(&self) -> Instant {
        self.started + self.took.unwrap_or_default()
    }

    /// Reserves what the record weighs. When there is no room its bodies go first; `false` means that it does not
    /// fit without them either.
    pub(crate) fn reserve(&mut self) -> bool {
        let is_stripped = self.document.is_none() && (self.stripped || self.policy.strip_content);
        if !self.policy.log_body || is_stripped {
            // They were recorded for the application's functions, and go nowhere from here.
            self.request_body.discard(&mut self.reservation);
            self.response_body.discard(&mut self.reservation);
        }
        if self.reservation.resize(self.size()) {
            return true;
        }
        if self.document.is_none() {
            self.request_body.discard(&mut self.reservation);
            self.response_body.discard(&mut self.reservation);
            self.metadata = None;
        }
        self.reservation.resize(self.size())
    }

    /// The event of this call, borrowing what it can. Decompression, JSON, tokens, addresses and masks are looked at
    /// here, on the thread that delivers.
    pub(crate) fn event(&self) -> Recorded<'_> {
        if let Some(document) = &self.document {
            return Recorded { event: Document::Made(document), bodies_removed: 0 };
        }
        let (mut event, mut bodies_removed) = self.whole_event();
        if self.stripped || self.policy.strip_content {
            bodies_removed += strip(&mut event);
        }
        Recorded { event: Document::Captured(Box::new(event)), bodies_removed }
    }

    /// The event before it is stripped, and how many bodies it lacks.
    fn whole_event(&self) -> (Event<'_>, usize) {
        let (request, user_id, request_body_removed) = self.request();
        let (response, response_body_removed) = self.response().unzip();
        let event = Event {
            request,
            response,
            session_token: self.session_token.as_deref().map(Into::into),
            tags: None,
            user_id: user_id.map(Into::into),
            company_id: self.company_id.as_deref().map(Into::into),
            subscription_id: None,
            metadata: self.metadata.as_deref(),
            direction: Some(self.policy.direction),
            weight: self.weight,
            blocked_by: self.blocked_by.as_deref().map(Into::into),
            transaction_id: Some(self.transaction_id.as_str().into()),
            action_name: None,
            trace_id: None,
            span: None,
        };
        let removed = usize::from(request_body_removed) + usize::from(response_body_removed == Some(true));
        (event, removed)
    }

    /// The request's headers, one of a name.
    pub(crate) fn headers_of_request(&self) -> Headers<'_> {
        let mut headers = Headers::with_capacity(self.request_headers.len() + 2);
        for (name, value) in &self.request_headers {
            // Some servers give a variable under two names: the last one counts.
            headers.set(self.text(*name), self.text(*value));
        }
        headers
    }

    /// The user the application names, else the one the request names.
    pub(crate) fn user(&self, headers: &Headers<'_>) -> Option<String> {
        let Policy { authorization_header_names, authorization_user_id_field, .. } = &*self.policy;
        let named = || identify_user(headers, authorization_header_names, authorization_user_id_field);
        self.user_id.clone().or_else(named)
    }

    /// The address of the caller. Of a call the application makes, its own: nothing here tells it.
    pub(crate) fn ip_address(&self, headers: &Headers<'_>) -> Option<String> {
        if self.policy.direction == Direction::Outgoing {
            return None;
        }
        client_address(headers, Some(self.text(self.peer_address))).map(|address| address.to_string())
    }

    /// The status the event has.
    pub(crate) fn status(&self) -> Option<u16> {
        if self.failed { Some(500) } else { self.status }
    }

    /// The request, the user it names, and whether its body had to be left out.
    fn request(&self) -> (Request<'_>, Option<String>, bool) {
        let policy = &*self.policy;
        let mut headers = self.headers_of_request();
        let user_id = self.user(&headers);
        let ip_address = self.ip_address(&headers).map(Into::into);
        if let Some(id) = self.response_transaction_id() {
            headers.set(header::TRANSACTION_ID, id);
        }
        let view = self.request_body();
        let content_length = view.content_length;
        let is_discarded = self.request_body.is_discarded();
        let (body, removed) =
            self.recorded_body(view, is_discarded, &policy.masks.request_body, &mut headers);
        mask_headers(&mut headers, &policy.masks.request_headers);
        let uri = self.uri();
        let uri = if policy.masks.query.is_empty() {
            uri.into()
        } else {
            mask_query(uri, &policy.masks.query).into()
        };
        let request = Request {
            time: self.arrived,
            uri,
            verb: self.verb().into(),
            headers,
            api_version: policy.api_version.as_deref().map(Into::into),
            ip_address,
            body,
            content_length,
        };
        (request, user_id, removed)
    }

    /// The response, where there was one, and whether its body had to be left out.
    fn response(&self) -> Option<(Response<'_>, bool)> {
        let status = self.status()?;
        let masks = &self.policy.masks;
        let mut headers = Headers::with_capacity(self.response_headers.len() + 1);
        for (name, value) in &self.response_headers {
            headers.append(self.text(*name), self.text(*value));
        }
        let encoding = headers.get("Content-Encoding");
        let announced = || headers.get("Content-Length").and_then(|length| length.trim().parse().ok());
        let limit = self.policy.response_max_body_size;
        let mut view = match self.response_read {
            ResponseRead::Transferred => self.response_body.view(encoding, None, limit),
            // Even if the part is none at all.
            ResponseRead::InPart => {
                BodyView { truncated: true, ..self.response_body.view(encoding, announced(), limit) }
            }
            ResponseRead::Decoded => {
                let view = self.response_body.view(None, None, limit);
                if encoding.is_some() { BodyView { content_length: announced(), ..view } } else { view }
            }
        };
        if self.blocked_by.is_some() && !view.truncated {
            view.body = view.body.map(scalar_as_json);
        }
        let content_length = view.content_length;
        let is_discarded = self.response_body.is_discarded();
        let (body, removed) = self.recorded_body(view, is_discarded, &masks.response_body, &mut headers);
        mask_headers(&mut headers, &masks.response_headers);
        let took = self.took.unwrap_or_default().as_millis();
        let ended = self.arrived.as_millis().saturating_add(i64::try_from(took).unwrap_or(i64::MAX));
        let response = Response {
            time: Timestamp::from_millis(ended),
            status,
            headers,
            ip_address: None,
            body,
            content_length,
        };
        Some((response, removed))
    }

    /// A body as it may be recorded, and whether it had to be left out; marks one that was cut.
    fn recorded_body<'a>(
        &self,
        view: BodyView<'a>,
        is_discarded: bool,
        mask: &BodyMask,
        headers: &mut Headers<'_>,
    ) -> (Option<Body<'a>>, bool) {
        if !self.policy.log_body {
            return (None, false);
        }
        if view.truncated {
            headers.set(header::BODY_TRUNCATED, "1");
        }
        let Some(body) = view.body else {
            return (None, is_discarded);
        };
        let body = mask.apply_to_body(body);
        let removed = body.is_none();
        (body, removed)
    }

    /// The method of the request.
    pub(crate) fn verb(&self) -> &str {
        self.text(self.verb)
    }

    /// The full URI.
    pub(crate) fn uri(&self) -> &str {
        self.text(self.uri)
    }

    /// The request body, decompressed. `None` while only a part of it is known.
    pub(crate) fn request_content(&self) -> Option<Cow<'_, [u8]>> {
        self.request_body.content(
            self.request_header("Content-Encoding"),
            self.declared_length,
            self.policy.request_max_body_size,
        )
    }

    pub(crate) fn request_header(&self, name: &str) -> Option<&str> {
        self.request_headers
            .iter()
            .rfind(|(field, _)| self.text(*field).eq_ignore_ascii_case(name))
            .map(|(_, value)| self.text(*value))
    }

    fn push(&mut self, text: &str) -> Span {
        let start = self.arena.len();
        self.arena.push_str(text);
        self.since(start)
    }

    /// What was added to the arena since it was `start` long. Beyond 4 gigabytes, which no server's limit lets pass,
    /// the text is not found again.
    fn since(&self, start: usize) -> Span {
        let offset = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
        Span { start: offset(start), end: offset(self.arena.len()) }
    }

    fn push_native(&mut self, text: &str) -> Span {
        if text.is_ascii() { self.push(text) } else { self.push(&native_text(text)) }
    }

    fn text(&self, span: Span) -> &str {
        let position = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        self.arena.get(position(span.start)..position(span.end)).unwrap_or_default()
    }
}

/// An event, and what it lacks.
#[derive(Debug)]
pub struct Recorded<'a> {
    /// The event.
    pub event: Document<'a>,
    /// Bodies that were left out: there was no room for them, or a mask could not be applied to them.
    pub bodies_removed: usize,
}

/// An event in the form it is written from.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Document<'a> {
    /// As it was captured.
    Captured(Box<Event<'a>>),
    /// As the application made it.
    Made(&'a RawValue),
}

/// A rule's answer is JSON even where it is neither an object nor an array.
fn scalar_as_json(body: Body<'_>) -> Body<'_> {
    match &body {
        Body::Bytes(bytes) if !bytes.starts_with(b"{") && !bytes.starts_with(b"[") => {
            serde_json::from_slice::<Box<RawValue>>(bytes).map_or(body, |value| Body::Json(Cow::Owned(value)))
        }
        _ => body,
    }
}

/// What a client may choose as transaction id: nothing that could break a header or stand for somebody else's key
/// unnoticed.
fn is_transaction_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Removes everything a mask might have removed: bodies, headers, the query, the session token and metadata. Returns how
/// many bodies.
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
    use super::*;
    use crate::call::{Identifiers, Masks};

    fn exchange(policy: Policy) -> Exchange {
        let budget = Arc::new(Budget::default());
        budget.allow(1 << 20);
        let mut exchange = *Exchange::begin(None, Arc::new(policy), Identifiers::seeded().next(), &budget, 1);
        exchange.set_verb("POST");
        exchange.set_uri("http://h/p?secret=1");
        exchange
    }

    fn json(exchange: &Exchange) -> serde_json::Value {
        serde_json::to_value(exchange.event().event).unwrap()
    }

    #[test]
    fn the_event_tells_the_call() {
        let mut exchange = exchange(Policy::default());
        exchange.add_cgi_request_header("X_NAME", "caf\u{c3}\u{a9}");
        exchange.set_peer_address("192.0.2.1");
        exchange.record_request_body(0, b"{\"a\": 1}");
        exchange.set_status(201);
        exchange.add_response_header("Set-Cookie", "a=1");
        exchange.add_response_header("Set-Cookie", "b=2");
        assert_eq!(exchange.record_response_body(&[0; 600]), 600);
        assert_eq!(exchange.record_response_body(&[0; 600]), 400);
        exchange.finish();
        let event = json(&exchange);
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
    fn a_client_may_choose_the_header_but_never_the_key() {
        let mut exchange = exchange(Policy::default());
        exchange.add_cgi_request_header("X_MOESIF_TRANSACTION_ID", "mine-1");
        assert_eq!(exchange.response_transaction_id(), Some("mine-1"));
        assert_ne!(json(&exchange)["transaction_id"], "mine-1");
        for bad in ["", "a b", "a\r\nb", &"x".repeat(65)] {
            let mut exchange = self::exchange(Policy::default());
            exchange.add_cgi_request_header("X_MOESIF_TRANSACTION_ID", bad);
            let id = exchange.response_transaction_id().unwrap().to_owned();
            assert_eq!(id, json(&exchange)["transaction_id"], "{bad:?}");
        }
    }

    #[test]
    fn without_log_body_sizes_are_still_told() {
        let mut exchange = exchange(Policy { log_body: false, ..Policy::default() });
        exchange.record_request_body(0, b"secret");
        exchange.set_status(200);
        exchange.record_response_body(b"secret");
        let event = json(&exchange);
        assert!(event["request"].get("body").is_none() && event["response"].get("body").is_none());
        assert_eq!(event["response"]["content_length"], 6);
        assert!(!event.to_string().contains("Truncated"));
    }

    #[test]
    fn a_mask_that_cannot_be_applied_removes_the_content() {
        let mut exchange = exchange(Policy { strip_content: true, ..Policy::default() });
        exchange.add_request_header("X-Secret", "secret");
        exchange.record_request_body(0, b"{\"secret\":1}");
        exchange.set_status(200);
        exchange.add_response_header("X-Secret", "secret");
        exchange.record_response_body(b"secret");
        let event = json(&exchange);
        assert!(!event.to_string().contains("secret"), "{event}");
        assert_eq!(event["request"]["uri"], "http://h/p");
        assert_eq!(event["response"]["status"], 200);
    }

    #[test]
    fn masks_remove_what_they_name_and_a_body_they_cannot_read() {
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
        let event = json(&exchange);
        assert!(!event.to_string().contains("secret"), "{event}");
        assert_eq!(event["user_id"], "ann");
        assert_eq!(event["request"]["body"], serde_json::json!({"a": 1}));
        assert_eq!(event["response"]["content_length"], 12);
    }

    #[test]
    fn an_outgoing_call_has_no_address_and_nothing_added() {
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
        let event = json(&exchange);
        assert_eq!(event["direction"], "Outgoing");
        assert_eq!(event["request"]["uri"], "http://h/p");
        assert_eq!(event["request"]["headers"].as_object().unwrap().len(), 2);
        assert_eq!(event["metadata"], serde_json::json!({"error": "Timeout"}));
        for absent in [&event["response"], &event["user_id"], &event["request"]["ip_address"]] {
            assert!(absent.is_null(), "{event}");
        }
    }

    #[test]
    fn a_decoded_response_is_not_decoded_again_and_one_read_in_part_is_marked() {
        let begun = || {
            let mut exchange = exchange(Policy::default());
            exchange.set_status(200);
            exchange.add_response_header("Content-Encoding", "gzip");
            exchange.add_response_header("Content-Length", "40");
            exchange.append_response_body(b"{\"a\":1}");
            exchange
        };
        let mut decoded = begun();
        decoded.set_response_decoded();
        let response = &json(&decoded)["response"];
        assert_eq!(
            (&response["body"], &response["content_length"]),
            (&serde_json::json!({"a": 1}), &40.into())
        );
        let mut cut = begun();
        cut.cut_response_body();
        let response = &json(&cut)["response"];
        assert_eq!(
            (&response["transfer_encoding"], &response["content_length"]),
            (&"base64".into(), &40.into())
        );
        assert_eq!(response["headers"]["X-Moesif-Body-Truncated"], "1");
    }

    #[test]
    fn of_a_header_given_twice_the_last_one_counts() {
        let mut exchange = exchange(Policy::default());
        for value in ["Basic YW5uOng=", "Basic Ym9iOng="] {
            exchange.add_cgi_request_header("AUTHORIZATION", value);
        }
        let event = json(&exchange);
        assert_eq!(event["request"]["headers"]["Authorization"], "Basic Ym9iOng=");
        assert_eq!(event["user_id"], "bob");
    }

    #[test]
    fn nothing_of_a_call_is_left_in_memory_used_again() {
        let budget = Arc::new(Budget::default());
        budget.allow(1 << 20);
        let begin = |spare| {
            Exchange::begin(spare, Arc::new(Policy::default()), Identifiers::seeded().next(), &budget, 1)
        };
        let mut exchange = begin(None);
        exchange.set_verb("secret");
        exchange.set_uri("http://secret/");
        exchange.set_peer_address("192.0.2.1");
        exchange.add_request_header("secret", "secret");
        exchange.set_declared_length(6);
        exchange.record_request_body(0, b"secret");
        exchange.set_status(200);
        exchange.add_response_header("secret", "secret");
        exchange.record_response_body(b"secret");
        exchange.set_user_id("secret".to_owned());
        exchange.set_company_id("secret".to_owned());
        exchange.set_session_token("secret".to_owned());
        exchange.set_blocked_by("secret".to_owned());
        exchange.set_metadata(RawValue::from_string("{\"secret\":1}".to_owned()).unwrap());
        exchange.fail();
        exchange.finish();
        assert!(exchange.reserve());
        exchange.strip_content();

        let again = begin(exchange.recycle());
        assert_eq!(budget.used(), u64::try_from("secret".len() * 2).unwrap(), "memory of bodies");
        let [found, fresh] = [&again, &begin(None)].map(|exchange| {
            let mut event = json(exchange);
            event["request"]["time"].take();
            event.to_string().replace(exchange.transaction_id.as_str(), "")
        });
        assert_eq!(found, fresh);
        assert!(again.recycle().is_some());
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn much_memory_is_not_kept() {
        let budget = Arc::new(Budget::default());
        budget.allow(1 << 20);
        let policy = Arc::new(Policy { response_max_body_size: 10_000, ..Policy::default() });
        let begin =
            |spare| Exchange::begin(spare, Arc::clone(&policy), Identifiers::seeded().next(), &budget, 1);
        let mut exchange = begin(None);
        exchange.record_response_body(&[0; 5000]);
        let mut exchange = begin(exchange.recycle());
        assert_eq!(exchange.response_body.allocated(), 0);
        exchange.set_uri(&"a".repeat(5000));
        assert!(exchange.recycle().is_none());
    }

    #[test]
    fn without_room_the_bodies_go_and_the_event_stays() {
        let budget = Arc::new(Budget::default());
        let id = Identifiers::seeded().next();
        let mut exchange = *Exchange::begin(None, Arc::new(Policy::default()), id, &budget, 1);
        exchange.set_status(200);
        budget.allow(u64::try_from(1500 + exchange.size() + 600).unwrap());
        let hog = {
            let mut hog = Reservation::new(&budget);
            assert!(hog.grow(1500));
            hog
        };
        // There is room for the body while it passes, and none for the rest of the record beside it.
        exchange.record_response_body(&[0; 900]);
        assert!(exchange.reserve());
        assert_eq!(budget.used(), 1500 + u64::try_from(exchange.size()).unwrap());
        assert!(json(&exchange)["response"].get("body").is_none());
        assert_eq!(exchange.event().bodies_removed, 1);
        drop((exchange, hog));
        assert_eq!(budget.used(), 0);
    }
}
