//! What is stored, ready to be stored: the rows of an event, an action and a profile, owned and judged.

/// One event: the columns it is found by, and its document.
#[derive(Debug)]
pub(crate) struct EventRecord {
    pub(crate) transaction_id: Option<String>,
    pub(crate) time: i64,
    pub(crate) duration: Option<i64>,
    pub(crate) verb: String,
    pub(crate) status: Option<u16>,
    pub(crate) origin: String,
    pub(crate) route: String,
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

/// What a profile is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProfileKind {
    User,
    Company,
    Subscription,
}

impl ProfileKind {
    /// The field that names the profile.
    pub(crate) const fn key_field(self) -> &'static str {
        match self {
            Self::User => "user_id",
            Self::Company => "company_id",
            Self::Subscription => "subscription_id",
        }
    }

    /// The word stored in the `kind` column and used in messages.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Company => "company",
            Self::Subscription => "subscription",
        }
    }
}

/// One profile as it was sent: what it adds to the stored one.
#[derive(Debug)]
pub(crate) struct ProfileRecord {
    /// Its place in the batch: only the merge shows whether it can be kept.
    pub(crate) index: usize,
    pub(crate) kind: ProfileKind,
    pub(crate) key: String,
    pub(crate) tokens: Vec<String>,
    /// A JSON object; kept as text while it waits, a tree takes many times that.
    pub(crate) document: String,
}

/// What one request asks to be stored.
#[derive(Debug)]
pub(crate) enum Work {
    Events(Vec<EventRecord>),
    Actions(Vec<ActionRecord>),
    Profiles(Vec<ProfileRecord>),
}

impl Work {
    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Events(records) => records.len(),
            Self::Actions(records) => records.len(),
            Self::Profiles(records) => records.len(),
        }
    }

    /// About how many bytes of memory they hold; `sent` is the size they arrived in.
    pub(super) fn weight(&self, sent: usize) -> usize {
        const OVERHEAD: usize = 512;
        sent.saturating_add(self.len().saturating_mul(OVERHEAD))
    }
}
