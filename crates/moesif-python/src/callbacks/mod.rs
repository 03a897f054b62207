//! The application's functions: which are called about a call, in what order, and what a failure costs.
//!
//! [`Step`] is the one list of them. [`Functions`] holds those of one set of settings and calls them in
//! order, for WSGI and for outgoing calls. Django walks the same list in Python
//! (`moesif/django/sequence.py`), because it may have to await a result between two steps. [`Failures`] has
//! the log messages.
//!
//! An `Exception` that a function raises costs its result only. Anything else (an exit, a keyboard interrupt,
//! a greenlet that is killed, a time limit) belongs to the host and propagates (`docs/guarantees.md`, I-19).

mod callback;
mod failures;
mod functions;
pub(crate) mod mask;
mod step;

pub(crate) use failures::{FailureLog, Failures, Moment};
pub(crate) use functions::{Functions, Recipient};
pub(crate) use step::{Side, Step};
