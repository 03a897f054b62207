//! The addresses of collectors: each name is looked up on a thread of its own, because a lookup that does not end would hold up
//! every one behind it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::http::Names;

/// Collectors, or proxies, whose names have a thread of their own, at most; further ones share one.
const MOST_OWN: usize = 16;

pub(super) struct Lookups {
    make: fn() -> Names,
    own: Mutex<HashMap<String, Names>>,
    rest: Names,
}

impl Default for Lookups {
    fn default() -> Self {
        Self::with(Names::default)
    }
}

impl Lookups {
    fn with(make: fn() -> Names) -> Self {
        Self { make, own: Mutex::default(), rest: make() }
    }

    /// What looks up the address of this peer, `host:port`.
    pub(super) fn of(&self, peer: &str) -> Names {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        match own.get(peer) {
            Some(names) => names.clone(),
            None if own.len() < MOST_OWN => own.entry(peer.to_owned()).or_insert_with(self.make).clone(),
            None => self.rest.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn lookups() -> Lookups {
        Lookups::with(|| {
            Names::with(|name| {
                while name.starts_with("black.hole") {
                    thread::park();
                }
                Ok(vec![SocketAddr::from(([192, 0, 2, 1], 1))])
            })
        })
    }

    #[test]
    fn a_lookup_that_never_ends_holds_up_no_other_name() {
        let lookups = lookups();
        lookups.of("black.hole:1").prepare("black.hole:1");
        assert_eq!(lookups.of("well:1").addresses("well:1", LONG).unwrap().len(), 1);
        lookups.of("black.hole:1").addresses("black.hole:1", Duration::from_millis(10)).unwrap_err();
    }

    #[test]
    fn there_are_no_more_than_so_many() {
        let lookups = lookups();
        for number in 0..1000 {
            drop(lookups.of(&format!("h{number}:1")));
        }
        assert_eq!(lookups.own.lock().unwrap().len(), MOST_OWN);
    }
}
