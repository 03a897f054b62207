//! Keeps sampling rates and governance rules current.
//!
//! In: `GET /v1/config` and `GET /v1/rules`, fetched by a thread of the pipeline, and the versions in the
//! answers to batches. Out: a [`Remote`], which is replaced as a whole and which readers load without
//! waiting.
//!
//! | Module | Does |
//! |---|---|
//! | `loader` | fetches the documents and applies them |
//! | `schedule` | decides when to fetch |
//! | `state` | holds the rates and rules in force |
//! | `report` | logs |
//!
//! If a fetch fails or a document cannot be read, the earlier document stays in force. Rules depend on both
//! documents, so the earlier rules stay in force if either one fails.

mod loader;
mod report;
mod schedule;
mod state;

use std::io;
use std::sync::Arc;

use crate::diagnostics::Diagnostics;
use crate::http::{Endpoint, NameResolver};
use crate::process;
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
    process::spawn("moesif-remote".to_owned(), move || loader.run())
}
