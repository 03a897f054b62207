//! Runs a function when SIGTERM is about to end this process.
//!
//! The default action of SIGTERM ends a process at once: no exit handler and no destructor runs. If the
//! application has left this action in place, [`before_termination`] puts a handler there. The handler only
//! wakes a thread. The thread runs the function, restores the default action and sends the signal again, so
//! the process ends as it would have ended before.
//!
//! The application keeps control:
//!
//! - If it handles or ignores SIGTERM, nothing is changed. If it does so later, its handler replaces this one,
//!   even while the function runs: the signal that is sent again is then the one that its handler gets.
//! - Python sees no handler: `signal.getsignal` returns what the application has set.
//! - A second SIGTERM ends the process at once. So does one that the process sends to itself: code after
//!   `os.kill(os.getpid(), SIGTERM)` must not run.
//! - In the child of a fork the default action happens at once, until the child calls [`before_termination`].
#![expect(
    unsafe_code,
    reason = "The handler makes only system calls, `sem_post` and loads and stores of atomics. All are allowed in a signal \
              handler, and it restores errno. The semaphore is static. It is set up before READY holds the id of this \
              process, and used only after READY does. A `sigaction` that is all zeros is valid: the default action."
)]

use std::cell::UnsafeCell;
use std::mem::{self, MaybeUninit};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{process, ptr, thread};

use super::process_id;
use super::threads;

/// Bytes of stack for the thread that runs the function.
const STACK: usize = 256 * 1024;

/// Id of the process that has called [`before_termination`].
static CLAIMED: AtomicU32 = AtomicU32::new(0);

/// Id of the process in which a thread waits for [`WAKE`].
static READY: AtomicU32 = AtomicU32::new(0);

/// Id of the process that has received SIGTERM.
static RECEIVED: AtomicU32 = AtomicU32::new(0);

static WAKE: Semaphore = Semaphore(UnsafeCell::new(MaybeUninit::uninit()));

/// A semaphore, because posting it is allowed in a signal handler.
struct Semaphore(UnsafeCell<MaybeUninit<libc::sem_t>>);

// SAFETY: the functions of a POSIX semaphore may be called from any thread.
unsafe impl Sync for Semaphore {}

impl Semaphore {
    const fn as_ptr(&self) -> *mut libc::sem_t {
        self.0.get().cast()
    }
}

/// Has `prepare` run before SIGTERM ends this process, if its default action would end it.
///
/// The first call in a process decides; further calls cost one comparison. If no thread can be started, the next
/// call tries again. Until then SIGTERM ends the process at once.
pub(crate) fn before_termination(prepare: fn()) {
    let pid = process_id();
    if CLAIMED.load(Ordering::Relaxed) == pid || CLAIMED.swap(pid, Ordering::Relaxed) == pid {
        return;
    }
    // The kernel does not apply default actions to the first process of a container.
    if pid == 1 || !current().is_some_and(|action| is_default_or_ours(&action)) {
        return;
    }
    // SAFETY: no thread of this process uses the semaphore yet. In the child of a fork, this overwrites the
    // copy of a semaphore that only the parent uses.
    if unsafe { libc::sem_init(WAKE.as_ptr(), 0, 0) } != 0 {
        return;
    }
    let waiting = move || {
        // SAFETY: the semaphore has been set up.
        while unsafe { libc::sem_wait(WAKE.as_ptr()) } != 0 {}
        // After a panic the process still has to end.
        drop(catch_unwind(prepare));
        end();
    };
    let thread = thread::Builder::new().name("moesif-sigterm".to_owned()).stack_size(STACK);
    if threads::start(thread, waiting).is_ok() {
        READY.store(pid, Ordering::Release);
        install();
    } else {
        // There may be memory for a thread later.
        CLAIMED.store(0, Ordering::Relaxed);
    }
}

extern "C" fn handle(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the calling thread has an errno, and the kernel passes valid information to a handler that is
    // installed with SA_SIGINFO.
    let (errno, sender) = unsafe { (*libc::__errno_location(), (*info).si_pid()) };
    let pid = process::id();
    let is_foreign = u32::try_from(sender) != Ok(pid);
    let is_first = RECEIVED.swap(pid, Ordering::Relaxed) != pid;
    // SAFETY: READY says that the semaphore has been set up in this process.
    let is_woken = is_foreign
        && is_first
        && READY.load(Ordering::Acquire) == pid
        && unsafe { libc::sem_post(WAKE.as_ptr()) } == 0;
    if !is_woken {
        end();
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Restores the default action in the place of the handler, and sends SIGTERM to this process.
fn end() {
    if current().is_some_and(|action| is_ours(&action)) {
        replace(default_action(), is_ours);
    }
    // SAFETY: sends a signal to this process; no memory is involved.
    unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
}

fn default_action() -> libc::sigaction {
    // SAFETY: zeros are a valid value, and mean the default action.
    unsafe { mem::zeroed() }
}

/// The address of [`handle`], as `sigaction` takes it.
#[expect(clippy::as_conversions, reason = "the C interface takes the address of a function as a number")]
fn handler() -> libc::sighandler_t {
    handle as *const () as libc::sighandler_t
}

/// Puts the handler in the place of the default action. Leaves any other action in place.
fn install() {
    let mut action = default_action();
    action.sa_sigaction = handler();
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    replace(action, is_default_or_ours);
}

fn is_default_or_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == libc::SIG_DFL || is_ours(action)
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == handler()
}

/// Sets what SIGTERM does, unless the application has set it just before.
fn replace(action: libc::sigaction, may_replace: fn(&libc::sigaction) -> bool) {
    if let Some(before) = set(&action)
        && !may_replace(&before)
    {
        set(&before);
    }
}

/// Returns what SIGTERM does.
fn current() -> Option<libc::sigaction> {
    let mut current = default_action();
    // SAFETY: `current` outlives the call.
    let result = unsafe { libc::sigaction(libc::SIGTERM, ptr::null(), &raw mut current) };
    (result == 0).then_some(current)
}

/// Sets what SIGTERM does. Returns what it did before.
fn set(action: &libc::sigaction) -> Option<libc::sigaction> {
    let mut before = default_action();
    // SAFETY: both outlive the call.
    let result = unsafe { libc::sigaction(libc::SIGTERM, action, &raw mut before) };
    (result == 0).then_some(before)
}
