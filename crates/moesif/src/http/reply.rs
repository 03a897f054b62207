//! The answer of a collector.

use std::time::Duration;

use moesif_wire::IngestReply;

/// Maximum number of rejected elements that a message lists.
const MAX_LISTED: usize = 3;

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
    /// Body. Empty if the answer to a POST was longer than 256 KiB.
    pub body: Vec<u8>,
}

impl Reply {
    /// Returns the list of elements that the collector did not keep. Empty if the body cannot be read.
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

/// Returns the first three rejected elements with their reasons, as the end of a message. Empty if the
/// collector lists none.
pub(crate) fn reasons(reply: &IngestReply) -> String {
    let listed = reply.rejected.iter().take(MAX_LISTED);
    let listed: Vec<_> = listed
        .map(|rejected| format!("element {}, {}: {}", rejected.index, rejected.field, rejected.error))
        .collect();
    if listed.is_empty() { String::new() } else { format!(": {}", listed.join("; ")) }
}
