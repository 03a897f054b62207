//! Flushes: wait until everything recorded so far is delivered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::RUNTIME;
use crate::delivery::Pipeline;

/// A request to deliver everything that this process has recorded before it.
pub struct Flush {
    targets: Vec<Target>,
    deadline: Option<Instant>,
}

/// The events of one pipeline that a flush waits for.
struct Target {
    pipeline: Arc<Pipeline>,
    /// Events before this sequence number must be settled.
    end: u64,
}

impl Flush {
    /// Requests delivery now, without waiting.
    ///
    /// `timeout` starts here. Its default is the longest `FLUSH_TIMEOUT` of this process's pipelines.
    #[must_use]
    pub fn request(timeout: Option<Duration>) -> Self {
        let deadline = Instant::now().checked_add(timeout.unwrap_or_else(flush_timeout));
        let pipelines = RUNTIME.get().map(|runtime| runtime.pipelines.load_full()).unwrap_or_default();
        let targets = pipelines
            .iter()
            .map(|pipeline| Target { pipeline: Arc::clone(pipeline), end: pipeline.request_flush() });
        Self { targets: targets.collect(), deadline }
    }

    /// Waits for at most `pause`. Returns `Some(true)` if everything is delivered or counted as lost, and
    /// `Some(false)` if the timeout has passed. `None` means neither: call again.
    #[must_use]
    pub fn wait(&self, pause: Duration) -> Option<bool> {
        let wake_at = Instant::now().checked_add(pause).or(self.deadline)?;
        let mut settled = true;
        for target in &self.targets {
            settled &= target.pipeline.wait_settled(target.end, wake_at, self.deadline)?;
        }
        Some(settled)
    }
}

/// Returns whether the last flush of this process is over: everything is settled, or nothing can be settled
/// before `deadline`. The first call begins the flush. Never waits for a lock.
pub(super) fn is_flushed(deadline: Instant) -> bool {
    let mut done = true;
    if let Some(runtime) = RUNTIME.get() {
        // Calls every pipeline, because the first call begins its flush.
        for pipeline in runtime.pipelines.load().iter() {
            done &= pipeline.is_flushed(deadline);
        }
    }
    done
}

/// Notes that a flush was not the last one: the next call of [`is_flushed`] begins another.
pub(super) fn forget_flush() {
    if let Some(runtime) = RUNTIME.get() {
        for pipeline in runtime.pipelines.load().iter() {
            pipeline.forget_flush();
        }
    }
}

/// Waits until every event that this process recorded before the call is delivered or counted as lost.
///
/// The default of `timeout` is the longest `FLUSH_TIMEOUT` of this process's pipelines. Returns whether
/// everything was settled in time; `true` at once if this process has recorded nothing.
#[must_use]
pub fn flush(timeout: Option<Duration>) -> bool {
    let flush = Flush::request(timeout);
    loop {
        if let Some(settled) = flush.wait(Duration::from_secs(3600)) {
            return settled;
        }
    }
}

/// Returns the longest `FLUSH_TIMEOUT` of this process's pipelines. Zero without pipelines. Takes no lock.
pub(super) fn flush_timeout() -> Duration {
    let micros = RUNTIME.get().map(|runtime| runtime.flush_micros.load(Ordering::Relaxed));
    Duration::from_micros(micros.unwrap_or_default())
}
