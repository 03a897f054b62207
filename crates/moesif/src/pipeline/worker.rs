//! The threads that deliver. They wait for a batch, write it, send it, and decide what an answer means.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use moesif_wire::IngestReply;

use super::queue::{Outcome, Taken};
use super::{DropReason, Severity, Shared, batch};
use crate::transport::{HttpTransport, Reply, Transport, TransportError};

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// A collector may ask for more patience than our own longest wait, up to this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

pub(super) fn spawn(number: usize, shared: &Arc<Shared>) -> io::Result<()> {
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name(format!("moesif-{number}"))
        .spawn(move || Worker::new(&shared).run())
        .map(drop)
}

struct Worker<'a> {
    shared: &'a Shared,
    transport: HttpTransport,
    /// Kept between batches: one allocation for the life of the thread.
    json: Vec<u8>,
}

/// What an answer means for the events that were sent.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Kept, but for this many.
    Delivered { rejected: usize },
    /// Not now.
    Retry { after: Option<Duration> },
    /// Not together: a smaller batch may be kept, or shows which event is refused.
    Split,
    /// Never.
    Drop(DropReason),
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self { shared, transport: HttpTransport::new(&shared.delivery.endpoint), json: Vec::new() }
    }

    fn run(mut self) {
        loop {
            let mut taken = self.shared.queue.take();
            if catch_unwind(AssertUnwindSafe(|| self.deliver(&mut taken))).is_err() {
                let lost = taken.events.len();
                self.shared.queue.settle(&taken, Outcome::Dropped(DropReason::Internal), lost);
                self.shared.diagnostics.report(
                    Severity::Error,
                    format!("{lost} events are lost to a fault in this package: please report it"),
                );
            }
        }
    }

    fn deliver(&mut self, taken: &mut Taken) {
        let mut max_events = usize::MAX;
        while !taken.events.is_empty() {
            let encoded =
                batch::encode(&taken.events, max_events, self.shared.delivery.batch_bytes, &mut self.json);
            let verdict = if encoded.written == 0 {
                Verdict::Delivered { rejected: 0 }
            } else {
                batch::gzip(&self.json).map_or(Verdict::Drop(DropReason::Unserializable), |body| {
                    self.send(&body, encoded.written)
                })
            };
            let (sent, reason) = match verdict {
                Verdict::Split if encoded.written > 1 => {
                    max_events = encoded.written / 2;
                    continue;
                }
                Verdict::Delivered { rejected } => {
                    // Past what was refused, batches grow back.
                    max_events = max_events.saturating_mul(2);
                    (encoded.written.saturating_sub(rejected), DropReason::Rejected)
                }
                Verdict::Drop(reason) => (0, reason),
                Verdict::Split | Verdict::Retry { .. } => (0, DropReason::Refused),
            };
            if encoded.bodies_removed > 0 {
                self.shared.queue.count_bodies_removed(encoded.bodies_removed);
            }
            // The memory first, so that who waits for a flush finds it free.
            let settled = (encoded.written + encoded.unserializable).min(taken.events.len());
            self.shared.spares.keep(taken.events.drain(..settled));
            self.settle(taken, Outcome::Sent, sent);
            self.settle(taken, Outcome::Dropped(reason), encoded.written - sent);
            self.settle(taken, Outcome::Dropped(DropReason::Unserializable), encoded.unserializable);
        }
        self.json.shrink_to(self.shared.delivery.batch_bytes);
    }

    fn settle(&self, taken: &Taken, outcome: Outcome, count: usize) {
        if count > 0 {
            self.shared.queue.settle(taken, outcome, count);
        }
    }

    /// Sends until there is a final answer.
    fn send(&mut self, body: &[u8], events: usize) -> Verdict {
        let mut attempt = 0_u32;
        let mut flushes = self.shared.queue.flushes();
        loop {
            let result = self.transport.post_batch(body);
            if let Ok(reply) = &result {
                self.shared.remote.observe(&reply.tags);
            }
            let verdict = verdict(&result);
            self.report(&result, &verdict, events);
            let Verdict::Retry { after } = verdict else {
                return verdict;
            };
            match after {
                // What the collector asks for holds for a flush as well.
                Some(after) => thread::sleep(after.min(LONGEST_RETRY_AFTER)),
                None => self.shared.queue.wait_to_retry(back_off(attempt), &mut flushes),
            }
            attempt = attempt.saturating_add(1);
        }
    }

    /// Says when delivery starts to fail and when it works again, once each for all workers.
    fn report(&self, result: &Result<Reply, TransportError>, verdict: &Verdict, events: usize) {
        let uri = &self.shared.delivery.endpoint.base_uri();
        let found = match result {
            Ok(reply) => format!("it answered {}", reply.status),
            Err(error) => error.to_string(),
        };
        // A batch that is split is no outage.
        let was_failing = match verdict {
            Verdict::Split if events > 1 => self.shared.failing.load(Ordering::Relaxed),
            Verdict::Delivered { .. } => self.shared.failing.swap(false, Ordering::Relaxed),
            Verdict::Retry { .. } | Verdict::Drop(_) | Verdict::Split => {
                self.shared.failing.swap(true, Ordering::Relaxed)
            }
        };
        let message = match verdict {
            Verdict::Delivered { rejected } if *rejected > 0 => Some((
                Severity::Warning,
                format!("{uri} refused {rejected} of {events} events of a batch and kept the others"),
            )),
            Verdict::Delivered { .. } if was_failing => {
                Some((Severity::Info, format!("delivery to {uri} works again")))
            }
            Verdict::Retry { .. } if !was_failing => Some((
                Severity::Warning,
                format!("cannot deliver to {uri}: {found}; events wait in memory and are sent again"),
            )),
            Verdict::Drop(DropReason::Unauthorized) if !was_failing => Some((
                Severity::Error,
                format!(
                    "{uri} does not accept this APPLICATION_ID or BASE_URI ({found}): events are lost until it does"
                ),
            )),
            Verdict::Drop(_) if !was_failing => {
                Some((Severity::Error, format!("{uri} refused a batch ({found}): {events} events are lost")))
            }
            Verdict::Split if events == 1 && !was_failing => {
                Some((Severity::Error, format!("{uri} refused an event ({found}): it is lost")))
            }
            _ => None,
        };
        if let Some((severity, message)) = message {
            self.shared.diagnostics.report(severity, message);
        }
    }
}

