//! What the server is given: the application's result itself, or an iterator of ours around it.

use std::sync::{Mutex, PoisonError};

use moesif::Exchange;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple, PyType};

use super::call::Call;
use super::iterator::{ResponseIterator, SizedResponseIterator};
use crate::gc::traverse;
use crate::once::intern;
use crate::request::head::Upgrade;

/// Passes on the application's result, and records it: a list, a tuple or bytes now, any other iterable as
/// the server iterates it. A file wrapper, and what cannot be iterated, is passed on unrecorded.
pub(super) fn respond<'py>(
    call: Call,
    result: Bound<'py, PyAny>,
    classes: &ResultClasses,
) -> PyResult<Bound<'py, PyAny>> {
    let py = result.py();
    if result.is_exact_instance_of::<PyList>() {
        if let Ok(chunks) = result.cast::<PyList>() {
            record_all(&call, chunks.iter());
        }
    } else if result.is_exact_instance_of::<PyTuple>() {
        if let Ok(chunks) = result.cast::<PyTuple>() {
            record_all(&call, chunks.iter());
        }
    } else if result.cast::<PyBytes>().is_ok() {
        // Iterating bytes yields no chunks, but some servers send bytes as a whole.
        record_all(&call, std::iter::once(result.clone()));
    } else if !is_file_wrapper(call.environ.bind(py), &result) {
        let kind = classes.kind_of(&result);
        if kind == ResultKind::NotIterable {
            // After a websocket the server has nothing left to send. Otherwise it fails on the result.
            if call.head.upgrade == Upgrade::NotRequested && !is_sentinel(&result) {
                call.record.update(Exchange::fail);
            }
        } else {
            let iterator = ResponseIterator::new(call, result.clone());
            let wrapped = if kind == ResultKind::Sized {
                let sized = PyClassInitializer::from(iterator).add_subclass(SizedResponseIterator);
                Bound::new(py, sized).map(Bound::into_any)
            } else {
                Bound::new(py, iterator).map(Bound::into_any)
            };
            // Without memory for the wrapper, the record ends here, and the server gets the application's result.
            return Ok(wrapped.unwrap_or(result));
        }
    }
    call.finish(py)?;
    Ok(result)
}

/// Whether this is a plain `object()`. gunicorn's `ALREADY_HANDLED` is one: it tells the server that the
/// application has used the connection itself, and that nothing is to be sent.
fn is_sentinel(result: &Bound<'_, PyAny>) -> bool {
    result.is_exact_instance_of::<PyAny>()
}

fn record_all<'py>(call: &Call, chunks: impl Iterator<Item = Bound<'py, PyAny>>) {
    for chunk in chunks {
        call.record.response_chunk(&chunk, call.chunks.bind(chunk.py()));
    }
}

/// Whether the server sends this result by other means than iterating it. It recognises the object: an
/// instance of the `wsgi.file_wrapper` class. If that is a function: anything with `fileno`, and anything
/// that can be read but not iterated.
fn is_file_wrapper(environ: &Bound<'_, PyDict>, result: &Bound<'_, PyAny>) -> bool {
    let py = environ.py();
    let Ok(Some(wrapper)) = environ.get_item(intern!(py, "wsgi.file_wrapper")) else {
        return false;
    };
    if let Ok(class) = wrapper.cast::<PyType>() {
        return result.is_instance(class).unwrap_or(false);
    }
    let has = |name| result.hasattr(name).unwrap_or(false);
    has(intern!(py, "fileno")) || (has(intern!(py, "read")) && !has(intern!(py, "__iter__")))
}

/// What a server can do with the objects of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResultKind {
    Iterable,
    /// An iterable with a length.
    Sized,
    NotIterable,
}

/// Tells which classes are iterable and have a length. Remembers the last class of plain iterables: most
/// responses of an application are of one class.
#[derive(Default)]
pub(super) struct ResultClasses {
    iterable: Mutex<Option<Py<PyType>>>,
}

traverse!(ResultClasses { iterable });

impl ResultClasses {
    fn kind_of(&self, result: &Bound<'_, PyAny>) -> ResultKind {
        let py = result.py();
        let class = result.get_type();
        let lock = || self.iterable.lock().unwrap_or_else(PoisonError::into_inner);
        if lock().as_ref().is_some_and(|known| known.is(&class)) {
            return ResultKind::Iterable;
        }
        let has = |name| class.hasattr(name).unwrap_or(false);
        // As `iter()` does: an object with `__getitem__` alone is a sequence.
        if !has(intern!(py, "__iter__")) && !has(intern!(py, "__getitem__")) {
            return ResultKind::NotIterable;
        }
        if has(intern!(py, "__len__")) {
            return ResultKind::Sized;
        }
        // Dropped without the lock: that may run Python.
        let before = lock().replace(class.unbind());
        drop(before);
        ResultKind::Iterable
    }
}
