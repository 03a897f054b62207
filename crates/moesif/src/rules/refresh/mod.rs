//! Keeps sampling rates and governance rules current.
//!
//! In: `GET /v1/config` and `GET /v1/rules`, fetched by a thread of the pipeline, and the versions that answers to batches
//! show. Out: a [`Remote`], which is replaced as a whole and which readers load without waiting.
//!
//! If a fetch fails or a document cannot be read, the earlier one stays in force. Rules depend on both documents, so they
//! stay if either one fails.

mod loader;
mod report;
mod schedule;
mod state;

use std::io;
use std::sync::Arc;
use std::thread;

use crate::diagnostics::Diagnostics;
use crate::http::{Endpoint, NameResolver};
use loader::Loader;

pub use state::Remote;

pub(crate) use state::RemoteState;

/// The documents that are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Document {
    Config,
    Rules,
}

impl Document {
    const fn path(self) -> &'static str {
        match self {
            Self::Config => "/v1/config",
            Self::Rules => "/v1/rules",
        }
    }
}

/// Starts the thread that keeps `state` current.
pub(crate) fn spawn(
    state: &Arc<RemoteState>,
    endpoint: &Endpoint,
    names: &NameResolver,
    diagnostics: &Arc<Diagnostics>,
) -> io::Result<()> {
    let loader = Loader::new(Arc::clone(state), endpoint.clone(), names.clone(), Arc::clone(diagnostics));
    thread::Builder::new().name("moesif-remote".to_owned()).spawn(move || loader.run()).map(drop)
}