fn verdict(result: &Result<Reply, TransportError>) -> Verdict {
    let Ok(reply) = result else {
        return Verdict::Retry { after: None };
    };
    match reply.status {
        200..=299 => {
            let refused = serde_json::from_slice::<IngestReply>(&reply.body).unwrap_or_default();
            Verdict::Delivered { rejected: refused.rejected_count.unwrap_or(refused.rejected.len()) }
        }
        408 | 429 | 500..=599 => Verdict::Retry { after: reply.retry_after },
        300..=399 | 401 | 403 => Verdict::Drop(DropReason::Unauthorized),
        400 | 413 | 422 => Verdict::Split,
        _ => Verdict::Drop(DropReason::Refused),
    }
}

/// Exponential back-off with full jitter, so that processes that failed together do not return together.
fn back_off(attempt: u32) -> Duration {
    let ceiling = FIRST_RETRY.saturating_mul(1 << attempt.min(10)).min(LONGEST_RETRY);
    let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
    let drawn = getrandom::u64().map_or(millis, |random| random % millis.saturating_add(1));
    Duration::from_millis(drawn.max(50))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::Tags;

    fn answered(status: u16, body: &str) -> Verdict {
        verdict(&Ok(Reply {
            status,
            retry_after: None,
            tags: Tags::default(),
            body: body.as_bytes().to_vec(),
        }))
    }

    #[test]
    fn an_answer_decides_what_becomes_of_the_batch() {
        assert_eq!(answered(201, "{}"), Verdict::Delivered { rejected: 0 });
        assert_eq!(answered(201, "no JSON"), Verdict::Delivered { rejected: 0 });
        assert_eq!(
            answered(201, r#"{"rejected":[{"index":3,"field":"request.time","error":"…"}]}"#),
            Verdict::Delivered { rejected: 1 }
        );
        // A collector lists so many at most; the count is what is true.
        assert_eq!(
            answered(
                201,
                r#"{"rejected":[{"index":3,"field":"request.time","error":"…"}],"rejected_count":1700}"#
            ),
            Verdict::Delivered { rejected: 1700 }
        );
        for status in [408, 429, 500, 503] {
            assert_eq!(answered(status, ""), Verdict::Retry { after: None });
        }
        for status in [302, 401, 403] {
            assert_eq!(answered(status, ""), Verdict::Drop(DropReason::Unauthorized));
        }
        assert_eq!(answered(413, ""), Verdict::Split);
        assert_eq!(answered(404, ""), Verdict::Drop(DropReason::Refused));
    }

    #[test]
    fn back_off_grows_and_stays_within_its_bounds() {
        for attempt in [0, 1, 5, 40, u32::MAX] {
            let ceiling = FIRST_RETRY.saturating_mul(1 << attempt.min(10)).min(LONGEST_RETRY);
            assert!((Duration::from_millis(50)..=ceiling).contains(&back_off(attempt)));
        }
    }
}
