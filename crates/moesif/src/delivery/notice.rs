//! Log messages about delivery.

use super::breaker::Cause;
use crate::diagnostics::Severity;

/// A log message about delivery, with its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The collector began to fail or to refuse this client.
    Fails(Cause),
    /// The collector works again.
    Works,
    /// Number of events that the collector has refused or rejected so far.
    Refused(u64),
    /// Number of events that were dropped so far because the queue was full.
    Dropped(u64),
}

impl Notice {
    pub(super) fn severity(self) -> Severity {
        match self {
            Self::Fails(Cause::Failing) => Severity::Warning,
            Self::Works => Severity::Info,
            Self::Fails(Cause::Refusing) | Self::Refused(_) | Self::Dropped(_) => Severity::Error,
        }
    }

    /// Returns the text for the log. `reason` describes the last upload.
    pub(super) fn message(self, base_uri: &str, reason: &str) -> String {
        match self {
            Self::Fails(Cause::Failing) => {
                format!("cannot deliver to {base_uri}: {reason}; events wait in memory and are sent again")
            }
            Self::Fails(Cause::Refusing) => format!(
                "{base_uri} does not accept this APPLICATION_ID or BASE_URI ({reason}): events wait in memory and are sent \
                 again, after increasing pauses"
            ),
            Self::Works => format!("delivery to {base_uri} works again"),
            Self::Refused(events) => {
                format!(
                    "{base_uri} refused events: {events} lost so far ({reason}). If it refuses every event, check BASE_URI \
                     and the account. If it refuses some, check what your functions add to them; after 413, lower \
                     REQUEST_MAX_BODY_SIZE and RESPONSE_MAX_BODY_SIZE"
                )
            }
            Self::Dropped(events) => format!(
                "the queue of events for {base_uri} is full: {events} lost so far; EVENT_QUEUE_SIZE and \
                 EVENT_QUEUE_BYTES set its size"
            ),
        }
    }
}
