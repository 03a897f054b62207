//! The record of one request, shared by the objects that see it pass.

use std::sync::{Arc, Mutex, PoisonError};

use moesif::Exchange;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::guard::guarded;

/// The exchange until it is handed over; after that, what is added is nobody's.
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

    /// Takes the exchange: only one caller ever gets it.
    pub(crate) fn take(&self) -> Option<Box<Exchange>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Puts back what was taken.
    pub(crate) fn put_back(&self, exchange: Box<Exchange>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(exchange);
    }

    /// Records a piece of the response body, and keeps it in `chunks` as far as the capture limit goes.
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
            drop(chunks.append(PyBytes::new(chunk.py(), prefix)));
        }
    }
}
