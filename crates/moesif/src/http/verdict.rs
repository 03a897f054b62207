//! What an answer means for the events that were sent, as a value.

use std::time::Duration;

use super::{Reply, TransportError};

/// What to do after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing more: the events are kept, but for this many.
    Delivered { rejected: usize },
    /// Try again, after a pause of our own or the one the collector asks for. It may be for an event of the batch, or for its
    /// size, that it failed: not where the collector says it is busy, or is not there.
    Retry { after: Option<Duration>, may_be_batch: bool },
    /// Leave the collector alone for a long time: it does not know this client, or is not there.
    Stop,
    /// Send less at once: the batch is too large.
    Split,
    /// Find the events at fault and send the others. A collector may name them, by their place in the batch, and say how
    /// many there are in all.
    Isolate { culprits: Vec<usize>, count: usize },
}

pub(crate) fn verdict(result: &Result<Reply, TransportError>) -> Verdict {
    let reply = match result {
        Ok(reply) => reply,
        Err(error) => return Verdict::Retry { after: None, may_be_batch: error.took_too_long() },
    };
    match reply.status {
        200..=299 => Verdict::Delivered { rejected: reply.ingested().not_kept() },
        429 | 503 => Verdict::Retry { after: reply.retry_after, may_be_batch: false },
        408 | 500..=599 => {
            Verdict::Retry { after: reply.retry_after, may_be_batch: reply.retry_after.is_none() }
        }
        413 => Verdict::Split,
        300..=399 | 401 | 403 => Verdict::Stop,
        _ => {
            let listed = reply.ingested();
            let mut culprits: Vec<usize> = listed.rejected.iter().map(|event| event.index).collect();
            culprits.sort_unstable();
            culprits.dedup();
            Verdict::Isolate { count: listed.rejected_count.unwrap_or(culprits.len()), culprits }
        }
    }
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
    fn an_answer_decides_what_becomes_of_the_batch() {
        const LIST: &str = r#"{"rejected":[{"index":3,"field":"request.time","error":"…"},{"index":1}]}"#;
        assert_eq!(answered(201, "{}"), Verdict::Delivered { rejected: 0 });
        assert_eq!(answered(201, "no JSON"), Verdict::Delivered { rejected: 0 });
        assert_eq!(answered(201, LIST), Verdict::Delivered { rejected: 2 });
        // A collector lists so many at most; the count is what is true.
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
    fn the_patience_a_collector_asks_for_is_kept() {
        let after = Some(Duration::from_secs(7));
        let reply = Reply { status: 429, retry_after: after, ..Reply::default() };
        assert_eq!(verdict(&Ok(reply)), Verdict::Retry { after, may_be_batch: false });
    }
}
