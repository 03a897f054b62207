//! `moesif._native`: the binding between Python and the core.
//!
//! It reads Python objects and calls the core, which makes all decisions. Every class is frozen and
//! synchronises itself. No lock is held while Python code runs, and native threads never run Python. A panic
//! in this crate or in the core becomes a counted loss, never an exception in the application.
//!
//! Modules import only from lower layers; `crates/xtask/tests/layers.rs` checks that.

mod api;
mod as_written;
mod callbacks;
mod convert;
mod django;
mod environment;
mod gc;
mod guard;
mod interruption;
mod json;
mod lifecycle;
mod log;
mod once;
mod outgoing;
mod python;
mod request;
mod settings;
mod wsgi;

use moesif::memory::ReservingAllocator;
use pyo3::prelude::*;

/// Keeps a process running that has no memory left.
#[global_allocator]
static ALLOCATOR: ReservingAllocator = ReservingAllocator;

/// The compiled part of the `moesif` package. Not a public interface: import from `moesif` instead.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::api::{ApiCall, ApiClient, document_json};
    #[pymodule_export]
    use crate::as_written::client_as_written;
    #[pymodule_export]
    use crate::callbacks::{FailureLog, Step};
    #[pymodule_export]
    use crate::django::{DjangoCall, DjangoCapture, RuleAnswer};
    #[pymodule_export]
    use crate::interruption::is_interruption;
    #[pymodule_export]
    use crate::lifecycle::{after_fork_in_child, finish, flush, stats};
    #[pymodule_export]
    use crate::outgoing::{OutgoingCall, OutgoingCapture};
    #[pymodule_export]
    use crate::request::{Destination, ServedCall, link_outgoing_calls};
    #[pymodule_export]
    use crate::settings::{ClientDefaults, client_defaults, django_warnings};
    #[pymodule_export]
    use crate::wsgi::{MiddlewareOptions, WsgiMiddleware};

    /// Base URI of the hosted collector, the default of `BASE_URI`.
    #[pymodule_export]
    const DEFAULT_BASE_URI: &str = moesif::settings::DEFAULT_BASE_URI;
    /// Version of the package.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
