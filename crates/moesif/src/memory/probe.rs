//! Finds out whether the system would provide memory.
#![expect(
    unsafe_code,
    reason = "Only the C library can map memory. The mapping is new, so nothing else uses it, and it is removed before the \
              function returns. Nothing reads or writes it."
)]

use std::ptr;

/// Returns whether the system maps `bytes` bytes.
///
/// Does not use `malloc`: once a large block has been freed, glibc keeps more memory for the rest of the
/// process's life.
pub(super) fn is_mappable(bytes: usize) -> bool {
    let protection = libc::PROT_READ | libc::PROT_WRITE; // or it would not count for every limit
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: maps new memory at an address that the system chooses.
    let mapped = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    if mapped == libc::MAP_FAILED {
        return false;
    }
    // SAFETY: removes exactly that mapping.
    unsafe { libc::munmap(mapped, bytes) };
    true
}
