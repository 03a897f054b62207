//! Name resolvers for the API: one for each collector, because a lookup that does not end blocks those behind
//! it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::http::NameResolver;

/// Maximum number of peers with their own resolver. Further peers share one.
const MAX_OWN: usize = 16;

/// The resolvers by peer. A peer is the `host:port` that connections are opened to.
pub(super) struct PeerResolvers {
    make: fn() -> NameResolver,
    own: Mutex<HashMap<String, NameResolver>>,
    shared: NameResolver,
}

impl Default for PeerResolvers {
    fn default() -> Self {
        Self::with(NameResolver::default)
    }
}

impl PeerResolvers {
    fn with(make: fn() -> NameResolver) -> Self {
        Self { make, own: Mutex::default(), shared: make() }
    }

    /// Returns the resolver of a peer.
    pub(super) fn for_peer(&self, peer: &str) -> NameResolver {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        match own.get(peer) {
            Some(resolver) => resolver.clone(),
            None if own.len() < MAX_OWN => own.entry(peer.to_owned()).or_insert_with(self.make).clone(),
            None => self.shared.clone(),
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

    fn resolvers() -> PeerResolvers {
        PeerResolvers::with(|| {
            NameResolver::with(|name| {
                while name.starts_with("black.hole") {
                    thread::park();
                }
                Ok(vec![SocketAddr::from(([192, 0, 2, 1], 1))])
            })
        })
    }

    #[test]
    fn a_lookup_that_never_ends_does_not_block_another_peer() {
        let resolvers = resolvers();
        resolvers.for_peer("black.hole:1").prepare("black.hole:1");
        assert_eq!(resolvers.for_peer("well:1").addresses("well:1", LONG).unwrap().len(), 1);
        resolvers.for_peer("black.hole:1").addresses("black.hole:1", Duration::from_millis(10)).unwrap_err();
    }

    #[test]
    fn the_number_of_resolvers_is_limited() {
        let resolvers = resolvers();
        for number in 0..1000 {
            drop(resolvers.for_peer(&format!("h{number}:1")));
        }
        assert_eq!(resolvers.own.lock().unwrap().len(), MAX_OWN);
    }
}
