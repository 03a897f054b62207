//! What the adapters share: those for WSGI, Django and outgoing calls, and any other that records calls.
//!
//! [`Record`] holds a call until it is handed over by [`deliver`] or [`settle`]. [`head`] reads a request's
//! headers and URI, [`RecordedStream`] records a body as the application reads it, [`ReadAhead`] reads it
//! before, and [`EarlyBody`] shows it to functions that are called before the application. [`Served`] links
//! outgoing calls to the call that is being served.

mod early_body;
pub(crate) mod governance;
pub(crate) mod head;
mod read_ahead;
mod record;
mod recorded_stream;
mod serving;

pub(crate) use early_body::EarlyBody;
pub(crate) use read_ahead::{ReadAhead, bytes_io};
pub(crate) use record::{Record, deliver, is_sampled, settle};
pub(crate) use recorded_stream::RecordedStream;
pub(crate) use serving::{Destination, Served, ServedCall, Serving, link_outgoing_calls};
