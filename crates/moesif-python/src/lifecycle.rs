//! Waiting for delivery, and the accounts.

use std::time::{Duration, Instant};

use moesif::process::Flush;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// How long a wait goes on before signals are looked at.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

/// Waits, without holding the interpreter, until everything recorded so far is settled.
#[pyfunction]
#[pyo3(signature = (timeout=None))]
pub(crate) fn flush(py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
    let timeout = match timeout {
        None => moesif::process::flush_timeout(),
        Some(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| {
            PyValueError::new_err(format!("timeout is {seconds}: expected a number of seconds from 0"))
        })?,
    };
    let deadline = Instant::now().checked_add(timeout);
    let flush = Flush::request();
    let settled = loop {
        let remaining = deadline.map_or(SIGNAL_INTERVAL, |deadline| {
            deadline.saturating_duration_since(Instant::now()).min(SIGNAL_INTERVAL)
        });
        if py.detach(|| flush.wait(remaining)) {
            break true;
        }
        py.check_signals()?;
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            break false;
        }
    };
    crate::log::drain(py);
    Ok(settled)
}

/// What became of every event, as a dictionary.
#[pyfunction]
pub(crate) fn stats(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let stats = moesif::process::stats();
    let dropped = PyDict::new(py);
    for (reason, events) in &stats.dropped {
        dropped.set_item(reason.as_str(), events)?;
    }
    let result = PyDict::new(py);
    result.set_item("captured", stats.captured)?;
    result.set_item("sent", stats.sent)?;
    result.set_item("sampled_out", stats.sampled_out)?;
    result.set_item("skipped", stats.skipped)?;
    result.set_item("dropped", dropped)?;
    result.set_item("queued", stats.queued)?;
    result.set_item("in_flight", stats.in_flight)?;
    result.set_item("spooled", stats.spooled)?;
    result.set_item("queue_bytes", stats.queue_bytes)?;
    result.set_item("bodies_removed", stats.bodies_removed)?;
    Ok(result)
}
