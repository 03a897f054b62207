//! The WSGI middleware (PEP 3333).
//!
//! One request, in order:
//!
//! 1. [`WsgiMiddleware`] reads `environ` into a record ([`serve`]).
//! 2. Governance rules decide about the call ([`governance`]). A rule may answer it, and the application is
//!    not called.
//! 3. The application runs. It gets our [`start_response`], and a stream that records what it reads of the
//!    body.
//! 4. The response is recorded, at once if it is a list, or as the server iterates it ([`respond`],
//!    [`iterator`]).
//! 5. At the end of the response, the application's functions are called and the record is handed over
//!    ([`finish`]).
//!
//! The interpreter is attached throughout, and nothing waits. An exception that leaves this module was raised
//! by the application or the server, or is an exit in one of the application's functions.

mod call;
mod finish;
mod functions;
mod governance;
mod iterator;
mod middleware;
mod respond;
mod serve;
mod start_response;

pub(crate) use middleware::{MiddlewareOptions, WsgiMiddleware};
