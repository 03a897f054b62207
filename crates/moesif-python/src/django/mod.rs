//! Capture of a Django request. `moesif.django` fills it while the request passes.
//!
//! One request, in order:
//!
//! 1. [`DjangoCapture`]`.begin` reads `request.META` in one pass, and arranges that the body is recorded as
//!    the view reads it.
//! 2. If governance rules are in force, [`DjangoCall`]`.decide` applies them. A rule may answer, and the view
//!    is not called.
//! 3. `respond` reads the head of the response, and its content if it has one.
//! 4. `take` stores the answers of the application's functions. Python code calls those functions and awaits
//!    their results, in the order of [`Step`](crate::callbacks::Step).
//! 5. `end` and `deliver` hand the record over.
//!
//! The interpreter is attached throughout, and nothing waits. An exception that leaves this module is an
//! exit, or says that a function's answer is not valid.

mod call;
mod capture;
mod request;
mod response;

pub(crate) use call::{DjangoCall, RuleAnswer};
pub(crate) use capture::DjangoCapture;
