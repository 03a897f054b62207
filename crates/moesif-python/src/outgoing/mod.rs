//! Capture of the calls that an application makes. `moesif.outgoing` fills it while a call passes.
//!
//! One call, in order:
//!
//! 1. [`OutgoingCapture`]`.begin` reads the `requests.PreparedRequest`.
//! 2. [`OutgoingCall`]`.respond` reads the head of the `requests.Response` and calls the application's
//!    functions. If the call raised, `fail` does so instead.
//! 3. The body comes as a whole or in chunks.
//! 4. `end` hands the record over.
//!
//! Python code decides which function of which library is hooked. The interpreter is attached throughout, and
//! nothing waits. An exception that leaves this module is an exit in one of the application's functions.

mod call;
mod capture;
mod message;

pub(crate) use call::OutgoingCall;
pub(crate) use capture::OutgoingCapture;
