//! Reading a Django response, and what is added to it.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::convert::{native, with_text};
use crate::python;
use crate::record::Record;

const TRANSACTION_ID: &str = moesif_wire::header::TRANSACTION_ID;
/// Where Django keeps it.
const TRANSACTION_KEY: &str = "x-moesif-transaction-id";
/// An attribute of responses that rules have set headers of.
const SET_BY_RULES: &str = "_moesif_set_by_rules";

/// Records status, headers, cookies and content. A streaming response has no content yet.
pub(super) fn record(response: &Bound<'_, PyAny>, record: &Record, rule_headers: &[(String, String)]) {
    let py = response.py();
    let id = record.update(|exchange| exchange.response_transaction_id().map(str::to_owned)).flatten();
    drop(Additions::to(response, id.is_some()).and_then(|mut additions| {
        for (name, value) in rule_headers {
            additions.set(name, value)?;
        }
        id.map_or(Ok(()), |id| additions.add_transaction_id(&id))
    }));
    let fields = headers(response);
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
        && let Ok(content) = python::attribute(response, intern!(py, "content"))
        && let Ok(content) = content.cast::<PyBytes>()
    {
        record.update(|exchange| exchange.append_response_body(content.as_bytes()));
    }
}

type Field<'py> = (Bound<'py, PyString>, Bound<'py, PyString>);

/// The headers as they will be sent, cookies included.
fn headers<'py>(response: &Bound<'py, PyAny>) -> Vec<Field<'py>> {
    let py = response.py();
    let mut fields: Vec<Field<'py>> = match store(response) {
        Some(store) => store.values().iter().filter_map(|field| field.extract().ok()).collect(),
        None => items(response).unwrap_or_default(),
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
    drop(cookies());
    fields
}

fn items<'py>(response: &Bound<'py, PyAny>) -> PyResult<Vec<Field<'py>>> {
    let py = response.py();
    let items = python::call_method(response, intern!(py, "items"), &PyTuple::empty(py))?;
    python::list(&items)?.iter().map(|field| field.extract()).collect()
}

/// Where Django keeps the headers: lower-case names, and name and value as they are sent. Asking it through its own
/// mapping takes longer than all the rest that is done for a request.
fn store<'py>(response: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    let py = response.py();
    let store = match python::optional_attribute(response, intern!(py, "headers")).ok()? {
        Some(headers) => python::attribute(&headers, intern!(py, "_store")),
        // Before Django 3.2.
        None => python::attribute(response, intern!(py, "_headers")),
    };
    store.ok()?.cast_into().ok()
}

/// What we add to a response's headers. A view may answer every call with one and the same object: what the last call has
/// added is taken back first, so that it reaches nobody else.
struct Additions<'a, 'py> {
    response: &'a Bound<'py, PyAny>,
    store: Option<Bound<'py, PyDict>>,
    /// Of each key that a rule has set: the field that is ours, and the one it stands for or `None`.
    set: Option<Bound<'py, PyDict>>,
}

impl<'a, 'py> Additions<'a, 'py> {
    fn to(response: &'a Bound<'py, PyAny>, is_identified: bool) -> PyResult<Self> {
        let additions = Self { response, store: store(response), set: None };
        if let Some(store) = &additions.store
            && additions.is_used_again(store, is_identified)?
        {
            additions.take_back(store)?;
        }
        Ok(additions)
    }

    /// Whether an earlier call has been answered with it. It has our id then; where ids are switched off it may have been.
    fn is_used_again(&self, store: &Bound<'py, PyDict>, is_identified: bool) -> PyResult<bool> {
        let py = self.response.py();
        match store.get_item(intern!(py, TRANSACTION_KEY))? {
            Some(field) => Ok(field.get_item(0)?.is(our_name(py))),
            None => Ok(!is_identified),
        }
    }

    fn take_back(&self, store: &Bound<'py, PyDict>) -> PyResult<()> {
        let py = self.response.py();
        let _ = store.del_item(intern!(py, TRANSACTION_KEY));
        let Some(set) = python::optional_attribute(self.response, intern!(py, SET_BY_RULES))? else {
            return Ok(());
        };
        for entry in set.cast::<PyDict>()?.items() {
            let (key, (ours, theirs)): (Bound<'py, PyAny>, (Bound<'py, PyAny>, Bound<'py, PyAny>)) =
                entry.extract()?;
            if store.get_item(&key)?.is_some_and(|field| field.is(&ours)) {
                if theirs.is_none() { store.del_item(&key)? } else { store.set_item(&key, theirs)? }
            }
        }
        self.response.delattr(intern!(py, SET_BY_RULES))
    }

    /// Sets a header in place of those of the same name.
    fn set(&mut self, name: &str, value: &str) -> PyResult<()> {
        let py = self.response.py();
        let Some(store) = &self.store else {
            return set_item(self.response, name, &native(value));
        };
        let set = if let Some(set) = &self.set {
            set
        } else {
            let set = self.set.insert(PyDict::new(py));
            self.response.setattr(intern!(py, SET_BY_RULES), &*set)?;
            set
        };
        let key = PyString::new(py, &name.to_ascii_lowercase());
        let field = (name, native(value)).into_pyobject(py)?;
        let theirs = match set.get_item(&key)? {
            Some(earlier) => earlier.get_item(1)?,
            None => store.get_item(&key)?.unwrap_or_else(|| py.None().into_bound(py)),
        };
        set.set_item(&key, (&field, theirs))?;
        store.set_item(key, field)
    }

    /// Adds the transaction id, unless the application has set one.
    fn add_transaction_id(&self, id: &str) -> PyResult<()> {
        let py = self.response.py();
        if let Some(store) = &self.store {
            let key = intern!(py, TRANSACTION_KEY);
            if !store.contains(key)? {
                store.set_item(key, (our_name(py), id))?;
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

/// The header's name, in an object that nobody else has.
fn our_name(py: Python<'_>) -> &Bound<'_, PyString> {
    static NAME: PyOnceLock<Py<PyString>> = PyOnceLock::new();
    NAME.get_or_init(py, || PyString::new(py, TRANSACTION_ID).unbind()).bind(py)
}

/// `response[name] = value`
fn set_item(response: &Bound<'_, PyAny>, name: &str, value: &str) -> PyResult<()> {
    let py = response.py();
    python::call_method(response, intern!(py, "__setitem__"), &PyTuple::new(py, [name, value])?).map(drop)
}
