//! GET /v1/config and GET /v1/rules.

use axum::{
    Extension,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{application_id, error::IngestError};
use crate::{
    remote::{Document, Documents},
    reply::json_reply,
};

pub(super) async fn get_config(
    Extension(documents): Extension<Documents>,
    headers: HeaderMap,
) -> Result<Response, IngestError> {
    reply(&documents.config, &headers)
}

pub(super) async fn get_rules(
    Extension(documents): Extension<Documents>,
    headers: HeaderMap,
) -> Result<Response, IngestError> {
    reply(&documents.rules, &headers)
}

/// Replies with the document, or with 304 if the client has this version.
fn reply(document: &Document, headers: &HeaderMap) -> Result<Response, IngestError> {
    application_id(headers)?;
    let etag = [(header::ETAG, format!("\"{}\"", document.tag))];
    Ok(if is_current(document, headers) {
        (StatusCode::NOT_MODIFIED, etag).into_response()
    } else {
        (etag, json_reply(StatusCode::OK, document.text.to_string())).into_response()
    })
}

/// Returns whether If-None-Match names the document's tag. Accepts the tag with and without quotes.
fn is_current(document: &Document, headers: &HeaderMap) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"'))
        .any(|tag| *tag == *document.tag || tag == "*")
}
