//! Reads a Django response, and adds headers to it.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::convert::{native, with_text};
use crate::interruption::if_possible;
use crate::once::intern;
use crate::python;
use crate::request::Record;

const TRANSACTION_ID: &str = moesif_wire::header::TRANSACTION_ID;
/// The key under which Django keeps that header.
const TRANSACTION_KEY: &str = "x-moesif-transaction-id";
/// Attribute of a response that holds what we have added.
const ADDED: &str = "_moesif_added";

/// Adds our headers to a response, then records its status, headers, cookies and content. A streaming
/// response has no content yet. `rule_headers` are the headers that rules set; `None` if no rules are in
/// force.
///
/// Raises only what belongs to the host.
pub(super) fn record(
    response: &Bound<'_, PyAny>,
    record: &Record,
    rule_headers: Option<&[(String, String)]>,
) -> PyResult<()> {
    let py = response.py();
    let id = record.update(|exchange| exchange.response_transaction_id().map(str::to_owned)).flatten();
    let added = Additions::to(response, rule_headers.is_none() && id.is_some()).and_then(|additions| {
        for (name, value) in rule_headers.unwrap_or_default() {
            additions.set(name, value)?;
        }
        id.map_or(Ok(()), |id| additions.add_transaction_id(&id))
    });
    if_possible(py, added)?;
    let fields = headers(response)?;
    let status = python::attribute(response, intern!(py, "status_code"))
        .and_then(|status| status.extract::<u16>())
        .ok();
    record.update(|exchange| {
        exchange.clear_response_head();
        for (name, value) in &fields {
            with_text(name, |name| with_text(value, |value| exchange.add_response_header(name, value)));
        }
        if let Some(status) = status {
            exchange.set_status(status);
        }
    });
    let is_streaming = python::attribute(response, intern!(py, "streaming"))
        .is_ok_and(|streaming| streaming.is_truthy().unwrap_or(true));
    if !is_streaming
        && let Some(content) = if_possible(py, python::attribute(response, intern!(py, "content")))?
        && let Ok(content) = content.cast::<PyBytes>()
    {
        record.update(|exchange| exchange.append_response_body(content.as_bytes()));
    }
    Ok(())
}

/// Name and value of a header.
type Field<'py> = (Bound<'py, PyString>, Bound<'py, PyString>);

/// Returns the headers as they will be sent, with cookies.
fn headers<'py>(response: &Bound<'py, PyAny>) -> PyResult<Vec<Field<'py>>> {
    let py = response.py();
    let mut fields: Vec<Field<'py>> = match store(response) {
        Some(store) => store.values().iter().filter_map(|field| field.extract().ok()).collect(),
        None => if_possible(py, items(response))?.unwrap_or_default(),
    };
    let mut cookies = || -> PyResult<()> {
        let cookies = python::attribute(response, intern!(py, "cookies"))?;
        if cookies.is_truthy()? {
            let none = PyTuple::empty(py);
            let values = python::call_method(&cookies, intern!(py, "values"), &none)?;
            for cookie in python::list(&values)? {
                let value = python::call_method(&cookie, intern!(py, "OutputString"), &none)?;
                fields.push((intern!(py, "Set-Cookie").clone(), value.cast_into()?));
            }
        }
        Ok(())
    };
    let found = cookies();
    if_possible(py, found)?;
    Ok(fields)
}

fn items<'py>(response: &Bound<'py, PyAny>) -> PyResult<Vec<Field<'py>>> {
    let py = response.py();
    let items = python::call_method(response, intern!(py, "items"), &PyTuple::empty(py))?;
    python::list(&items)?.iter().map(|field| field.extract()).collect()
}

