//! The retry policy: decides what an answer or an error means for a batch or an API request.
//!
//! | Answer | Verdict |
//! |---|---|
//! | 2xx | delivered, except for the events that the collector names |
//! | 429, 503 | retry after a pause; the batch is not the cause |
//! | timeout; 408 and other 5xx without `Retry-After` | retry after a pause; the batch may be the cause |
//! | no answer; 408 and other 5xx with `Retry-After` | retry after a pause; the batch is not the cause |
//! | 413 | send fewer bytes at once; an event that is too large alone is dropped |
//! | 3xx, 401, 403 | pause for a long time |
//! | anything else | find the events that the collector refuses and send the others |
//!
//! The decision is a value, [`Verdict`]. `delivery/batch.rs` applies it to a batch, `api/job.rs` to an API
//! request.

use std::time::Duration;

use super::{Reply, TransportError};

/// What to do after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The collector kept the events, except for `rejected` of them.
    Delivered { rejected: usize },
    /// Try again after our own pause, or after `Retry-After` if that is longer. `may_be_batch` says whether
    /// an event of the batch, or its size, may be the cause. It is false if the collector is busy or cannot
    /// be reached.
    Retry { after: Option<Duration>, may_be_batch: bool },
    /// Send nothing for a long time: the collector does not accept this client, or has another address.
    Stop,
    /// Send less at once: the batch is too large.
    Split,
    /// Find the events that the collector refuses and send the others. `culprits` has the indexes that the
    /// answer lists, `count` the number of refused events.
    Isolate { culprits: Vec<usize>, count: usize },
}

/// Decides what to do after an attempt.
pub(crate) fn verdict(result: &Result<Reply, TransportError>) -> Verdict {
    let reply = match result {
        Ok(reply) => reply,
        Err(error) => {
            return Verdict::Retry { after: None, may_be_batch: matches!(error, TransportError::Timeout) };
        }
    };
    match reply.status {
        200..=299 => Verdict::Delivered { rejected: reply.ingested().total_rejected() },
        429 | 503 => Verdict::Retry { after: reply.retry_after, may_be_batch: false },
        408 | 500..=599 => {
            Verdict::Retry { after: reply.retry_after, may_be_batch: reply.retry_after.is_none() }
        }
        413 => Verdict::Split,
        status if refuses_client(status) => Verdict::Stop,
        _ => {
            let listed = reply.ingested();
            let mut culprits: Vec<usize> = listed.rejected.iter().map(|event| event.index).collect();
            culprits.sort_unstable();
            culprits.dedup();
            Verdict::Isolate { count: listed.rejected_count.unwrap_or(culprits.len()), culprits }
        }
    }
}

/// Whether this status means that the collector does not accept the application id or the address: 401, 403 and
/// redirects, which are never followed.
pub(crate) const fn refuses_client(status: u16) -> bool {
    matches!(status, 300..=399 | 401 | 403)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Verdict {
        verdict(&Ok(Reply { status, body: body.as_bytes().to_vec(), ..Reply::default() }))
    }

    fn isolate(culprits: &[usize], count: usize) -> Verdict {
        Verdict::Isolate { culprits: culprits.to_vec(), count }
    }

    #[test]
    fn each_status_has_its_verdict() {
        const LIST: &str = r#"{"rejected":[{"index":3,"field":"request.time","error":"…"},{"index":1}]}"#;
        assert_eq!(answered(201, "{}"), Verdict::Delivered { rejected: 0 });
        assert_eq!(answered(201, "no JSON"), Verdict::Delivered { rejected: 0 });
        assert_eq!(answered(201, LIST), Verdict::Delivered { rejected: 2 });
        // The list may be cut; the count is complete.
        let cut = r#"{"rejected":[{"index":3}],"rejected_count":1700}"#;
        assert_eq!(answered(201, cut), Verdict::Delivered { rejected: 1700 });
        for (status, may_be_batch) in [(408, true), (429, false), (500, true), (503, false), (504, true)] {
            assert_eq!(answered(status, LIST), Verdict::Retry { after: None, may_be_batch });
        }
        for status in [302, 304, 401, 403] {
            assert_eq!(answered(status, ""), Verdict::Stop);
        }
        assert_eq!(answered(413, LIST), Verdict::Split);
        for status in [400, 402, 404, 422] {
            assert_eq!(answered(status, "<html>"), isolate(&[], 0));
            assert_eq!(answered(status, LIST), isolate(&[1, 3], 2));
            assert_eq!(answered(status, cut), isolate(&[3], 1700));
        }
    }

    #[test]
    fn retry_after_is_passed_on() {
        let after = Some(Duration::from_secs(7));
        let reply = Reply { status: 429, retry_after: after, ..Reply::default() };
        assert_eq!(verdict(&Ok(reply)), Verdict::Retry { after, may_be_batch: false });
    }
}
