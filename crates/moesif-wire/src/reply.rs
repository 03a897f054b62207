//! The collector's reply to a POST of events.

use serde::{Deserialize, Serialize};

/// Body of the reply: the events that were rejected. Empty if all were kept.
///
/// The public service documents no body. The SDK reads it only to count rejected events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestReply {
    /// Rejected events, in the order of the batch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<RejectedEvent>,
    /// Number of rejected events if the list is incomplete, else absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_count: Option<usize>,
}

impl IngestReply {
    /// Returns the number of rejected events.
    #[must_use]
    pub fn total_rejected(&self) -> usize {
        self.rejected_count.unwrap_or(self.rejected.len())
    }
}

/// A rejected event and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedEvent {
    /// Position in the batch, from 0. Always 0 on the single-event routes.
    pub index: usize,
    /// Dotted path of the invalid field, such as `request.time`. Empty if the whole event is meant.
    #[serde(default)]
    pub field: String,
    /// What was expected and what was found.
    #[serde(default)]
    pub error: String,
}
