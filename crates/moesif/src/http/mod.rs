//! One HTTP request to a collector, its answer, and what the answer means.
//!
//! | Module | Does |
//! |---|---|
//! | `endpoint` | says where the collector is: base URI, application id, timeouts |
//! | `network` | reads proxies and certificate authorities from environment variables |
//! | `transport` | sends a request and reads the answer |
//! | `error` | says why no complete answer came |
//! | `reply` | holds an answer |
//! | `verdict` | **retry policy**: decides what each answer or error means: done, retry, stop, split, isolate |
//! | `backoff` | **retry pauses**: how long they are |
//! | `retry_after` | reads the header `Retry-After` |
//! | `resolver` | looks up names on a thread of its own |
//! | `forward_proxy` | sends plain HTTP through a proxy |
//! | `gzip` | compresses |

mod backoff;
mod endpoint;
mod error;
mod forward_proxy;
mod gzip;
mod network;
mod reply;
mod resolver;
mod retry_after;
mod transport;
mod verdict;

pub(crate) use backoff::{Backoff, cap_retry_after, doubled};
#[cfg(test)]
pub(crate) use backoff::{FIRST_PAUSE, LONGEST_PAUSE, SHORTEST_PAUSE};
pub use endpoint::{Endpoint, InvalidBaseUri, parse_base_uri};
pub use error::TransportError;
pub(crate) use gzip::gzip;
pub use network::NetworkSettings;
pub(crate) use reply::reasons;
pub use reply::{Reply, Tags};
pub use resolver::{LookupError, NameResolver};
pub use transport::HttpTransport;
pub(crate) use verdict::{Verdict, verdict};
