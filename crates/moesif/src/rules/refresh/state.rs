//! State shared by the thread that loads the remote configuration and the threads that use it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;

use super::schedule::Schedule;
use crate::http::Tags;
use crate::rules::governance::Governance;
use crate::rules::sampling::Sampling;

/// The rates and rules in force.
#[derive(Debug, Default)]
pub struct Remote {
    pub(crate) sampling: Sampling,
    pub(super) governance: Arc<Governance>,
}

/// The rates and rules in force, and the schedule of the fetches. One for each pipeline.
pub(crate) struct RemoteState {
    current: ArcSwap<Remote>,
    schedule: Mutex<Schedule>,
    wake: Condvar,
}

impl Default for RemoteState {
    fn default() -> Self {
        Self { current: ArcSwap::default(), schedule: Mutex::default(), wake: Condvar::new() }
    }
}

impl RemoteState {
    /// Returns the rates and rules in force. Never waits.
    pub(crate) fn current(&self) -> Arc<Remote> {
        self.current.load_full()
    }

    /// Returns the rules in force. `None` if there are none. Never waits.
    pub(crate) fn governance(&self) -> Option<Arc<Governance>> {
        let current = self.current.load();
        (!current.governance.is_empty()).then(|| Arc::clone(&current.governance))
    }

    /// Wakes the loading thread if an answer to a batch names a version that must be fetched earlier.
    pub(crate) fn observe(&self, tags: &Tags) {
        if self.schedule().observe(tags) {
            self.wake.notify_one();
        }
    }

    /// Puts rates and rules into force.
    pub(super) fn replace(&self, remote: Remote) {
        self.current.store(Arc::new(remote));
    }

    /// Waits until a fetch is due, and begins it.
    pub(super) fn wait_until_due(&self) {
        let mut schedule = self.schedule();
        loop {
            let wait = schedule.wait(Instant::now());
            if wait.is_zero() {
                schedule.begin();
                return;
            }
            schedule = self.wake.wait_timeout(schedule, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