/// Returns the dictionary in which Django keeps the headers: from names in lower case to name and value as
/// they are sent. Django's own mapping is slower than everything else we do for a request.
fn store<'py>(response: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    let py = response.py();
    let store = match python::optional_attribute(response, intern!(py, "headers")).ok()? {
        Some(headers) => python::attribute(&headers, intern!(py, "_store")),
        // Before Django 3.2.
        None => python::attribute(response, intern!(py, "_headers")),
    };
    store.ok()?.cast_into().ok()
}

/// Adds headers to a response. A view may answer every call with the same object, and a cache with one that
/// it has kept. So what an earlier call has added is removed first: it must not reach another client.
struct Additions<'a, 'py> {
    response: &'a Bound<'py, PyAny>,
    store: Option<Bound<'py, PyDict>>,
    /// For each key that we have set: our field, and the one it replaces or `None`. Stays with the response.
    added: Bound<'py, PyDict>,
}

impl<'a, 'py> Additions<'a, 'py> {
    /// `is_plain` says that no rules are in force and that every response gets an id. Then a response without
    /// an id is new, and is not asked for earlier additions: looking up an attribute that an object does not
    /// have is slow.
    fn to(response: &'a Bound<'py, PyAny>, is_plain: bool) -> PyResult<Self> {
        let py = response.py();
        let additions = Self { response, store: store(response), added: PyDict::new(py) };
        if let Some(store) = &additions.store {
            if !is_plain || store.contains(intern!(py, TRANSACTION_KEY))? {
                additions.remove_earlier(store)?;
            }
            response.setattr(intern!(py, ADDED), &additions.added)?;
        }
        Ok(additions)
    }

    fn remove_earlier(&self, store: &Bound<'py, PyDict>) -> PyResult<()> {
        let Some(added) = python::optional_attribute(self.response, intern!(self.response.py(), ADDED))?
        else {
            return Ok(());
        };
        for entry in added.cast::<PyDict>()?.items() {
            let (key, (ours, theirs)): (Bound<'py, PyAny>, (Bound<'py, PyAny>, Bound<'py, PyAny>)) =
                entry.extract()?;
            // Compared by value: after a cache it is another object.
            if store.get_item(&key)?.is_some_and(|field| field.eq(&ours).unwrap_or(false)) {
                if theirs.is_none() { store.del_item(&key)? } else { store.set_item(&key, theirs)? }
            }
        }
        Ok(())
    }

    /// Sets a header, replacing those with the same name.
    fn set(&self, name: &str, value: &str) -> PyResult<()> {
        let py = self.response.py();
        let Some(store) = &self.store else {
            return set_item(self.response, name, &native(value));
        };
        let key = PyString::new(py, &name.to_ascii_lowercase());
        let field = (name, native(value)).into_pyobject(py)?;
        let theirs = match self.added.get_item(&key)? {
            Some(earlier) => earlier.get_item(1)?,
            None => store.get_item(&key)?.unwrap_or_else(|| py.None().into_bound(py)),
        };
        self.added.set_item(&key, (&field, theirs))?;
        store.set_item(key, field)
    }

    /// Adds the transaction id, unless the application has set one.
    fn add_transaction_id(&self, id: &str) -> PyResult<()> {
        let py = self.response.py();
        if let Some(store) = &self.store {
            let key = intern!(py, TRANSACTION_KEY);
            if !store.contains(key)? {
                let field = (intern!(py, TRANSACTION_ID), id).into_pyobject(py)?;
                self.added.set_item(key, (&field, py.None()))?;
                store.set_item(key, field)?;
            }
        } else {
            let name = PyTuple::new(py, [TRANSACTION_ID])?;
            if !python::truth(&python::call_method(self.response, intern!(py, "has_header"), &name)?)? {
                set_item(self.response, TRANSACTION_ID, id)?;
            }
        }
        Ok(())
    }
}

/// `response[name] = value`
fn set_item(response: &Bound<'_, PyAny>, name: &str, value: &str) -> PyResult<()> {
    let py = response.py();
    python::call_method(response, intern!(py, "__setitem__"), &PyTuple::new(py, [name, value])?).map(drop)
}
