//! The end of a process: one last flush, by whichever of two ways comes first.
//!
//! A host normally says when it ends, and the last flush happens then. Some do not: a uWSGI worker that is told to end while
//! it is busy calls `exit`, and nothing of Python runs. What does run is the end of the main thread's local values, so one of
//! them waits for delivery if nobody else has. (After `_exit` nothing runs at all.)
//!
//! `exit` may have been called from a signal handler, on top of code of ours that holds a lock, and even on top of the last
//! flush itself: so nothing here takes a lock that is not free, and the deadline holds all the same.

use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::flush::{flush_timeout, is_flushed};
use crate::process::{ProcessLocal, process_id};

/// How often the end of delivery is looked for.
const INTERVAL: Duration = Duration::from_millis(2);

/// The process that has had its last flush.
static FLUSHED: AtomicU32 = AtomicU32::new(0);

/// When the last flush of this process is over, whoever begins it again.
static DEADLINE: ProcessLocal<Option<Instant>> = ProcessLocal::new();

/// The last flush of a process, which is over after the longest `FLUSH_TIMEOUT` among its pipelines.
pub struct LastFlush {
    /// `None` is beyond the clock's range.
    deadline: Option<Instant>,
}

impl LastFlush {
    /// `None` when it has been.
    #[must_use]
    pub fn begin() -> Option<Self> {
        if FLUSHED.load(Ordering::Relaxed) == process_id() {
            return None;
        }
        let deadline = || Arc::new(Instant::now().checked_add(flush_timeout()));
        Some(Self { deadline: *DEADLINE.get_or_make(deadline) })
    }

    /// Ends it now: nobody waits any more.
    pub fn abandon(&self) {
        FLUSHED.store(process_id(), Ordering::Relaxed);
    }

    /// Waits for at most `pause`. Returns whether there is nothing left to wait for: everything recorded before is delivered or
    /// counted as lost, or the time is over, or the collector is being left alone for longer than that.
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

struct Watch;

impl Drop for Watch {
    fn drop(&mut self) {
        // A panic here would end the process in another way than it wants to.
        drop(catch_unwind(|| {
            if let Some(flush) = LastFlush::begin().filter(|_| is_main_thread()) {
                while !flush.wait(Duration::MAX) {}
            }
        }));
    }
}

thread_local! {
    static WATCH: Watch = const { Watch };
}

/// Sees to it that the end of this thread is noticed, if it is the end of the process.
pub(crate) fn watch() {
    // At the end of a thread there is nothing left to watch.
    WATCH.try_with(|_| ()).unwrap_or_default();
}

/// Whether this is the thread whose end, within `exit`, is the end of the process.
fn is_main_thread() -> bool {
    let Ok(here) = std::fs::read_link("/proc/thread-self") else {
        return false;
    };
    here.file_name().and_then(|name| name.to_str()) == Some(&*process_id().to_string())
}
