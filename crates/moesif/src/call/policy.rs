//! Configuration of the recording.

use moesif_wire::Direction;

use super::Masks;

/// How calls are recorded: the part of the settings that every [`Exchange`](super::Exchange) refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether calls come to the application or are made by it.
    pub direction: Direction,
    /// Whether bodies are recorded.
    pub log_body: bool,
    /// Maximum size of a recorded request body in bytes, in the form it is sent in (base64 included).
    pub request_max_body_size: usize,
    /// Maximum size of a recorded response body in bytes, in the form it is sent in (base64 included).
    pub response_max_body_size: usize,
    /// Whether a transaction id is added to responses.
    pub transaction_id: bool,
    /// Version of the application's API, for `request.api_version`.
    pub api_version: Option<String>,
    /// Request headers that are searched for a user id, in order.
    pub authorization_header_names: Vec<String>,
    /// Field of a token's payload that holds the user id.
    pub authorization_user_id_field: String,
    /// Content that is removed from every event.
    pub masks: Masks,
    /// Removes headers, bodies and query from every event. Set when the settings ask for a mask that this
    /// version cannot apply (`docs/guarantees.md`, I-24).
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
