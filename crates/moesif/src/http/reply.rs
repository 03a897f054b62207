//! The answer of a collector.

use std::time::Duration;

use moesif_wire::IngestReply;

/// Most rejected elements that a message names.
const MOST_NAMED: usize = 3;

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Value of `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Versions of the remote configuration.
    pub tags: Tags,
    /// Headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body. Empty if the answer to a post was too long.
    pub body: Vec<u8>,
}

impl Reply {
    /// Returns which events or documents the collector did not keep. If the body cannot be read, it lists none.
    pub(crate) fn ingested(&self) -> IngestReply {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Versions of the remote configuration that an answer names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Version of the configuration.
    pub config: Option<String>,
    /// Version of the governance rules.
    pub rules: Option<String>,
}

/// Returns the first rejected elements with their reasons, as the end of a sentence. Empty if the collector names none.
pub(crate) fn reasons(reply: &IngestReply) -> String {
    let named = reply.rejected.iter().take(MOST_NAMED);
    let named: Vec<_> = named
        .map(|rejected| format!("element {}, {}: {}", rejected.index, rejected.field, rejected.error))
        .collect();
    if named.is_empty() { String::new() } else { format!(": {}", named.join("; ")) }
}
