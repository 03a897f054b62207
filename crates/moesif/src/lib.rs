//! The SDK core: captures API calls and delivers them to a Moesif-compatible collector.
//!
//! In: [`Settings`], and per call an [`Exchange`] that a framework adapter fills as the call passes. Out: gzipped
//! batches over HTTP, and [`Stats`] that account for every event. The core knows no Python and no framework; it
//! never blocks the thread that records and never prints. Of the environment it sees what the adapter hands it.
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
//! let mut exchange = client.begin();
//! exchange.set_verb("GET");
//! exchange.set_uri("https://api.example.com/v1/items");
//! exchange.add_request_header("Accept", "application/json");
//! exchange.set_status(200);
//! exchange.finish();
//! client.record(exchange);
//! # Ok::<(), moesif::SettingsError>(())
//! ```
//!
//! The rooms: [`settings`] is the one table of options; [`capture`] turns one call into an [`Exchange`];
//! [`mask`] removes what must not be recorded; [`governance`] answers in the application's place; [`remote`] keeps the
//! operator's sampling rates and rules up to date; [`pipeline`] queues, batches and retries; [`api`] makes the requests that
//! somebody waits for; [`transport`] speaks HTTP;
//! [`process`] keeps all of it apart between the processes of a fork.

pub mod api;
mod backoff;
pub mod capture;
mod client;
mod exit;
pub mod governance;
pub mod mask;
mod pattern;
pub mod pipeline;
pub mod process;
mod process_id;
pub mod remote;
mod sampling;
pub mod settings;
pub mod transport;

pub use api::Api;
pub use capture::Exchange;
pub use client::Client;
pub use governance::Governance;
pub use pipeline::Stats;
pub use settings::{Integration, Settings, SettingsError};
