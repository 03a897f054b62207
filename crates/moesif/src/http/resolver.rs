//! Looks up host names on a separate thread and caches their addresses.
//!
//! A system lookup has no timeout, so it runs on its own thread and callers wait with a timeout. Cached
//! addresses are used at once. An address older than a minute is used too, while it is looked up again. So a
//! name server that does not answer delays only the first upload of a process, and a flush at exit uses the
//! cache. (The resolver of the HTTP library starts a thread for every lookup.)

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::process;

/// Maximum age of an address that is used without a new lookup.
const FRESH: Duration = Duration::from_secs(60);

type LookUp = fn(&str) -> io::Result<Vec<SocketAddr>>;

/// The address of a host was not found.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The lookup did not end in time.
    #[error("the address of {name} was not found in time")]
    TimedOut {
        /// `host:port`.
        name: String,
    },
    /// The lookup failed.
    #[error("the address of {name} was not found: {reason}")]
    Failed {
        /// `host:port`.
        name: String,
        /// Message of the operating system.
        reason: String,
    },
    /// No thread could be started for lookups.
    #[error("no thread could be started: {0}")]
    NoThread(#[from] io::Error),
}

impl LookupError {
    /// The lookup succeeded without a usable address.
    pub(super) fn no_address(name: String) -> Self {
        Self::Failed { name, reason: NO_ADDRESS.to_owned() }
    }
}

const NO_ADDRESS: &str = "the name has no address";

/// Looks up names. Clones share the thread and the cached addresses.
#[derive(Clone, Debug)]
pub struct NameResolver {
    cache: Arc<Cache>,
}

/// Known addresses, shared by the callers and the thread that looks up.
#[derive(Debug)]
struct Cache {
    look_up: LookUp,
    names: Mutex<CachedNames>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct CachedNames {
    is_thread_running: bool,
    /// Names that wait for their lookup or are being looked up.
    pending: Vec<String>,
    known: HashMap<String, Known>,
    /// Reason why the last lookup of a name failed.
    failed: HashMap<String, String>,
}

#[derive(Debug)]
struct Known {
    addresses: Vec<SocketAddr>,
    at: Instant,
}

impl Default for NameResolver {
    fn default() -> Self {
        Self::with(|name| name.to_socket_addrs().map(Iterator::collect))
    }
}

impl NameResolver {
    pub(crate) fn with(look_up: LookUp) -> Self {
        Self { cache: Arc::new(Cache { look_up, names: Mutex::default(), changed: Condvar::new() }) }
    }

    /// Starts the lookup of `name` (`host:port`) if its address is not known, without waiting.
    pub(crate) fn prepare(&self, name: &str) {
        if name.parse::<SocketAddr>().is_err() {
            // If the thread cannot be started, `addresses` tries again.
            drop(self.request(&mut self.cache.lock(), name));
        }
    }

    /// Returns the addresses of `name` (`host:port`). Waits for `timeout` at most.
    pub(crate) fn addresses(&self, name: &str, timeout: Duration) -> Result<Vec<SocketAddr>, LookupError> {
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        let mut names = self.cache.lock();
        if let Some(known) = names.known.get(name) {
            let (addresses, is_fresh) = (known.addresses.clone(), known.at.elapsed() < FRESH);
            if !is_fresh {
                drop(self.request(&mut names, name));
            }
            return Ok(addresses);
        }
        self.request(&mut names, name)?;
        let is_pending = |names: &mut CachedNames| names.pending.iter().any(|pending| pending == name);
        let waited = self.cache.changed.wait_timeout_while(names, timeout, is_pending);
        let (names, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        match names.known.get(name) {
            Some(known) => Ok(known.addresses.clone()),
            None if waited.timed_out() => Err(LookupError::TimedOut { name: name.to_owned() }),
            None => {
                let reason = names.failed.get(name).cloned().unwrap_or_default();
                Err(LookupError::Failed { name: name.to_owned(), reason })
            }
        }
    }

    /// Adds a name to the pending names. Starts the thread if it does not run.
    fn request(&self, names: &mut CachedNames, name: &str) -> io::Result<()> {
        if !names.pending.iter().any(|pending| pending == name) {
            names.pending.push(name.to_owned());
        }
        if !names.is_thread_running {
            let cache = Arc::clone(&self.cache);
            let started = process::spawn("moesif-names".to_owned(), move || cache.run());
            if let Err(error) = started {
                names.pending.clear();
                return Err(error);
            }
            names.is_thread_running = true;
        }
        self.cache.changed.notify_all();
        Ok(())
    }
}

impl Cache {
    /// Looks up the pending names, one after the other. Never returns.
    fn run(&self) {
        let mut names = self.lock();
        loop {
            let Some(name) = names.pending.first().cloned() else {
                names = self.changed.wait(names).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(names);
            let found = (self.look_up)(&name);
            names = self.lock();
            names.pending.retain(|pending| *pending != name);
            match found {
                Ok(addresses) if !addresses.is_empty() => {
                    names.known.insert(name, Known { addresses, at: Instant::now() });
                }
                // Addresses that were known before stay in use.
                Ok(_) => drop(names.failed.insert(name, NO_ADDRESS.to_owned())),
                Err(error) => drop(names.failed.insert(name, error.to_string())),
            }
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, CachedNames> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn a_literal_address_needs_no_thread() {
        let resolver = NameResolver::with(|_| panic!("nothing to look up"));
        resolver.prepare("[::1]:9500");
        assert_eq!(resolver.addresses("192.0.2.1:80", Duration::ZERO).unwrap(), [address(80)]);
        assert!(!resolver.cache.lock().is_thread_running);
    }

    #[test]
    fn a_caller_does_not_wait_longer_than_its_timeout() {
        let resolver = NameResolver::with(|_| {
            loop {
                thread::park();
            }
        });
        resolver.prepare("black.hole:80");
        let before = Instant::now();
        let error = resolver.addresses("black.hole:80", Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, LookupError::TimedOut { .. }), "{error}");
        assert!(before.elapsed() < LONG);
    }

    #[test]
    fn an_old_address_is_used_during_a_new_lookup_and_after_its_failure() {
        let resolver = NameResolver::with(|_| Err(io::Error::other("no such host")));
        let at = Instant::now().checked_sub(FRESH).unwrap();
        resolver.cache.lock().known.insert("h:1".to_owned(), Known { addresses: vec![address(1)], at });
        assert_eq!(resolver.addresses("h:1", Duration::ZERO).unwrap(), [address(1)]);
        let error = resolver.addresses("other:1", LONG).unwrap_err();
        assert_eq!(error.to_string(), "the address of other:1 was not found: no such host");
        // The thread looks names up in order, so the lookup of "h" has failed by now.
        assert!(resolver.cache.lock().failed.contains_key("h:1"));
        assert_eq!(resolver.addresses("h:1", Duration::ZERO).unwrap(), [address(1)]);
    }

    #[test]
    fn concurrent_callers_share_one_lookup() {
        let resolver = NameResolver::with(|name| Ok(vec![address(u16::try_from(name.len()).unwrap())]));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(resolver.addresses("host:1", LONG).unwrap(), [address(6)]));
            }
        });
        assert_eq!(resolver.cache.lock().known.len(), 1);
    }
}
