//! The id of this process, known without a system call.
//!
//! Every call asks several times whether it still runs in the process its state belongs to, and `getpid` enters the kernel
//! each time: 0.3 µs on a virtual machine. Here the id lies in a page that the kernel fills with zeros in the child of a fork
//! (`MADV_WIPEONFORK`, Linux 4.14), whoever forks and whatever hooks are run. Where there is no such page the kernel is asked.
#![expect(
    unsafe_code,
    reason = "The system calls take and return raw addresses. The page is mapped once, readable and writable, aligned for \
              an atomic, zero at first, which is a valid one, and never unmapped once it can be found; so a reference to \
              it holds for the life of the process. It is only used through an atomic."
)]

use std::process;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// Where the id is kept. Null before the first question. Not behind a lock: a fork would leave it held.
static CELL: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

/// Stands for a page that cannot be had.
static NONE: AtomicU32 = AtomicU32::new(0);

/// The id of this process, which is that of the child after a fork.
pub(crate) fn process_id() -> u32 {
    let mut cell = CELL.load(Ordering::Acquire);
    if cell.is_null() {
        cell = keep(map());
    }
    // SAFETY: `CELL` holds null, which is excluded, `NONE`, which is static, or the page.
    let cell = unsafe { &*cell };
    match cell.load(Ordering::Relaxed) {
        0 if ptr::eq(cell, &raw const NONE) => process::id(),
        0 => {
            let id = process::id();
            cell.store(id, Ordering::Relaxed);
            id
        }
        id => id,
    }
}

/// Makes `made` the one that is found. Of threads that race here the first one's is kept.
fn keep(made: Option<ptr::NonNull<AtomicU32>>) -> *mut AtomicU32 {
    let cell = made.map_or((&raw const NONE).cast_mut(), ptr::NonNull::as_ptr);
    match CELL.compare_exchange(ptr::null_mut(), cell, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => cell,
        Err(earlier) => {
            if let Some(made) = made {
                unmap(made);
            }
            earlier
        }
    }
}

/// Longer than the atomic, no longer than a page: both calls round up to whole ones.
#[cfg(target_os = "linux")]
const LENGTH: usize = 64;

#[cfg(target_os = "linux")]
fn map() -> Option<ptr::NonNull<AtomicU32>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a mapping where the kernel chooses touches no other.
    let page = unsafe { libc::mmap(ptr::null_mut(), LENGTH, protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    let cell = ptr::NonNull::new(page.cast::<AtomicU32>())?;
    // SAFETY: the advice is about the page just mapped. An emulator that takes advice it has never heard of takes all.
    let is_wiped = unsafe {
        libc::madvise(page, LENGTH, -1) != 0 && libc::madvise(page, LENGTH, libc::MADV_WIPEONFORK) == 0
    };
    if !is_wiped {
        unmap(cell);
        return None;
    }
    Some(cell)
}

#[cfg(target_os = "linux")]
fn unmap(cell: ptr::NonNull<AtomicU32>) {
    // SAFETY: a whole mapping of `map` that nobody else has seen.
    unsafe { libc::munmap(cell.as_ptr().cast(), LENGTH) };
}

#[cfg(not(target_os = "linux"))]
fn map() -> Option<ptr::NonNull<AtomicU32>> {
    None
}

#[cfg(not(target_os = "linux"))]
fn unmap(_: ptr::NonNull<AtomicU32>) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_child_of_a_fork_has_its_own() {
        assert_eq!(process_id(), process::id());
        assert!(!ptr::eq(CELL.load(Ordering::Acquire), &raw const NONE), "this kernel wipes pages");
        // SAFETY: the child only asks for its id and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let is_its_own = process_id() == process::id() && process_id() == process::id();
            // SAFETY: ends the child at once, without running what belongs to the parent.
            unsafe { libc::_exit(i32::from(!is_its_own)) };
        }
        let mut status = -1;
        // SAFETY: `status` outlives the call.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
        assert_eq!(process_id(), process::id());
    }

    #[test]
    fn of_two_pages_the_first_is_kept() {
        let spare = map();
        assert!(spare.is_some());
        assert_eq!(process_id(), process::id());
        assert_eq!(keep(spare), CELL.load(Ordering::Acquire));
    }
}
