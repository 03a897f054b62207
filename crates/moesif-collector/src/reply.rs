//! JSON replies.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// Returns a reply with JSON text. `nosniff` prevents browsers from treating captured text as HTML or script.
pub(crate) fn json_reply(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

/// An error reply: a status and a JSON object with the message in `error`.
#[derive(Debug)]
pub(crate) struct ErrorReply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl ErrorReply {
    /// Returns a reply with `error` as its only member.
    pub(crate) fn new(status: StatusCode, error: &impl ToString) -> Self {
        Self { status, body: json!({ "error": error.to_string() }) }
    }
}

impl IntoResponse for ErrorReply {
    fn into_response(self) -> Response {
        json_reply(self.status, self.body.to_string())
    }
}

/// Handles an unknown path.
pub(crate) async fn not_found() -> ErrorReply {
    ErrorReply::new(
        StatusCode::NOT_FOUND,
        &"unknown path; post events to /v1/events/batch, or open the page at /",
    )
}

/// Handles a method that the path does not support.
pub(crate) async fn method_not_allowed() -> ErrorReply {
    ErrorReply::new(StatusCode::METHOD_NOT_ALLOWED, &"this path does not support this method")
}
