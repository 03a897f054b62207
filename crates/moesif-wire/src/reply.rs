//! What a collector answers to a POST of events.

use serde::{Deserialize, Serialize};

/// The body of a collector's answer to events: the ones it did not keep. Empty when all were kept.
///
/// The public service documents no body; a client reads this one only to count its losses truthfully.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestReply {
    /// Events that were not kept, in the order of the batch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<RejectedEvent>,
    /// How many were not kept, where the list is cut short; absent when the list is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_count: Option<usize>,
}

impl IngestReply {
    /// How many events were not kept.
    #[must_use]
    pub fn not_kept(&self) -> usize {
        self.rejected_count.unwrap_or(self.rejected.len())
    }
}

/// One event that was not kept, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedEvent {
    /// Position in the batch, from 0; 0 on the single-event routes.
    pub index: usize,
    /// Dotted path of the field that was refused, such as `request.time`; empty when it is the whole event.
    #[serde(default)]
    pub field: String,
    /// What was expected there and what was found.
    #[serde(default)]
    pub error: String,
}
