//! Names to addresses: one thread that looks up, and a memory of what it found.
//!
//! A lookup cannot be given a deadline, so it happens on a thread of its own, and whoever needs the answer waits for it
//! no longer than it wants to. What was found is used at once from then on, also when it is old: an old address is looked
//! up again meanwhile. So a name server that does not answer delays the first upload of a process and nothing else, and the
//! flush at exit works with what is known. (The HTTP library's own resolver starts a thread for every lookup.)

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long an address is used without asking again.
const FRESH: Duration = Duration::from_secs(60);

type LookUp = fn(&str) -> io::Result<Vec<SocketAddr>>;

/// Looks up names for one pipeline. Clones share what is known.
#[derive(Clone, Debug)]
pub struct Names {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    look_up: LookUp,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whether there is a thread.
    running: bool,
    /// Names whose lookup is wanted or under way.
    wanted: Vec<String>,
    known: HashMap<String, Known>,
    /// What the last lookup of a name that is not known ended with.
    failed: HashMap<String, String>,
}

#[derive(Debug)]
struct Known {
    addresses: Vec<SocketAddr>,
    at: Instant,
}

impl Default for Names {
    fn default() -> Self {
        Self::with(|name| name.to_socket_addrs().map(Iterator::collect))
    }
}

impl Names {
    pub(crate) fn with(look_up: LookUp) -> Self {
        Self { shared: Arc::new(Shared { look_up, state: Mutex::default(), changed: Condvar::new() }) }
    }

    /// Begins to look up `name` (`host:port`) if that needs doing, and waits for nothing.
    pub(crate) fn prepare(&self, name: &str) {
        if name.parse::<SocketAddr>().is_err() {
            // A thread that cannot be started now is tried for again when the address is needed.
            drop(self.ask(&mut self.shared.lock(), name));
        }
    }

    /// The addresses of `name` (`host:port`), after `patience` at the latest.
    pub(crate) fn addresses(&self, name: &str, patience: Duration) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        let mut state = self.shared.lock();
        if let Some(known) = state.known.get(name) {
            let (addresses, is_fresh) = (known.addresses.clone(), known.at.elapsed() < FRESH);
            if !is_fresh {
                drop(self.ask(&mut state, name));
            }
            return Ok(addresses);
        }
        self.ask(&mut state, name)?;
        let under_way = |state: &mut State| state.wanted.iter().any(|wanted| wanted == name);
        let waited = self.shared.changed.wait_timeout_while(state, patience, under_way);
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        match state.known.get(name) {
            Some(known) => Ok(known.addresses.clone()),
            None if waited.timed_out() => {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("the lookup of {name} does not end")))
            }
            None => Err(io::Error::other(state.failed.get(name).cloned().unwrap_or_default())),
        }
    }

    fn ask(&self, state: &mut State, name: &str) -> io::Result<()> {
        if !state.wanted.iter().any(|wanted| wanted == name) {
            state.wanted.push(name.to_owned());
        }
        if !state.running {
            let shared = Arc::clone(&self.shared);
            let started = thread::Builder::new().name("moesif-names".to_owned()).spawn(move || shared.run());
            if let Err(error) = started {
                state.wanted.clear();
                return Err(error);
            }
            state.running = true;
        }
        self.shared.changed.notify_all();
        Ok(())
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.lock();
        loop {
            let Some(name) = state.wanted.first().cloned() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let found = (self.look_up)(&name);
            state = self.lock();
            state.wanted.retain(|wanted| *wanted != name);
            match found {
                Ok(addresses) if !addresses.is_empty() => {
                    state.known.insert(name, Known { addresses, at: Instant::now() });
                }
                // What was known before stays in use.
                Ok(_) => drop(state.failed.insert(name, "the name has no address".to_owned())),
                Err(error) => drop(state.failed.insert(name, error.to_string())),
            }
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn a_literal_address_needs_no_thread() {
        let names = Names::with(|_| panic!("nothing to look up"));
        names.prepare("[::1]:9500");
        assert_eq!(names.addresses("192.0.2.1:80", Duration::ZERO).unwrap(), [address(80)]);
        assert!(!names.shared.lock().running);
    }

    #[test]
    fn a_lookup_that_never_ends_holds_nobody_longer_than_it_wants() {
        let names = Names::with(|_| {
            loop {
                thread::park();
            }
        });
        names.prepare("black.hole:80");
        let before = Instant::now();
        let error = names.addresses("black.hole:80", Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(before.elapsed() < LONG);
    }

    #[test]
    fn what_is_known_is_used_while_it_is_looked_up_again_and_after_a_failure() {
        let names = Names::with(|_| Err(io::Error::other("no such host")));
        let at = Instant::now().checked_sub(FRESH).unwrap();
        names.shared.lock().known.insert("h:1".to_owned(), Known { addresses: vec![address(1)], at });
        assert_eq!(names.addresses("h:1", Duration::ZERO).unwrap(), [address(1)]);
        let error = names.addresses("other:1", LONG).unwrap_err();
        assert_eq!(error.to_string(), "no such host");
        // The one thread goes through its list in order: "h" has failed by now.
        assert!(names.shared.lock().failed.contains_key("h:1"));
        assert_eq!(names.addresses("h:1", Duration::ZERO).unwrap(), [address(1)]);
    }

    #[test]
    fn a_name_is_looked_up_once_for_everybody() {
        let names = Names::with(|name| Ok(vec![address(u16::try_from(name.len()).unwrap())]));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(names.addresses("host:1", LONG).unwrap(), [address(6)]));
            }
        });
        assert_eq!(names.shared.lock().known.len(), 1);
    }
}
