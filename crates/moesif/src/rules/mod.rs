//! Applies the sampling rates and governance rules that the operator of the collector defines.
//!
//! | Module | Does |
//! |---|---|
//! | `refresh` | fetches rates and rules from the collector and keeps them current |
//! | `sampling` | decides which ended calls are sent |
//! | [`governance`] | decides which calls a rule answers, and which headers rules add |
//! | `condition`, `pattern` | the conditions that both use: a field of a call and a pattern |
//! | `call_view` | the fields of a call, read when a condition first uses them |

mod call_view;
mod condition;
pub mod governance;
mod pattern;
mod refresh;
mod sampling;

pub use governance::Governance;
pub use refresh::Remote;

pub(crate) use refresh::{RemoteState, spawn as spawn_refresh};
