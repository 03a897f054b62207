//! JSON replies. In: a status and a document. Out: a response with the right media type that no browser will read
//! as anything else.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A JSON document as a reply.
pub(crate) fn json_reply(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

/// A refused request: a status and an object whose `error` is a sentence.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Refusal {
    /// A refusal that is only a sentence.
    pub(crate) fn new(status: StatusCode, error: &impl ToString) -> Self {
        Self { status, body: json!({ "error": error.to_string() }) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        json_reply(self.status, self.body.to_string())
    }
}

/// The answer to a path nothing is served under.
pub(crate) async fn not_found() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        &"nothing is served here; events are posted to /v1/events/batch, the page is at /",
    )
}

/// The answer to a method the path does not know.
pub(crate) async fn wrong_method() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, &"this path does not answer to that method")
}
