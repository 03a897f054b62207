//! Validated records, ready to be stored.

use moesif_wire::ValidationError;
use serde_json::{Map, Value};

/// One event: the columns that lists and filters use, and the document. Times are milliseconds since the Unix
/// epoch.
#[derive(Debug)]
pub(crate) struct EventRecord {
    pub(crate) transaction_id: Option<String>,
    pub(crate) time: i64,
    /// Time from request to response in milliseconds.
    pub(crate) duration: Option<i64>,
    pub(crate) verb: String,
    pub(crate) status: Option<u16>,
    /// Scheme and host of the URI.
    pub(crate) origin: String,
    /// Path of the URI.
    pub(crate) route: String,
    /// Query and fragment of the URI, with their separators.
    pub(crate) query: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) direction: Option<&'static str>,
    pub(crate) weight: i64,
    pub(crate) request_bytes: Option<i64>,
    pub(crate) response_bytes: Option<i64>,
    pub(crate) document: String,
}

/// One action.
#[derive(Debug)]
pub(crate) struct ActionRecord {
    pub(crate) transaction_id: Option<String>,
    pub(crate) time: i64,
    pub(crate) name: String,
    pub(crate) user: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) document: String,
}

/// The kinds of profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProfileKind {
    User,
    Company,
    Subscription,
}

impl ProfileKind {
    /// Returns the name of the field that identifies a profile.
    pub(crate) const fn key_field(self) -> &'static str {
        match self {
            Self::User => "user_id",
            Self::Company => "company_id",
            Self::Subscription => "subscription_id",
        }
    }

    /// Returns the word for the `kind` column and for messages.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Company => "company",
            Self::Subscription => "subscription",
        }
    }
}

/// One profile as it was sent. It is merged into the stored one.
#[derive(Debug)]
pub(crate) struct ProfileRecord {
    /// Position in the batch. The merge may still reject the profile, and the reply names its position.
    pub(crate) index: usize,
    pub(crate) kind: ProfileKind,
    pub(crate) key: String,
    pub(crate) session_tokens: Vec<String>,
    /// A JSON object. It is text, because a tree would use many times as much memory in the queue.
    pub(crate) document: String,
}

/// A record that the store rejects, with its position in the batch.
#[derive(Clone, Debug)]
pub(crate) struct RejectedRecord {
    pub(crate) index: usize,
    pub(crate) error: ValidationError,
}

/// The records that one request stores.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) application: String,
    /// When the request arrived, in milliseconds since the Unix epoch.
    pub(crate) received_at: i64,
    pub(crate) records: Records,
}

/// The records of one request. All are of one kind.
#[derive(Debug)]
pub(crate) enum Records {
    Events(Vec<EventRecord>),
    Actions(Vec<ActionRecord>),
    Profiles(Vec<ProfileRecord>),
}

impl Records {
    /// Returns the number of records.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Events(records) => records.len(),
            Self::Actions(records) => records.len(),
            Self::Profiles(records) => records.len(),
        }
    }

    /// Estimates the memory of the records in bytes. `decoded_size` is the size of the decoded request body.
    pub(super) fn memory(&self, decoded_size: usize) -> usize {
        const BYTES_PER_RECORD: usize = 512;
        decoded_size.saturating_add(self.len().saturating_mul(BYTES_PER_RECORD))
    }
}

/// Parses the stored document of an action or profile. The collector wrote it from an object, so this cannot
/// fail.
pub(crate) fn parse_object(document: &str) -> Map<String, Value> {
    serde_json::from_str(document).unwrap_or_default()
}
