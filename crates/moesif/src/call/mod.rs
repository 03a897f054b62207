//! One API call while it passes: what an adapter sees, kept in one arena of text plus two bodies.
//!
//! In: pieces of a call in the order they become known, on the application's thread. Out: an [`Exchange`] that owns
//! everything it needs, so that the worker can write the event without the application. Nothing here does I/O,
//! parses a body or waits; what is expensive (decompression, JSON, tokens, addresses) is left to the worker.

mod body;
mod budget;
mod client_ip;
mod exchange;
mod identifier;
mod identity;
mod mask;
mod metadata;
mod spares;
mod text;
mod uri;

use moesif_wire::Direction;

pub use body::{BodyView, CapturedBody};
pub use budget::{Budget, Reservation};
pub use exchange::{Document, Exchange, Recorded};
pub use identifier::TransactionId;
pub use uri::UriParts;

pub(crate) use client_ip::client_address;
pub(crate) use identifier::Identifiers;
pub use identity::MAX_ID_BYTES;
pub(crate) use identity::identify_user;
pub use mask::{BodyMask, Masks};
pub(crate) use spares::Spares;
pub(crate) use uri::{host, is_under, route};

/// How calls are captured: the part of the settings that every [`Exchange`] carries along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether calls come to the application or are made by it.
    pub direction: Direction,
    /// Whether bodies are recorded.
    pub log_body: bool,
    /// Longest recorded request body in bytes, counted as it is emitted (base64 included).
    pub request_max_body_size: usize,
    /// Longest recorded response body in bytes, counted as it is emitted (base64 included).
    pub response_max_body_size: usize,
    /// Whether the response carries a transaction id.
    pub transaction_id: bool,
    /// Version of the application's API, for `request.api_version`.
    pub api_version: Option<String>,
    /// Request headers a user id is looked for in, in order.
    pub authorization_header_names: Vec<String>,
    /// Field of a token's payload that holds the user id.
    pub authorization_user_id_field: String,
    /// What is removed from every event.
    pub masks: Masks,
    /// A mask is configured that this version cannot apply: headers, bodies and query are removed from every event
    /// instead (`docs/guarantees.md`, I-24).
    pub strip_content: bool,
}

#[cfg(test)]
impl Default for Policy {
    fn default() -> Self {
        Self {
            direction: Direction::Incoming,
            log_body: true,
            request_max_body_size: 1000,
            response_max_body_size: 1000,
            transaction_id: true,
            api_version: None,
            authorization_header_names: vec!["authorization".to_owned()],
            authorization_user_id_field: "sub".to_owned(),
            masks: Masks::default(),
            strip_content: false,
        }
    }
}
