//! A collector's answer.

use std::time::Duration;

use moesif_wire::IngestReply;

/// Most rejected elements that a message names.
const MOST_NAMED: usize = 3;

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// How long the collector asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The versions of remote configuration it shows.
    pub tags: Tags,
    /// Its header fields, names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body; empty where it was longer than answers are.
    pub body: Vec<u8>,
}

impl Reply {
    /// What the answer to events or documents says of those that are not kept: nothing, if it cannot be read.
    pub(crate) fn ingested(&self) -> IngestReply {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The versions an answer shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Of the configuration.
    pub config: Option<String>,
    /// Of the governance rules.
    pub rules: Option<String>,
}

/// What an answer objects to first, as the end of a sentence; empty if it does not say.
pub(crate) fn reasons(reply: &IngestReply) -> String {
    let named = reply.rejected.iter().take(MOST_NAMED);
    let named: Vec<_> = named
        .map(|refused| format!("element {}, {}: {}", refused.index, refused.field, refused.error))
        .collect();
    if named.is_empty() { String::new() } else { format!(": {}", named.join("; ")) }
}
