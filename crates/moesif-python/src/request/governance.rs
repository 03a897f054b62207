//! Governance rules decide about a call before the application runs.

use std::sync::atomic::{AtomicBool, Ordering};

use moesif::Governance;
use moesif::governance::Decision;
use pyo3::prelude::*;

use super::Record;
use crate::log;

/// Logs once why rules are not applied. A fault in here must cost the rules, never the request.
#[derive(Default)]
pub(crate) struct FaultLog {
    is_logged: AtomicBool,
}

impl FaultLog {
    /// Logs the first fault.
    pub(crate) fn report(&self, py: Python<'_>, cause: Option<&PyErr>) {
        let message = "governance rules are not applied to a call because of a fault in this package: please \
                       report it. Further faults are not logged";
        self.log_first(py, message, cause);
    }

    fn report_no_memory(&self, py: Python<'_>) {
        let message = "governance rules are not applied to a call because the process has no memory left. Further \
                       calls like this are not logged";
        self.log_first(py, message, None);
    }

    fn log_first(&self, py: Python<'_>, message: &str, cause: Option<&PyErr>) {
        if !self.is_logged.swap(true, Ordering::Relaxed) {
            log::warn(py, log::GOVERNANCE, message, cause);
        }
    }
}

/// Memory in bytes that must be free to apply rules: a decompressed body, and the tables of a pattern.
const DECISION_BYTES: usize = 2 << 20;

/// Returns what the rules decide about a call. Lets it pass if a fault of ours, or a lack of memory, keeps them
/// from deciding.
pub(crate) fn decide(py: Python<'_>, rules: &Governance, record: &Record, faults: &FaultLog) -> Decision {
    if !moesif::memory::is_available(DECISION_BYTES) {
        faults.report_no_memory(py);
        return Decision::Pass(Vec::new());
    }
    record.update(|exchange| rules.decide(exchange)).unwrap_or_else(|| {
        faults.report(py, None);
        Decision::Pass(Vec::new())
    })
}
