//! Messages for the application's log. A thread of the application fetches them, because native threads never
//! run the application's logging (`docs/guarantees.md`, I-5).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::process::ProcessLocal;

/// Maximum number of stored messages. If the ring is full, the oldest debug message is dropped, else the
/// oldest message.
const CAPACITY: usize = 64;

/// Log level of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Useful when looking for a problem.
    Debug,
    /// Worth knowing; nothing is wrong.
    Info,
    /// Events may be lost if the problem lasts.
    Warning,
    /// Events are lost.
    Error,
}

/// Subject of a message. An adapter maps it to a logger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Effects of the settings.
    Settings,
    /// Sending events, and fetching the remote configuration.
    Delivery,
    /// Applying governance rules.
    Governance,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Subject.
    pub topic: Topic,
    /// Log level.
    pub severity: Severity,
    /// Text.
    pub message: String,
}

/// Returns a number and a noun, such as `1 event` or `7 events`, for a message.
pub(crate) fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// Returns `1 event is lost` or `7 events are lost`, for a message.
#[must_use]
pub fn lost_events(count: u64) -> String {
    if count == 1 { "1 event is lost".to_owned() } else { format!("{count} events are lost") }
}

/// Whether there may be messages. Without messages, a request reads only this flag. In the child of a fork it
/// may be set although the child's ring is empty.
static WAITING: AtomicBool = AtomicBool::new(false);

/// Whether debug messages are kept.
static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Keeps debug messages from now on (option `DEBUG`).
pub fn be_verbose() {
    VERBOSE.store(true, Ordering::Relaxed);
}

/// Returns whether debug messages are kept. Only reads a flag, because it is called for every request.
pub(crate) fn is_verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed)
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
    /// Adds a message about delivery.
    pub(crate) fn report(&self, severity: Severity, message: String) {
        self.report_on(Topic::Delivery, severity, message);
    }

    /// Adds a message.
    pub(crate) fn report_on(&self, topic: Topic, severity: Severity, message: String) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() == CAPACITY {
            // A new debug message replaces only another debug message.
            let oldest = ring.iter().position(|kept| kept.severity == Severity::Debug);
            match oldest {
                None if severity == Severity::Debug => return,
                oldest => ring.remove(oldest.unwrap_or(0)),
            };
        }
        ring.push_back(Diagnostic { topic, severity, message });
        WAITING.store(true, Ordering::Release);
    }

    /// Adds a debug message about delivery, if those are kept.
    pub(crate) fn debug(&self, message: impl FnOnce() -> String) {
        if is_verbose() {
            self.report(Severity::Debug, message());
        }
    }

    fn take(&self) -> Vec<Diagnostic> {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.drain(..).collect()
    }
}

/// Takes all messages of this process, oldest first. Without messages, this only reads a flag.
#[must_use]
pub fn drain_diagnostics() -> Vec<Diagnostic> {
    if !WAITING.load(Ordering::Relaxed) || !WAITING.swap(false, Ordering::AcqRel) {
        return Vec::new();
    }
    diagnostics().take()
}
