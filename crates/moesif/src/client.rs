//! The client: records calls for a framework adapter.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use moesif_wire::{Direction, header};

use crate::api::Api;
use crate::call::{Exchange, Policy, host, is_under};
use crate::delivery::{Delivery, DropReason, Pipeline};
use crate::diagnostics::{Severity, Topic, diagnostics, is_verbose};
use crate::process::{ProcessLocal, process_id};
use crate::rules::Governance;
use crate::runtime::{self, Runtime, runtime};
use crate::settings::{Masking, Settings, keys};

/// Captures calls under one set of settings.
///
/// Creating a client does no I/O and starts no thread. The worker threads start with the first
/// [`Client::begin`] in a process. The child of a fork starts its own. Clients with equal delivery settings
/// share one pipeline.
pub struct Client {
    policy: Arc<Policy>,
    delivery: Arc<Delivery>,
    /// Whether bodies are recorded and nothing is masked.
    records_everything: bool,
    in_process: ProcessLocal<InProcess>,
}

/// Parts of a client that belong to one process and not to its forked children.
struct InProcess {
    runtime: Arc<Runtime>,
    pipeline: Arc<Pipeline>,
    pid: u32,
}

/// Id of the process that has logged that bodies and credentials are recorded.
static ANNOUNCED: AtomicU32 = AtomicU32::new(0);

/// Returns verb, URI without its query, and status of a call, for a message of `DEBUG`. `None` without `DEBUG`.
fn described(exchange: &Exchange) -> Option<String> {
    is_verbose().then(|| {
        let uri = exchange.uri().split(['?', '#']).next().unwrap_or_default();
        let status = exchange.status().map_or_else(|| "no response".to_owned(), |status| status.to_string());
        format!("{} {uri}, {status}", exchange.verb())
    })
}

/// Logs under `DEBUG` what happened to the record of a call.
fn log_outcome(call: Option<String>, outcome: impl Display) {
    if let Some(call) = call {
        diagnostics().debug(|| format!("{call}: {outcome}"));
    }
}

