//! Types of the contract between an SDK and a Moesif-compatible collector.
//!
//! - [`Event`] serialises to the event document. [`Event::parse`] validates a received document.
//! - [`IngestReply`] is the collector's reply to a POST of events.
//! - [`Config`] and [`Rule`] are the remote configuration. An invalid part is skipped and reported as an
//!   [`InvalidField`]. The rest is used.
//!
//! The crate does no I/O and starts no threads. Bodies and metadata keep the JSON text they arrived in
//! ([`serde_json::value::RawValue`]) and are never parsed into a tree. So deep nesting, large numbers and
//! lone surrogates in them cause no error and are not altered.
//!
//! `docs/wire-contract.md` describes the contract.
//!
//! ```
//! use moesif_wire::Event;
//!
//! let raw = serde_json::from_str(r#"{"request": {"time": "2026-11-21T08:51:26.838",
//!     "uri": "https://api.example.com/v1/items?page=2", "verb": "GET", "headers": {"Accept": "*/*"}}}"#)?;
//! let event = Event::parse(raw).expect("a complete event");
//! assert_eq!(event.request.time.to_string(), "2026-11-21T08:51:26.838Z");
//! # Ok::<(), serde_json::Error>(())
//! ```

pub mod config;
mod document;
pub mod event;
pub mod header;
pub mod limits;
mod parse;
pub mod raw;
pub mod reply;
pub mod rule;
pub mod text;
pub mod time;
pub mod validation;

pub use config::{Cohorts, Condition, Config, Percent, RegexConfig, RuleEntry};
pub use document::InvalidField;
pub use event::{Body, Direction, Event, Headers, Request, Response};
pub use reply::{IngestReply, RejectedEvent};
pub use rule::{AppliedTo, Rule, RuleKind};
pub use time::Timestamp;
pub use validation::{Problem, ValidationError};
