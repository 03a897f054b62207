//! The last flush of a process. The host starts it, or the end of the main thread, whichever comes first.
//!
//! Most hosts run a handler when they end, which starts the last flush. Some do not: if a uWSGI worker is
//! stopped while it is busy, it calls `exit`, and no Python code runs. But `exit` drops the thread-local
//! values of the main thread. One of them, [`ExitGuard`], then runs the last flush if it has not run. (After
//! `_exit` nothing runs.)
//!
//! SIGTERM ends a process without either of them, if the application does not handle it. Then a thread
//! flushes first ([`before_termination`]). This is not the last flush: the application may set a handler
//! meanwhile, and run on.
//!
//! `exit` may be called from a signal handler that has interrupted our own code while it held a lock, or the
//! last flush itself. So nothing here waits for a lock. The last flush has one deadline, wherever it runs.

use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::flush::{flush_timeout, forget_flush, is_flushed};
use crate::process::{ProcessLocal, before_termination, process_id};

/// Time between two checks whether delivery is over.
const INTERVAL: Duration = Duration::from_millis(2);

/// Id of the process in which the last flush is over.
static FLUSHED: AtomicU32 = AtomicU32::new(0);

/// Deadline of the last flush of this process. A flush that begins a second time keeps this deadline.
static DEADLINE: ProcessLocal<Option<Instant>> = ProcessLocal::new();

/// The last flush of a process. It takes at most the longest `FLUSH_TIMEOUT` of its pipelines.
pub struct LastFlush {
    /// `None` if it is beyond the range of the clock. Then the flush is over at once.
    deadline: Option<Instant>,
}

impl LastFlush {
    /// Begins the flush. `None` if it is over already.
    #[must_use]
    pub fn begin() -> Option<Self> {
        if is_last_flush_over() {
            return None;
        }
        Some(Self { deadline: *DEADLINE.get_or_make(|| Arc::new(deadline_from_now())) })
    }

    /// Ends the flush at once.
    pub fn abandon(&self) {
        FLUSHED.store(process_id(), Ordering::Relaxed);
    }

    /// Waits for at most `pause`. Returns whether the flush is over: all recorded events are delivered or
    /// counted as lost, or the deadline has passed, or the collector fails and the next attempt comes after
    /// the deadline.
    #[must_use]
    pub fn wait(&self, pause: Duration) -> bool {
        let is_over = wait(self.deadline, pause);
        if is_over {
            self.abandon();
        }
        is_over
    }
}

/// Waits for at most `pause`. Returns whether a flush with this deadline is over.
fn wait(deadline: Option<Instant>, pause: Duration) -> bool {
    let begin = Instant::now();
    while !deadline.is_none_or(|deadline| Instant::now() >= deadline || is_flushed(deadline)) {
        if begin.elapsed() >= pause {
            return false;
        }
        thread::sleep(INTERVAL);
    }
    true
}

/// Runs the last flush to its end.
fn run_last_flush() {
    if let Some(flush) = LastFlush::begin() {
        while !flush.wait(Duration::MAX) {}
    }
}

/// Flushes before SIGTERM ends the process, unless the last flush is over.
fn flush_before_termination() {
    if !is_last_flush_over() {
        wait(deadline_from_now(), Duration::MAX);
        forget_flush();
    }
}

fn is_last_flush_over() -> bool {
    FLUSHED.load(Ordering::Relaxed) == process_id()
}

fn deadline_from_now() -> Option<Instant> {
    Instant::now().checked_add(flush_timeout())
}

/// Runs the last flush when the main thread ends.
struct ExitGuard;

impl Drop for ExitGuard {
    fn drop(&mut self) {
        // A panic here would change how the process ends.
        drop(catch_unwind(|| {
            // Beginning fixes the deadline, so other threads must not begin.
            if is_main_thread() {
                run_last_flush();
            }
        }));
    }
}

thread_local! {
    static EXIT_GUARD: ExitGuard = const { ExitGuard };
}

/// Installs the [`ExitGuard`] of this thread, and has SIGTERM wait for the last flush.
pub(crate) fn guard_exit() {
    before_termination(flush_before_termination);
    // Fails only at the end of the thread, when a guard has no use any more.
    EXIT_GUARD.try_with(|_| ()).unwrap_or_default();
}

/// Returns whether this is the main thread. `false` if `/proc` cannot be read.
fn is_main_thread() -> bool {
    let Ok(here) = std::fs::read_link("/proc/thread-self") else {
        return false;
    };
    here.file_name().and_then(|name| name.to_str()) == Some(&*process_id().to_string())
}
