//! Headers on every reply of the ingestion API: the versions of the remote documents, and CORS.

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{remote::Document, state::SharedState};

/// [`moesif_wire::header::CONFIG_ETAG`] in lower case, as the `http` crate requires it.
const CONFIG_ETAG: HeaderName = HeaderName::from_static("x-moesif-config-etag");
/// [`moesif_wire::header::RULES_TAG`] in lower case.
const RULES_TAG: HeaderName = HeaderName::from_static("x-moesif-rules-tag");

/// Adds the headers to a reply, and answers CORS preflight requests. Pages of any origin may send events.
///
/// Loads the documents once per request and passes them on as an extension. So the body of a reply and the
/// tag in its headers always have the same version.
pub(super) async fn add(State(state): State<SharedState>, mut request: Request, next: Next) -> Response {
    let documents = state.remote.documents();
    let tag = |document: &Document| {
        HeaderValue::from_str(&document.tag).unwrap_or_else(|_| HeaderValue::from_static("0"))
    };
    let (config_tag, rules_tag) = (tag(&documents.config), tag(&documents.rules));
    let mut response = if request.method() == Method::OPTIONS {
        preflight()
    } else {
        request.extensions_mut().insert(documents);
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("X-Moesif-Config-ETag, X-Moesif-Rules-Tag"),
    );
    headers.insert(CONFIG_ETAG, config_tag);
    headers.insert(RULES_TAG, rules_tag);
    response
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Content-Type, Content-Encoding, If-None-Match, X-Moesif-Application-Id, X-Moesif-SDK",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
