//! The SDK core: captures API calls and delivers them to a Moesif-compatible collector.
//!
//! In: [`Settings`], and for each call an [`Exchange`] that a framework adapter fills. Out: gzipped batches
//! over HTTP, and [`Stats`] that count every event. The core knows no Python and no framework. It never
//! blocks a thread that records, never prints, and does not read environment variables: the adapter passes
//! them in.
//!
//! ```
//! use moesif::{Client, Integration, Settings};
//!
//! let parsed = Settings::parse(
//!     Integration::Rust,
//!     [("APPLICATION_ID", "my-application-id".into()), ("BASE_URI", "http://127.0.0.1:9500".into())],
//!     [],
//! )?;
//! let client = Client::new(parsed.settings);
//!
//! // `None` if there is no memory for the record.
//! if let Some(mut exchange) = client.begin() {
//!     exchange.set_verb("GET");
//!     exchange.set_uri("https://api.example.com/v1/items");
//!     exchange.add_request_header("Accept", "application/json");
//!     exchange.set_status(200);
//!     exchange.finish();
//!     client.record(exchange);
//! }
//! # Ok::<(), moesif::SettingsError>(())
//! ```
//!
//! Modules, lowest layer first. A module imports only modules listed before it
//! (`crates/xtask/tests/layers.rs` checks this):
//!
//! | Module | Does |
//! |---|---|
//! | [`memory`] | keeps the process running when it has no memory left |
//! | [`process`] | process id, random numbers, values that a forked child must not share |
//! | [`diagnostics`] | keeps messages until a thread of the application logs them |
//! | [`http`] | sends one request to a collector; has the retry policy (answers and pauses) |
//! | [`call`] | records one call: head, bodies, identity, masks, memory; writes it as an event |
//! | [`rules`] | applies the operator's sampling rates and governance rules |
//! | [`delivery`] | queues, batches, sends and retries events; counts what happened to each |
//! | [`api`] | makes requests that a caller waits for |
//! | [`settings`] | declares every option; turns option values into the configuration of the other modules |
//! | [`runtime`] | holds the state of the process: pipelines, byte budget; flush and exit |
//! | [`Client`] | records calls for a framework adapter |

pub mod api;
pub mod call;
mod client;
pub mod delivery;
pub mod diagnostics;
pub mod http;
pub mod memory;
pub mod process;
pub mod rules;
pub mod runtime;
pub mod settings;

pub use api::Api;
pub use call::Exchange;
pub use client::Client;
pub use delivery::Stats;
pub use rules::{Governance, governance};
pub use settings::{Integration, Settings, SettingsError};
