//! What an adapter holds: settings, and the way to this process's pipeline.

use std::sync::Arc;

use crate::capture::{Exchange, Policy};
use crate::pipeline::{Delivery, Pipeline};
use crate::process::{ProcessLocal, runtime};
use crate::settings::Settings;

/// Captures calls under one set of settings.
///
/// Making one does no I/O and starts nothing. The worker threads start with the first [`Client::begin`] in a
/// process; after a fork the child starts its own. Clients with equal delivery settings share one pipeline.
pub struct Client {
    policy: Arc<Policy>,
    delivery: Arc<Delivery>,
    pipeline: ProcessLocal<Pipeline>,
}

impl Client {
    /// A client under these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let Settings { policy, delivery, .. } = settings;
        Self {
            policy: Arc::new(policy),
            delivery: Arc::new(delivery),
            pipeline: ProcessLocal::new(),
        }
    }

    /// Starts the record of a call that arrives now.
    #[must_use]
    pub fn begin(&self) -> Box<Exchange> {
        let pipeline = self.pipeline();
        let runtime = runtime();
        pipeline.start();
        Box::new(Exchange::begin(
            Arc::clone(&self.policy),
            runtime.identifiers().next(),
            runtime.budget(),
        ))
    }

    /// Queues a finished exchange for delivery. Never waits: when there is no room the event is dropped and
    /// counted.
    pub fn record(&self, exchange: Box<Exchange>) {
        self.pipeline().push(exchange);
    }

    /// Counts a call that the application asked not to record.
    pub fn skip(&self, exchange: Box<Exchange>) {
        drop(exchange);
        self.pipeline().count_skipped();
    }

    /// Counts a call whose record was lost to a fault of ours.
    pub fn lose(&self) {
        self.pipeline().count_lost();
    }

    /// How calls are captured.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    fn pipeline(&self) -> Arc<Pipeline> {
        self.pipeline.get_or_make(|| runtime().pipeline(&self.delivery))
    }
}
