//! Where a fault of ours ends: before it reaches the application.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code of ours in the application's path. A panic is a fault of ours; it ends here, as nothing.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
