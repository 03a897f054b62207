//! Flush, statistics, and what happens at exit and after a fork.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use moesif::diagnostics::lost_events;
use moesif::runtime::{Flush, LastFlush};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// How often a wait checks for signals.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

/// Waits, with the interpreter detached, until every event recorded so far is sent or dropped. Returns
/// `false` if `timeout` seconds pass before that.
#[pyfunction]
#[pyo3(signature = (timeout=None))]
pub(crate) fn flush(py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
    let timeout = timeout.map(|seconds| {
        Duration::try_from_secs_f64(seconds).map_err(|_| {
            PyValueError::new_err(format!("timeout is {seconds}: expected a number of seconds, 0 or more"))
        })
    });
    let flush = Flush::request(timeout.transpose()?);
    let settled = loop {
        if let Some(settled) = py.detach(|| flush.wait(SIGNAL_INTERVAL)) {
            break settled;
        }
        py.check_signals()?;
    };
    crate::log::drain(py);
    Ok(settled)
}

/// Flushes for the last time in a process, and logs in one line how many events could not be delivered.
#[pyfunction]
pub(crate) fn finish(py: Python<'_>) -> PyResult<()> {
    let Some(flush) = LastFlush::begin() else {
        return Ok(());
    };
    let mut interrupted = Ok(());
    while interrupted.is_ok() && !py.detach(|| flush.wait(SIGNAL_INTERVAL)) {
        interrupted = py.check_signals();
    }
    if interrupted.is_err() {
        // An interrupt means that the process is to end now.
        flush.abandon();
    }
    crate::log::drain(py);
    let stats = moesif::runtime::stats();
    let lost = stats.queued + stats.in_flight;
    if lost > 0 {
        let why = stats
            .last_error
            .map_or_else(String::new, |error| format!("; the last failure: {}", error.reason));
        let message = format!("{}: the process ended before delivery{why}", lost_events(lost));
        crate::log::warn(py, "moesif.delivery", &message, None);
    }
    interrupted
}

/// Called in a forked child: drops the parent's state now, not only when the first request comes.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    moesif::runtime::after_fork_in_child();
}

/// Returns the statistics of the process as a dictionary.
#[pyfunction]
pub(crate) fn stats(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let stats = moesif::runtime::stats();
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
    result.set_item("callback_failures", stats.callback_failures)?;
    let seconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    result.set_item("last_success", stats.last_success.map(seconds))?;
    result.set_item("last_error", stats.last_error.map(|error| error.reason))?;
    result.set_item("breaker", stats.breaker.as_str())?;
    Ok(result)
}