impl Client {
    /// Creates a client.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let Settings { policy, delivery, masking, .. } = settings;
        Self {
            records_everything: policy.log_body && !policy.strip_content && masking == Masking::Off,
            policy: Arc::new(policy),
            delivery: Arc::new(delivery),
            in_process: ProcessLocal::new(),
        }
    }

    /// Starts the record of a call that arrives now. If there is no memory for it, counts the call as dropped
    /// and returns `None`.
    #[must_use]
    pub fn begin(&self) -> Option<Box<Exchange>> {
        self.begin_governed().map(|(exchange, _)| exchange)
    }

    /// Starts the record of a call, like [`Client::begin`]. Also returns the governance rules in force; `None`
    /// if there are none.
    #[must_use]
    pub fn begin_governed(&self) -> Option<(Box<Exchange>, Option<Arc<Governance>>)> {
        let local = self.in_process();
        local.pipeline.start();
        runtime::guard_exit();
        if self.records_everything && ANNOUNCED.load(Ordering::Relaxed) != local.pid {
            self.announce(local.pid);
        }
        let exchange = Exchange::begin(
            local.pipeline.spare(),
            Arc::clone(&self.policy),
            local.runtime.identifiers().next(),
            local.runtime.budget(),
            local.pid,
        );
        if exchange.lacks_memory() {
            drop(exchange);
            local.pipeline.count_lost(DropReason::Memory);
            return None;
        }
        Some((exchange, local.pipeline.governance()))
    }

    /// Logs once per process that bodies and credentials are recorded, and how to prevent it.
    #[cold]
    fn announce(&self, pid: u32) {
        if ANNOUNCED.swap(pid, Ordering::Relaxed) == pid {
            return;
        }
        let log_body = match self.policy.direction {
            Direction::Outgoing => keys::LOG_BODY_OUTGOING.name(),
            Direction::Incoming | Direction::Internal => keys::LOG_BODY.name(),
        };
        let message = format!(
            "request and response bodies, the Authorization header and cookies are recorded and sent to {}. Set {log_body} \
             to False to leave out bodies, {} and {} to remove headers, {} and {} to remove keys from JSON bodies, or {} \
             to change anything",
            self.delivery.endpoint.base_uri(),
            keys::REQUEST_HEADER_MASKS.name(),
            keys::RESPONSE_HEADER_MASKS.name(),
            keys::REQUEST_BODY_MASKS.name(),
            keys::RESPONSE_BODY_MASKS.name(),
            keys::MASK_EVENT_MODEL.name(),
        );
        diagnostics().report_on(Topic::Settings, Severity::Info, message);
    }

    /// Queues a finished exchange for delivery. Never waits. If the queue or the byte budget is full, drops
    /// and counts the event. Ignores a call that began before this process was forked, because the parent
    /// records it.
    pub fn record(&self, exchange: Box<Exchange>) {
        let local = self.in_process();
        if exchange.pid() == local.pid {
            let call = described(&exchange);
            match local.pipeline.push(exchange) {
                Ok(()) => log_outcome(call, "recorded"),
                Err(reason) => log_outcome(call, format_args!("dropped ({})", reason.as_str())),
            }
        }
    }

    /// Applies the sampling rates of the remote configuration to an ended call. Returns whether to record the
    /// call. If not, pass it to [`Client::sample_out`].
    #[must_use]
    pub fn sample(&self, exchange: &mut Exchange) -> bool {
        let local = self.in_process();
        match local.pipeline.remote().sampling.weight(exchange, || local.runtime.random().next()) {
            Some(weight) => {
                exchange.set_weight(weight);
                true
            }
            None => false,
        }
    }

    /// Counts a call that sampling left out.
    pub fn sample_out(&self, exchange: Box<Exchange>) {
        let local = self.in_process();
        if exchange.pid() == local.pid {
            log_outcome(described(&exchange), "left out by sampling");
            local.pipeline.count_sampled_out();
        }
        drop(exchange);
    }

    /// Counts a call that `SKIP` left out.
    pub fn skip(&self, exchange: Box<Exchange>) {
        let local = self.in_process();
        if exchange.pid() == local.pid {
            log_outcome(described(&exchange), "skipped");
            local.pipeline.count_skipped();
        }
        drop(exchange);
    }

    /// Counts a call that could not be recorded.
    pub fn lose(&self, reason: DropReason) {
        self.in_process().pipeline.count_lost(reason);
    }

    /// Returns whether an outgoing call is a request of an SDK to a collector. That is a call to `/v1` or
    /// `/health` below the base URI, a call to the hosted service, or a call with a header that only SDKs
    /// send.
    #[must_use]
    pub fn is_own_traffic(&self, exchange: &Exchange) -> bool {
        const HOSTED: &str = ".moesif.net";
        /// First path segments of a collector. Other paths on the same host may belong to another service.
        const SERVED: [&str; 2] = ["v1", "health"];
        let host = host(exchange.uri()).to_ascii_lowercase();
        let base = self.delivery.endpoint.base_uri().trim_end_matches('/');
        SERVED.iter().any(|path| is_under(&format!("{base}/{path}"), exchange.uri()))
            || host.ends_with(HOSTED)
            || [header::APPLICATION_ID, header::SDK]
                .iter()
                .any(|name| exchange.request_header(name).is_some())
    }

    /// Returns the base URI of the collector.
    #[must_use]
    pub fn base_uri(&self) -> &str {
        self.delivery.endpoint.base_uri()
    }

    /// Returns the application id that events are sent with.
    #[must_use]
    pub fn application_id(&self) -> &str {
        self.delivery.endpoint.application_id()
    }

    /// Returns the configuration of the recording.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the API of the collector that events are delivered to.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(Arc::clone(&self.delivery))
    }

    fn in_process(&self) -> Arc<InProcess> {
        self.in_process.get_or_make(|| {
            let runtime = runtime();
            let pipeline = runtime.pipeline(&self.delivery);
            Arc::new(InProcess { runtime, pipeline, pid: process_id() })
        })
    }
}
