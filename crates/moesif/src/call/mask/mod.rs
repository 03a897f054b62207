//! Removes what must not be recorded: headers, keys of JSON bodies, and query parameters.
//!
//! Content that a mask cannot read reliably is removed completely (`docs/guarantees.md`, I-24).

mod body;
mod query;

use moesif_wire::Headers;

pub use body::BodyMask;

pub(super) use query::mask_query;

/// Parts that are removed from every event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// Names of request headers, case-insensitive.
    pub request_headers: Vec<String>,
    /// Names of response headers, case-insensitive.
    pub response_headers: Vec<String>,
    /// Keys of JSON request bodies.
    pub request_body: BodyMask,
    /// Keys of JSON response bodies.
    pub response_body: BodyMask,
    /// Names of query parameters of the URI, case-sensitive.
    pub query: Vec<String>,
}

/// Removes headers by name. Names are case-insensitive.
pub(super) fn mask_headers(headers: &mut Headers<'_>, names: &[String]) {
    if !names.is_empty() {
        headers.retain(|name| !names.iter().any(|masked| masked.eq_ignore_ascii_case(name)));
    }
}
