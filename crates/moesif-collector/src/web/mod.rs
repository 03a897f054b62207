//! The page. Out: one HTML document, its script and its style, embedded in the binary. The page asks `/api` for
//! everything it shows and shows it as text: what is captured was written by strangers.

pub(crate) mod guard;

use axum::{
    Router,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::server::Shared;

/// Nothing from elsewhere, nothing inline, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes of the page.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(async || file("text/html; charset=utf-8", include_str!("page.html"))))
        .route("/page.js", get(async || file("text/javascript; charset=utf-8", include_str!("page.js"))))
        .route("/page.css", get(async || file("text/css; charset=utf-8", include_str!("page.css"))))
}

fn file(media_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, text).into_response()
}
