//! What the worker threads have to say, kept until an application thread fetches it: native threads never run the
//! application's logging (`docs/guarantees.md`, I-5).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::process::ProcessLocal;

/// Most messages kept; the oldest goes first.
const CAPACITY: usize = 64;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Of use when looking for a problem.
    Debug,
    /// A state that ended well.
    Info,
    /// Events may be lost if this lasts.
    Warning,
    /// Events are lost.
    Error,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Sending events, and fetching configuration.
    Delivery,
    /// Applying governance rules.
    Governance,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What it is about.
    pub topic: Topic,
    /// How much it matters.
    pub severity: Severity,
    /// A sentence.
    pub message: String,
}

/// Whether there may be messages. Beside the ring, so that a request needs nothing but this flag to know that there are
/// none; a child of a fork that inherits it set finds its own ring empty.
static WAITING: AtomicBool = AtomicBool::new(false);

/// Whether messages are kept that are of use only when looking for a problem.
static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Has messages kept from now on that are of use only when looking for a problem: `DEBUG`.
pub fn be_verbose() {
    VERBOSE.store(true, Ordering::Relaxed);
}

static DIAGNOSTICS: ProcessLocal<Diagnostics> = ProcessLocal::new();

/// Returns the messages of this process.
pub(crate) fn diagnostics() -> Arc<Diagnostics> {
    DIAGNOSTICS.get_or_make(Arc::default)
}

/// Forgets the messages of the parent process, in the child of a fork.
pub(crate) fn forget_inherited() {
    DIAGNOSTICS.forget_inherited();
}

/// A bounded ring of messages.
#[derive(Debug, Default)]
pub struct Diagnostics {
    ring: Mutex<VecDeque<Diagnostic>>,
}

impl Diagnostics {
    /// Keeps a message about delivery.
    pub(crate) fn report(&self, severity: Severity, message: String) {
        self.report_on(Topic::Delivery, severity, message);
    }

    pub(crate) fn report_on(&self, topic: Topic, severity: Severity, message: String) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() == CAPACITY {
            // Those that only help to look for a problem cost no other its place.
            let oldest = ring.iter().position(|kept| kept.severity == Severity::Debug);
            match oldest {
                None if severity == Severity::Debug => return,
                oldest => ring.remove(oldest.unwrap_or(0)),
            };
        }
        ring.push_back(Diagnostic { topic, severity, message });
        WAITING.store(true, Ordering::Release);
    }

    /// Keeps a message that is of use only when looking for a problem, where that is wanted.
    pub(crate) fn debug(&self, message: impl FnOnce() -> String) {
        if VERBOSE.load(Ordering::Relaxed) {
            self.report(Severity::Debug, message());
        }
    }

    fn take(&self) -> Vec<Diagnostic> {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.drain(..).collect()
    }
}

/// Takes all messages of this process. One load of a flag when there are none.
#[must_use]
pub fn drain_diagnostics() -> Vec<Diagnostic> {
    if !WAITING.load(Ordering::Relaxed) || !WAITING.swap(false, Ordering::AcqRel) {
        return Vec::new();
    }
    diagnostics().take()
}
