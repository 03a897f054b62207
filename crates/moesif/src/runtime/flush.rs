//! Waiting until everything recorded so far is delivered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::RUNTIME;
use crate::delivery::Pipeline;

/// Everything recorded in this process before a moment, on its way to be settled.
pub struct Flush {
    pipelines: Vec<(Arc<Pipeline>, u64)>,
    deadline: Option<Instant>,
}

impl Flush {
    /// Asks for everything recorded so far to be delivered now. Waits for nothing.
    ///
    /// `timeout` is counted from here and defaults to the longest `FLUSH_TIMEOUT` among this process's pipelines.
    #[must_use]
    pub fn request(timeout: Option<Duration>) -> Self {
        let deadline = Instant::now().checked_add(timeout.unwrap_or_else(flush_timeout));
        let pipelines = RUNTIME.get().map(|runtime| runtime.pipelines.load_full()).unwrap_or_default();
        let targets = pipelines.iter().map(|pipeline| (Arc::clone(pipeline), pipeline.request_flush()));
        Self { pipelines: targets.collect(), deadline }
    }

    /// Waits for at most `pause`. `Some(true)`: all of it is delivered or counted as lost. `Some(false)`: that did not
    /// happen in time. `None`: ask again.
    #[must_use]
    pub fn wait(&self, pause: Duration) -> Option<bool> {
        let pause = Instant::now().checked_add(pause).or(self.deadline)?;
        let mut settled = true;
        for (pipeline, target) in &self.pipelines {
            settled &= pipeline.wait_settled(*target, pause, self.deadline)?;
        }
        Some(settled)
    }
}

/// Whether the last flush of this process, which is to end at `deadline`, has nothing left to wait for. The first question
/// begins it. Takes no lock that is not free.
pub(super) fn is_flushed(deadline: Instant) -> bool {
    let mut done = true;
    if let Some(runtime) = RUNTIME.get() {
        // Each is asked, whatever the others say: it begins with that.
        for pipeline in runtime.pipelines.load().iter() {
            done &= pipeline.is_flushed(deadline);
        }
    }
    done
}

/// Waits until every event recorded in this process before the call is delivered or counted as lost.
///
/// `timeout` defaults to the longest `FLUSH_TIMEOUT` among this process's pipelines. Returns whether everything
/// was settled in time; `true` at once when this process has recorded nothing.
#[must_use]
pub fn flush(timeout: Option<Duration>) -> bool {
    let flush = Flush::request(timeout);
    loop {
        if let Some(settled) = flush.wait(Duration::from_secs(3600)) {
            return settled;
        }
    }
}

/// The longest `FLUSH_TIMEOUT` among this process's pipelines; zero when there are none. Takes no lock.
pub(super) fn flush_timeout() -> Duration {
    let micros = RUNTIME.get().map(|runtime| runtime.flush_micros.load(Ordering::Relaxed));
    Duration::from_micros(micros.unwrap_or_default())
}
