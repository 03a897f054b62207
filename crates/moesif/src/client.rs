//! What an adapter holds: settings, and the way to this process's pipeline.

use std::sync::Arc;

use moesif_wire::header;

use crate::api::Api;
use crate::call::{Exchange, Policy, host, is_under};
use crate::delivery::{Delivery, Pipeline};
use crate::diagnostics::diagnostics;
use crate::process::{ProcessLocal, process_id};
use crate::rules::Governance;
use crate::runtime::{self, Runtime, runtime};
use crate::settings::Settings;

/// Captures calls under one set of settings.
///
/// Making one does no I/O and starts nothing. The worker threads start with the first [`Client::begin`] in a
/// process; after a fork the child starts its own. Clients with equal delivery settings share one pipeline.
pub struct Client {
    policy: Arc<Policy>,
    delivery: Arc<Delivery>,
    here: ProcessLocal<Here>,
}

/// What a client uses in one process.
struct Here {
    runtime: Arc<Runtime>,
    pipeline: Arc<Pipeline>,
    pid: u32,
}

/// Logs under `DEBUG` what happened to the record of a call. Leaves out the query of its URI.
fn log_outcome(exchange: &Exchange, outcome: &str) {
    diagnostics().debug(|| {
        let uri = exchange.uri().split(['?', '#']).next().unwrap_or_default();
        let status = exchange.status().map_or_else(|| "no response".to_owned(), |status| status.to_string());
        format!("{} {uri}, {status}: {outcome}", exchange.verb())
    });
}

impl Client {
    /// A client under these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let Settings { policy, delivery, .. } = settings;
        Self { policy: Arc::new(policy), delivery: Arc::new(delivery), here: ProcessLocal::new() }
    }

    /// Starts the record of a call that arrives now.
    #[must_use]
    pub fn begin(&self) -> Box<Exchange> {
        self.begin_governed().0
    }

    /// The same, with the governance rules that are in force, if there are any.
    #[must_use]
    pub fn begin_governed(&self) -> (Box<Exchange>, Option<Arc<Governance>>) {
        let here = self.here();
        here.pipeline.start();
        runtime::watch();
        let exchange = Exchange::begin(
            here.pipeline.spare(),
            Arc::clone(&self.policy),
            here.runtime.identifiers().next(),
            here.runtime.budget(),
            here.pid,
        );
        (exchange, here.pipeline.governance())
    }

    /// Queues a finished exchange for delivery. Never waits: when there is no room the event is dropped and
    /// counted. A call that arrived before this process was forked off is its parent's to record.
    pub fn record(&self, exchange: Box<Exchange>) {
        let here = self.here();
        if exchange.pid() == here.pid {
            log_outcome(&exchange, "recorded");
            here.pipeline.push(exchange);
        }
    }

    /// Decides whether a call whose response has ended is kept, by the operator's sampling rates; `false` is for
    /// [`Client::sample_out`].
    #[must_use]
    pub fn sample(&self, exchange: &mut Exchange) -> bool {
        let here = self.here();
        match here.pipeline.remote().sampling.weight(exchange, || here.runtime.random().next()) {
            Some(weight) => {
                exchange.set_weight(weight);
                true
            }
            None => false,
        }
    }

    /// Counts a call that sampling left out.
    pub fn sample_out(&self, exchange: Box<Exchange>) {
        let here = self.here();
        if exchange.pid() == here.pid {
            log_outcome(&exchange, "left out by sampling");
            here.pipeline.count_sampled_out();
        }
        drop(exchange);
    }

    /// Counts a call that the application asked not to record.
    pub fn skip(&self, exchange: Box<Exchange>) {
        let here = self.here();
        if exchange.pid() == here.pid {
            log_outcome(&exchange, "skipped");
            here.pipeline.count_skipped();
        }
        drop(exchange);
    }

    /// Counts a call whose record was lost to a fault of ours.
    pub fn lose(&self) {
        self.here().pipeline.count_lost();
    }

    /// Whether a call that the application makes is one to the collector: it goes to `/v1` or `/health` there, or to the
    /// hosted service, or says that it comes from an SDK.
    #[must_use]
    pub fn is_own_traffic(&self, exchange: &Exchange) -> bool {
        const HOSTED: &str = ".moesif.net";
        /// What a collector serves below its base URI, next to which there may be somebody else.
        const SERVED: [&str; 2] = ["v1", "health"];
        let host = host(exchange.uri()).to_ascii_lowercase();
        let base = self.delivery.endpoint.base_uri().trim_end_matches('/');
        SERVED.iter().any(|path| is_under(&format!("{base}/{path}"), exchange.uri()))
            || host.ends_with(HOSTED)
            || [header::APPLICATION_ID, header::SDK]
                .iter()
                .any(|name| exchange.request_header(name).is_some())
    }

    /// Where events go, and in whose name: the base URI of the collector and the application id.
    #[must_use]
    pub fn destination(&self) -> (&str, &str) {
        (self.delivery.endpoint.base_uri(), self.delivery.endpoint.application_id())
    }

    /// How calls are captured.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The way to the API of the collector that calls are delivered to.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(Arc::clone(&self.delivery))
    }

    fn here(&self) -> Arc<Here> {
        self.here.get_or_make(|| {
            let runtime = runtime();
            let pipeline = runtime.pipeline(&self.delivery);
            Arc::new(Here { runtime, pipeline, pid: process_id() })
        })
    }
}
