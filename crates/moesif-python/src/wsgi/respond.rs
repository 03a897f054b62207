//! What the server is given: the application's result itself, or an iterator of ours around it.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple, PyType};

use super::call::Call;
use super::iterator::{ResponseIterator, SizedResponseIterator};
use crate::gc::traverse;
use crate::once::intern;

/// Passes on the application's result, and records it: a list, a tuple or bytes now, anything else as the
/// server iterates it. A file wrapper is passed on unrecorded.
pub(super) fn respond<'py>(
    call: Call,
    result: Bound<'py, PyAny>,
    sized_classes: &SizedClasses,
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
        let is_sized = sized_classes.have_length(&result);
        let iterator = ResponseIterator::new(call, result);
        return if is_sized {
            let sized = PyClassInitializer::from(iterator).add_subclass(SizedResponseIterator);
            Ok(Bound::new(py, sized)?.into_any())
        } else {
            Ok(Bound::new(py, iterator)?.into_any())
        };
    }
    call.finish(py)?;
    Ok(result)
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

/// Which classes of iterables have a length. Remembers the last class that has none: most responses of an
/// application are of one class.
#[derive(Default)]
pub(super) struct SizedClasses {
    without_length: Mutex<Option<Py<PyType>>>,
}

traverse!(SizedClasses { without_length });

impl SizedClasses {
    fn have_length(&self, iterable: &Bound<'_, PyAny>) -> bool {
        let class = iterable.get_type();
        let lock = || self.without_length.lock().unwrap_or_else(PoisonError::into_inner);
        if lock().as_ref().is_some_and(|known| known.is(&class)) {
            return false;
        }
        let has_length = class.hasattr(intern!(iterable.py(), "__len__")).unwrap_or(false);
        if !has_length {
            // Dropped without the lock: that may run Python.
            let before = lock().replace(class.unbind());
            drop(before);
        }
        has_length
    }
}
