//! The record of one call, shared by the objects that observe it.

use std::sync::{Arc, Mutex, PoisonError};

use moesif::{Client, Exchange};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::callbacks::{Functions, Recipient, mask};
use crate::convert::copied;
use crate::guard::{caught, guarded};

/// An exchange until it is handed over. Changes that come later are ignored.
#[derive(Clone)]
pub(crate) struct Record(Arc<Mutex<Option<Box<Exchange>>>>);

impl Record {
    pub(crate) fn new(exchange: Box<Exchange>) -> Self {
        Self(Arc::new(Mutex::new(Some(exchange))))
    }

    /// Changes the exchange. `change` must not run Python: the lock is held.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        guarded(|| {
            let mut exchange = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            exchange.as_mut().map(|exchange| change(exchange))
        })
        .flatten()
    }

    /// Takes the exchange. Only one caller gets it.
    pub(crate) fn take(&self) -> Option<Box<Exchange>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Puts back what was taken.
    pub(crate) fn put_back(&self, exchange: Box<Exchange>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(exchange);
    }

    /// Records a chunk of the response body. Adds it to `chunks` too, as far as the capture limit allows.
    pub(crate) fn response_chunk(&self, chunk: &Bound<'_, PyAny>, chunks: &Bound<'_, PyList>) {
        let Ok(bytes) = chunk.cast::<PyBytes>() else {
            return;
        };
        let data = bytes.as_bytes();
        if data.is_empty() {
            return;
        }
        let kept = self.update(|exchange| exchange.record_response_body(data)).unwrap_or(0);
        if kept == data.len() {
            drop(chunks.append(chunk));
        } else if let Some(prefix) = data.get(..kept).filter(|prefix| !prefix.is_empty()) {
            drop(copied(chunk.py(), prefix).and_then(|prefix| chunks.append(prefix)));
        }
    }
}

impl Recipient for &Record {
    fn change<T>(&mut self, change: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        self.update(change)
    }
}

/// Hands over a call that has ended: counts it if sampling leaves it out, else masks it and queues it.
///
/// Raises only what belongs to the host, met in `MASK_EVENT_MODEL`.
pub(crate) fn deliver(
    py: Python<'_>,
    client: &Client,
    functions: &Functions,
    mut exchange: Box<Exchange>,
) -> PyResult<()> {
    if !is_sampled(client, &mut exchange) {
        settle(client, |client| client.sample_out(exchange));
        return Ok(());
    }
    // The mask comes after sampling, because it costs more than anything else here.
    let masked = functions.mask().map_or(Ok(()), |mask| mask::apply(py, mask, &mut exchange));
    settle(client, |client| client.record(exchange));
    masked
}

/// Whether sampling keeps a call that has ended.
pub(crate) fn is_sampled(client: &Client, exchange: &mut Exchange) -> bool {
    guarded(|| client.sample(exchange)).unwrap_or(true)
}

/// Hands a call over. Counts it as lost if a fault of ours prevents that.
pub(crate) fn settle(client: &Client, hand_over: impl FnOnce(&Client)) {
    if let Err(reason) = caught(|| hand_over(client)) {
        client.lose(reason);
    }
}
