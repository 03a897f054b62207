//! Sends one HTTP request to a collector, and decides what the answer means.
//!
//! | Module | Does |
//! |---|---|
//! | `endpoint` | describes the collector: base URI, application id, timeouts |
//! | `network` | reads proxies and certificate authorities from environment variables |
//! | `own_request` | a request that is sent as a program wrote it |
//! | `transport` | sends a request and reads the answer |
//! | `error` | why no complete answer came |
//! | `reply` | holds an answer |
//! | `verdict` | **retry policy**: what each answer or error means: done, retry, stop, split, isolate |
//! | `backoff` | **retry policy**: the pauses between attempts |
//! | `retry_after` | reads the header `Retry-After` |
//! | `resolver` | looks up names on a separate thread |
//! | `forward_proxy` | sends plain HTTP through a proxy |
//! | `gzip` | compresses request bodies |

mod backoff;
mod endpoint;
mod error;
mod forward_proxy;
mod gzip;
mod network;
mod own_request;
mod reply;
mod resolver;
mod retry_after;
mod tls;
mod transport;
mod verdict;

pub(crate) use backoff::{Backoff, cap_retry_after, doubled};
#[cfg(test)]
pub(crate) use backoff::{FIRST_PAUSE, MAX_PAUSE, MIN_PAUSE};
pub use endpoint::{Endpoint, InvalidBaseUri, parse_base_uri};
pub use error::TransportError;
pub(crate) use gzip::Compressor;
pub use network::NetworkSettings;
pub use own_request::OwnRequest;
pub(crate) use reply::reasons;
pub use reply::{Reply, Tags};
pub use resolver::{LookupError, NameResolver};
pub use transport::HttpTransport;
pub(crate) use verdict::{Verdict, refuses_client, verdict};
