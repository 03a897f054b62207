//! Keeps signals away from threads of the SDK.
#![expect(
    unsafe_code,
    reason = "Only the C library can block signals of a thread. The functions read and write signal sets on the stack. \
              Each set is initialised before it is read."
)]

use std::mem::MaybeUninit;
use std::ptr;

/// Blocks the signals of the current thread until it is dropped. A thread that is started meanwhile keeps them
/// blocked. Signals that report a fault of the thread itself are not blocked.
pub(super) struct BlockedSignals {
    before: Option<libc::sigset_t>,
}

impl BlockedSignals {
    pub(super) fn new() -> Self {
        const FAULTS: [libc::c_int; 7] = [
            libc::SIGSEGV,
            libc::SIGBUS,
            libc::SIGFPE,
            libc::SIGILL,
            libc::SIGABRT,
            libc::SIGTRAP,
            libc::SIGSYS,
        ];
        let mut blocked = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: `sigfillset` initialises the set, and `pthread_sigmask` the other one if it succeeds.
        unsafe {
            libc::sigfillset(blocked.as_mut_ptr());
            for signal in FAULTS {
                libc::sigdelset(blocked.as_mut_ptr(), signal);
            }
            let result = libc::pthread_sigmask(libc::SIG_BLOCK, blocked.as_ptr(), before.as_mut_ptr());
            Self { before: (result == 0).then(|| before.assume_init()) }
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // SAFETY: the set is the one that `pthread_sigmask` has written.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, ptr::null_mut()) };
        }
    }
}
