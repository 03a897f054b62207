//! The threads that deliver: each takes a batch, writes it, sends it and settles it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::batch::{Attempt, Batch, Conclusion, Step};
use super::pipeline::PipelineContext;
use crate::call::Exchange;
use crate::diagnostics::{Severity, counted, lost_events};
use crate::http::{Compressor, HttpTransport, Verdict, reasons, verdict};
use crate::memory::FallibleBuffer;
use crate::process;

pub(super) fn spawn(number: usize, context: &Arc<PipelineContext>) -> io::Result<()> {
    let context = Arc::clone(context);
    process::spawn(format!("moesif-{number}"), move || Worker::new(&context).run())
}

struct Worker<'a> {
    context: &'a PipelineContext,
    transport: HttpTransport,
    /// Buffer for the JSON of a batch, kept between batches.
    json: FallibleBuffer,
    compressor: Compressor,
}

/// Result of one upload.
struct Upload {
    attempt: Attempt,
    conclusion: Conclusion,
    /// Why the collector did not keep all events. `None` if it did.
    failure: Option<String>,
}

/// Answer to one request.
struct Answer {
    verdict: Verdict,
    /// The answer, or why none came. Empty if the collector kept all events.
    description: String,
}

impl Answer {
    fn delivered() -> Self {
        Self { verdict: Verdict::Delivered { rejected: 0 }, description: String::new() }
    }
}

impl<'a> Worker<'a> {
    fn new(context: &'a PipelineContext) -> Self {
        let transport = HttpTransport::new(&context.delivery.endpoint, &context.names);
        Self { context, transport, json: FallibleBuffer::default(), compressor: Compressor::new() }
    }

    fn run(mut self) {
        loop {
            let mut batch = self.context.queue.next();
            let Ok(upload) = catch_unwind(AssertUnwindSafe(|| self.upload(&mut batch))) else {
                let lost = self.context.queue.lose(batch);
                self.context.diagnostics.report(
                    Severity::Error,
                    format!("{} because of a fault in this package: please report it", lost_events(lost)),
                );
                continue;
            };
            let Upload { attempt, conclusion, failure } = upload;
            let reason = failure.clone().unwrap_or_default();
            self.context.queue.settle(batch, &attempt, conclusion, failure, |notice| {
                self.context.report(notice, &reason);
            });
        }
    }

    /// Sends the first events of a batch, as many as one request may contain.
    fn upload(&mut self, batch: &mut Batch<Box<Exchange>>) -> Upload {
        let attempt = batch.encode(&mut self.json);
        let Answer { verdict, description } = self.send(&attempt);
        let mut done = Vec::new();
        let conclusion = batch.conclude(&attempt, &verdict, &mut done);
        // Frees memory before the events are counted, so that it is free when a flush ends.
        self.context.spares.keep(done.into_iter());
        self.json.shrink_to(self.context.delivery.batch_bytes);
        let is_complete = conclusion.step == Step::Continue && conclusion.rejected + conclusion.refused == 0;
        Upload { attempt, conclusion, failure: (!is_complete).then_some(description) }
    }

    fn send(&mut self, attempt: &Attempt) -> Answer {
        if attempt.written == 0 {
            if self.json.has_failed {
                return Answer {
                    verdict: Verdict::Retry { after: None, may_be_batch: false },
                    description: "there is no memory to write an event".to_owned(),
                };
            }
            return Answer::delivered();
        }
        let Some(gzipped) = self.compressor.gzip(&self.json.bytes) else {
            return Answer {
                verdict: Verdict::Isolate { culprits: Vec::new(), count: 0 },
                description: "the batch could not be compressed".to_owned(),
            };
        };
        let result = self.transport.post_batch(&gzipped);
        if let Ok(reply) = &result {
            self.context.remote.observe(&reply.tags);
        }
        let answer = match (verdict(&result), &result) {
            (Verdict::Delivered { rejected: 0 }, _) => Answer::delivered(),
            (verdict, Ok(reply)) => Answer {
                verdict,
                description: format!("the collector answered {}{}", reply.status, reasons(&reply.ingested())),
            },
            (verdict, Err(error)) => Answer { verdict, description: error.to_string() },
        };
        self.context.diagnostics.debug(|| {
            let uri = self.context.delivery.endpoint.base_uri();
            let outcome = if answer.description.is_empty() { "delivered" } else { &answer.description };
            format!("{} in {} bytes for {uri}: {outcome}", counted(attempt.written, "event"), gzipped.len())
        });
        answer
    }
}
