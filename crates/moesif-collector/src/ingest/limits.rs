//! How long a field may be. In: a field and its text. Out: the text let through, or a refusal that names the field.
//! What is listed or made a name in the database has a limit of its own: a page of a thousand rows repeats it.

use moesif_wire::Rejection;

/// Bytes of a URI.
const URI: usize = 64 * 1024;
/// Bytes of a method.
const VERB: usize = 64;
/// Bytes of an id, an address, a name.
const ID: usize = 1024;
/// Bytes of a session token: signed ones are long.
const TOKEN: usize = 4 * 1024;

/// The limit of a field, by the last part of its path.
fn limit(field: &str) -> usize {
    match field.rsplit('.').next() {
        Some("uri") => URI,
        Some("verb") => VERB,
        Some("session_token") => TOKEN,
        _ => ID,
    }
}

/// Refuses what is too long.
pub(super) fn check(field: &str, text: &str) -> Result<(), Rejection> {
    let (most, found) = (limit(field), text.len());
    if found <= most {
        return Ok(());
    }
    Err(too_long(field, most, found))
}

/// "`request.uri`: expected at most 65536 bytes, found 70000".
pub(super) fn too_long(field: &str, most: usize, found: usize) -> Rejection {
    Rejection { field: field.to_owned(), error: format!("expected at most {most} bytes, found {found}") }
}
