//! The last flush of a process. It is started by the host, or by the end of the main thread, whichever comes first.
//!
//! Most hosts report their end, and the last flush happens then. Some do not: a uWSGI worker that is told to end while it
//! is busy calls `exit`, and no Python code runs. `exit` does drop the thread-local values of the main thread. One of
//! them, [`ExitGuard`], waits for delivery if nobody has done so. (After `_exit` nothing runs.)
//!
//! `exit` may be called from a signal handler that interrupted our own code while it held a lock, or interrupted the last
//! flush itself. So nothing here waits for a lock, and both flushes have the same deadline.

use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::flush::{flush_timeout, is_flushed};
use crate::process::{ProcessLocal, process_id};

/// Time between two checks whether delivery is over.
const INTERVAL: Duration = Duration::from_millis(2);

/// Id of the process that has had its last flush.
static FLUSHED: AtomicU32 = AtomicU32::new(0);

/// Deadline of the last flush of this process. If the flush begins a second time, it keeps this deadline.
static DEADLINE: ProcessLocal<Option<Instant>> = ProcessLocal::new();

/// The last flush of a process. It takes at most the longest `FLUSH_TIMEOUT` of its pipelines.
pub struct LastFlush {
    /// `None` is beyond the range of the clock.
    deadline: Option<Instant>,
}

impl LastFlush {
    /// Begins the flush. `None` if it is over already.
    #[must_use]
    pub fn begin() -> Option<Self> {
        if FLUSHED.load(Ordering::Relaxed) == process_id() {
            return None;
        }
        let deadline = || Arc::new(Instant::now().checked_add(flush_timeout()));
        Some(Self { deadline: *DEADLINE.get_or_make(deadline) })
    }

    /// Ends the flush at once.
    pub fn abandon(&self) {
        FLUSHED.store(process_id(), Ordering::Relaxed);
    }

    /// Waits for at most `pause`. Returns whether the flush is over: everything recorded before is delivered or counted
    /// as lost, or the deadline has passed, or the pause of the collector lasts beyond it.
    #[must_use]
    pub fn wait(&self, pause: Duration) -> bool {
        let begin = Instant::now();
        while !self.deadline.is_none_or(|deadline| Instant::now() >= deadline || is_flushed(deadline)) {
            if begin.elapsed() >= pause {
                return false;
            }
            thread::sleep(INTERVAL);
        }
        self.abandon();
        true
    }
}

/// Runs the last flush when the main thread ends.
struct ExitGuard;

impl Drop for ExitGuard {
    fn drop(&mut self) {
        // A panic here would change how the process ends.
        drop(catch_unwind(|| {
            if let Some(flush) = LastFlush::begin().filter(|_| is_main_thread()) {
                while !flush.wait(Duration::MAX) {}
            }
        }));
    }
}

thread_local! {
    static EXIT_GUARD: ExitGuard = const { ExitGuard };
}

/// Installs the [`ExitGuard`] of this thread.
pub(crate) fn guard_exit() {
    // Fails only at the end of the thread, when it is too late.
    EXIT_GUARD.try_with(|_| ()).unwrap_or_default();
}

/// Returns whether this is the main thread. Within `exit`, its end is the end of the process.
fn is_main_thread() -> bool {
    let Ok(here) = std::fs::read_link("/proc/thread-self") else {
        return false;
    };
    here.file_name().and_then(|name| name.to_str()) == Some(&*process_id().to_string())
}
