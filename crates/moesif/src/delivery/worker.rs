//! The threads that deliver: they wait for a batch, write it, send it, and hand over what came of it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::Shared;
use super::batch::{Attempt, Batch, Conclusion, Step};
use crate::call::Exchange;
use crate::diagnostics::Severity;
use crate::http::{HttpTransport, Transport, Verdict, gzip, reasons, verdict};

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

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared) -> Self {
        let transport = HttpTransport::new(&shared.delivery.endpoint, &shared.names);
        Self { shared, transport, json: Vec::new() }
    }

    fn run(mut self) {
        loop {
            let mut batch = self.shared.queue.next();
            let Ok((attempt, conclusion, trouble)) =
                catch_unwind(AssertUnwindSafe(|| self.deliver(&mut batch)))
            else {
                let lost = self.shared.queue.lose(batch);
                self.shared.diagnostics.report(
                    Severity::Error,
                    format!("{lost} events are lost to a fault in this package: please report it"),
                );
                continue;
            };
            let why = trouble.clone().unwrap_or_default();
            self.shared.queue.settle(batch, &attempt, conclusion, trouble, |notice| {
                self.shared.tell(notice, &why);
            });
        }
    }

    /// Sends what can be sent of a batch at once. Returns what was sent, what came of it, and what went wrong.
    fn deliver(&mut self, batch: &mut Batch<Box<Exchange>>) -> (Attempt, Conclusion, Option<String>) {
        let attempt = batch.encode(&mut self.json);
        let (verdict, found) = self.send(&attempt);
        let mut done = Vec::new();
        let conclusion = batch.conclude(&attempt, &verdict, &mut done);
        // Before they are counted, so that who waits for a flush finds the memory free.
        self.shared.spares.keep(done.into_iter());
        self.json.shrink_to(self.shared.delivery.batch_bytes);
        let went_well = conclusion.step == Step::GoOn && conclusion.rejected + conclusion.refused == 0;
        (attempt, conclusion, (!went_well).then_some(found))
    }

    fn send(&mut self, attempt: &Attempt) -> (Verdict, String) {
        if attempt.written == 0 {
            return (Verdict::Delivered { rejected: 0 }, String::new());
        }
        let Some(gzipped) = gzip(&self.json) else {
            return (
                Verdict::Isolate { culprits: Vec::new(), count: 0 },
                "it could not be compressed".to_owned(),
            );
        };
        let result = self.transport.post_batch(&gzipped);
        if let Ok(reply) = &result {
            self.shared.remote.observe(&reply.tags);
        }
        let verdict = verdict(&result);
        let found = match &result {
            // Nothing to be told.
            _ if verdict == (Verdict::Delivered { rejected: 0 }) => String::new(),
            Ok(reply) => format!("it answered {}{}", reply.status, reasons(&reply.ingested())),
            Err(error) => error.to_string(),
        };
        self.shared.diagnostics.debug(|| {
            let uri = self.shared.delivery.endpoint.base_uri();
            let outcome = if found.is_empty() { "it has them" } else { &found };
            format!("{} events in {} bytes for {uri}: {outcome}", attempt.written, gzipped.len())
        });
        (verdict, found)
    }
}
