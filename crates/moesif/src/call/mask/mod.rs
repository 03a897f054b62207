//! Removes what must not be recorded: headers, keys of JSON bodies, and query parameters.
//!
//! What cannot be understood well enough to be sure is removed as a whole (`docs/guarantees.md`, I-24).

mod body;
mod query;

use moesif_wire::Headers;

pub use body::BodyMask;

pub(super) use query::mask_query;

/// What is removed from every event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// Names of request headers, in any case.
    pub request_headers: Vec<String>,
    /// Names of response headers, in any case.
    pub response_headers: Vec<String>,
    /// Keys of request bodies.
    pub request_body: BodyMask,
    /// Keys of response bodies.
    pub response_body: BodyMask,
    /// Names of query parameters of the URI.
    pub query: Vec<String>,
}

/// Removes headers by name, in any case.
pub(super) fn mask_headers(headers: &mut Headers<'_>, names: &[String]) {
    if !names.is_empty() {
        headers.retain(|name| !names.iter().any(|masked| masked.eq_ignore_ascii_case(name)));
    }
}
