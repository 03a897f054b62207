//! How long a field may be. In: a field and its text. Out: the text let through, or a refusal that names the field.
//! What is listed or made a name in the database has a limit of its own: a page of a thousand rows repeats it.

use crate::{Event, Rejection};

/// Bytes of a document of remote configuration, which every client downloads.
pub const DOCUMENT: u64 = 16 * 1024 * 1024;

/// Bytes of a URI.
const URI: usize = 64 * 1024;
/// Bytes of a method.
const VERB: usize = 64;
/// Bytes of an id, an address, a name.
pub const ID: usize = 1024;
/// Bytes of a session token: signed ones are long.
pub const TOKEN: usize = 4 * 1024;

/// The limit of a field, by the last part of its path.
fn limit(field: &str) -> usize {
    match field.rsplit('.').next() {
        Some("uri") => URI,
        Some("verb") => VERB,
        Some("session_token") => TOKEN,
        _ => ID,
    }
}

/// Refuses what is too long for the field of this path.
///
/// # Errors
///
/// A [`Rejection`] that names the field.
pub fn check(field: &str, text: &str) -> Result<(), Rejection> {
    let (most, found) = (limit(field), text.len());
    if found <= most {
        return Ok(());
    }
    Err(too_long(field, most, found))
}

/// Refuses an event in which a field is too long that is listed or found by.
///
/// # Errors
///
/// A [`Rejection`] that names the field.
pub fn check_event(event: &Event<'_>) -> Result<(), Rejection> {
    let request = &event.request;
    let fields = [
        ("request.uri", Some(&request.uri)),
        ("request.verb", Some(&request.verb)),
        ("request.api_version", request.api_version.as_ref()),
        ("request.ip_address", request.ip_address.as_ref()),
        ("response.ip_address", event.response.as_ref().and_then(|response| response.ip_address.as_ref())),
        ("user_id", event.user_id.as_ref()),
        ("company_id", event.company_id.as_ref()),
        ("subscription_id", event.subscription_id.as_ref()),
        ("session_token", event.session_token.as_ref()),
        ("transaction_id", event.transaction_id.as_ref()),
        ("blocked_by", event.blocked_by.as_ref()),
        ("action_name", event.action_name.as_ref()),
        ("trace_id", event.trace_id.as_ref()),
    ];
    fields.into_iter().try_for_each(|(name, text)| text.map_or(Ok(()), |text| check(name, text)))
}

/// "`request.uri`: expected at most 65536 bytes, found 70000".
#[must_use]
pub fn too_long(field: &str, most: usize, found: usize) -> Rejection {
    Rejection { field: field.to_owned(), error: format!("expected at most {most} bytes, found {found}") }
}
