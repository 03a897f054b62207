//! Starts threads of the SDK.

use std::io;
use std::sync::mpsc::sync_channel;
use std::thread::Builder;
use std::time::Duration;

use super::BlockedSignals;
use crate::memory::{is_available, let_this_thread_wait};

/// Bytes that must be free before a thread is started: its stack (2 MiB), and what it allocates at once.
const THREAD_BYTES: usize = 4 << 20;
/// Longest time to wait for a thread to start. Usually it takes less than a millisecond.
const START_TIMEOUT: Duration = Duration::from_millis(100);

/// Starts a thread of ours. It waits if there is no memory for what it allocates.
pub(crate) fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let run = move || {
        let_this_thread_wait();
        run();
    };
    start(Builder::new().name(name), run)
}

/// Starts a thread that receives no signals: they are for the threads of the application, which may block them.
///
/// Returns once it runs and has its thread-local values. The C library ends the process if there is no memory
/// for those, and the caller may be about to use all memory.
pub(super) fn start(thread: Builder, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    if !is_available(THREAD_BYTES) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let (started, starts) = sync_channel(1);
    let run = move || {
        let _ = started.send(());
        drop(started);
        run();
    };
    let blocked = BlockedSignals::new();
    thread.spawn(run)?;
    drop(blocked);
    // On a busy machine the thread may start later.
    let _ = starts.recv_timeout(START_TIMEOUT);
    Ok(())
}
