//! Returns the id of this process, in most cases without a system call.
//!
//! The SDK compares process ids several times per API call, and `getpid` enters the kernel each time (0.3 µs
//! on a virtual machine). This module stores the id in a page that the kernel fills with zeros in the child
//! of a fork (`MADV_WIPEONFORK`, Linux 4.14). That needs no hook and covers every way to fork. Systems
//! without such pages call `getpid`.
#![expect(
    unsafe_code,
    reason = "The system calls take and return raw addresses. The page is mapped once, readable and writable. It is \
              aligned for an atomic and starts as zero, which is a valid value. Once CELL points to it, it is never \
              unmapped, so a reference to it holds for the life of the process. It is only accessed as an atomic."
)]

use std::process;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// Points to the stored id. Null before the first call. There is no lock, because a fork could leave one
/// held.
static CELL: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

/// [`CELL`] points here if the system has no page that a fork wipes.
static NO_PAGE: AtomicU32 = AtomicU32::new(0);

/// Returns the id of this process. After a fork the child gets its own id.
pub(crate) fn process_id() -> u32 {
    let mut cell = CELL.load(Ordering::Acquire);
    if cell.is_null() {
        cell = publish(map());
    }
    // SAFETY: the pointer is not null, so it points to `NO_PAGE`, which is static, or to the page.
    let cell = unsafe { &*cell };
    match cell.load(Ordering::Relaxed) {
        0 if ptr::eq(cell, &raw const NO_PAGE) => process::id(),
        0 => {
            let id = process::id();
            cell.store(id, Ordering::Relaxed);
            id
        }
        id => id,
    }
}

/// Stores the page in [`CELL`] unless it has one, and unmaps `made` if it is not used. Returns the page in
/// `CELL`.
fn publish(made: Option<ptr::NonNull<AtomicU32>>) -> *mut AtomicU32 {
    let cell = made.map_or((&raw const NO_PAGE).cast_mut(), ptr::NonNull::as_ptr);
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

/// Bytes to map. The kernel rounds up to a whole page.
#[cfg(target_os = "linux")]
const LENGTH: usize = 64;

#[cfg(target_os = "linux")]
fn map() -> Option<ptr::NonNull<AtomicU32>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: the kernel chooses an address that no other mapping uses.
    let page = unsafe { libc::mmap(ptr::null_mut(), LENGTH, protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    let cell = ptr::NonNull::new(page.cast::<AtomicU32>())?;
    // SAFETY: the advice applies to the page just mapped. Some emulators accept any advice and ignore it, so
    // advice that does not exist must fail first.
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
    // SAFETY: this is a whole mapping made by `map`, and no other thread has its address.
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
    fn child_of_a_fork_gets_its_own_id() {
        assert_eq!(process_id(), process::id());
        assert!(!ptr::eq(CELL.load(Ordering::Acquire), &raw const NO_PAGE), "this kernel should wipe pages");
        // SAFETY: the child only reads its id and exits.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let is_own_id = process_id() == process::id() && process_id() == process::id();
            // SAFETY: exits the child at once, without the exit handlers of the parent.
            unsafe { libc::_exit(i32::from(!is_own_id)) };
        }
        let mut status = -1;
        // SAFETY: `status` outlives the call.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
        assert_eq!(process_id(), process::id());
    }

    #[test]
    fn first_published_page_stays() {
        let spare = map();
        assert!(spare.is_some());
        assert_eq!(process_id(), process::id());
        assert_eq!(publish(spare), CELL.load(Ordering::Acquire));
    }
}
