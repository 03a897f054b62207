//! Records one API call and writes it as an event.
//!
//! In: the parts of a call in the order they become known, on the application's thread. Out: an [`Exchange`]
//! that owns its data, so that a worker thread can write the event without the application. While the call
//! runs, nothing here does I/O, parses a body or waits. The worker decompresses, checks JSON, reads tokens
//! and addresses, and applies masks.
//!
//! | Module | Does |
//! |---|---|
//! | `exchange` | the record of a call, its event, and its memory |
//! | `arena` | all text of a call in one allocation |
//! | `body` | the recorded prefix of a body and how it is sent |
//! | `budget` | the byte budget of the process |
//! | `mask` | removes headers, body keys and query parameters |
//! | `identity`, `client_ip` | find the user and the address in request headers |
//! | `uri`, `text` | turn CGI variables into URIs and header texts |
//! | `identifier` | transaction ids |
//! | `metadata` | adds a member to the metadata |
//! | `policy` | how calls are recorded |

mod arena;
mod body;
mod budget;
mod client_ip;
mod exchange;
mod identifier;
mod identity;
mod mask;
mod metadata;
mod policy;
mod text;
mod uri;

pub use body::{BodyView, CapturedBody};
pub use budget::{Budget, Reservation};
pub use exchange::{EventDocument, Exchange, Projection};
pub use identifier::TransactionId;
pub use identity::MAX_ID_BYTES;
pub use mask::{BodyMask, Masks};
pub use policy::Policy;
pub use uri::UriParts;

pub(crate) use client_ip::client_address;
pub(crate) use exchange::Spares;
pub(crate) use identifier::Identifiers;
pub(crate) use identity::identify_user;
pub(crate) use uri::{host, is_under, route};

#[cfg(test)]
pub(crate) use exchange::testing;
