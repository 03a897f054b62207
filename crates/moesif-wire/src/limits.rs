//! Size limits of documents and fields.
//!
//! Fields that a list shows, or that are stored as names, have small limits, because a page of 1,000 rows
//! repeats them.

use crate::{Event, ValidationError};

/// Maximum size of a remote configuration document in bytes. Every client downloads it.
pub const DOCUMENT: u64 = 16 * 1024 * 1024;

/// Maximum size of a URI in bytes.
const URI: usize = 64 * 1024;
/// Maximum size of a method in bytes.
const VERB: usize = 64;
/// Maximum size of an id, an address or a name in bytes.
pub const ID: usize = 1024;
/// Maximum size of a session token in bytes. Signed tokens are long.
pub const TOKEN: usize = 4 * 1024;

/// Returns the limit for a field, which is chosen by the last part of its path.
fn limit(field: &str) -> usize {
    match field.rsplit('.').next() {
        Some("uri") => URI,
        Some("verb") => VERB,
        Some("session_token") => TOKEN,
        _ => ID,
    }
}

/// Checks the size of one field. `field` is its dotted path.
///
/// # Errors
///
/// If the text is longer than the limit of the field.
pub fn check(field: &str, text: &str) -> Result<(), ValidationError> {
    let (max, found) = (limit(field), text.len());
    if found <= max { Ok(()) } else { Err(ValidationError::too_long(field, max, found)) }
}

/// Checks the size of every field of an event that has a limit.
///
/// # Errors
///
/// The error names the first field that is too long.
pub fn check_event(event: &Event<'_>) -> Result<(), ValidationError> {
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
