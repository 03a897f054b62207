//! What the operator of the collector decides: sampling rates and governance rules.
//!
//! [`refresh`] fetches both. [`sampling`] decides which calls are kept, [`governance`] which are answered in the
//! application's place.

pub mod governance;
mod pattern;
mod refresh;
mod sampling;

pub use governance::Governance;
pub use refresh::Remote;

pub(crate) use refresh::{RemoteState, spawn as spawn_refresh};
