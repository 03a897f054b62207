//! The contract between an SDK and a Moesif-compatible collector, as types.
//!
//! In: an event as the SDK captured it, or one JSON value as a collector received it. Out: the same
//! [`Event`], serialised or judged. The other way, a collector's [`Config`] and [`Rule`]s are read, leniently. The crate does no I/O, starts nothing and never builds a JSON tree:
//! bodies and metadata are carried as the text they arrived in ([`serde_json::value::RawValue`]), so
//! that depth, huge numbers and lone surrogates inside them are nobody's problem on the way.
//!
//! The facts behind the field names are in `docs/wire-contract.md`.
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
pub mod event;
pub mod header;
mod judge;
mod lenient;
pub mod limits;
pub mod reply;
pub mod rule;
pub mod text;
pub mod time;

pub use config::{Cohorts, Complaint, Condition, Config, Percent, RegexConfig, RuleEntry};
pub use event::{Body, Direction, Event, Headers, Request, Response};
pub use judge::Rejection;
pub use reply::{IngestReply, RejectedEvent};
pub use rule::{AppliedTo, Rule, RuleKind};
pub use time::Timestamp;
