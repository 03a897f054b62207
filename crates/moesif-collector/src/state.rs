//! The state that all request handlers share.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{body::BodyReceiver, remote::Remote, store::Store};

/// State of the collector.
pub(crate) struct AppState {
    pub(crate) store: Store,
    pub(crate) remote: Remote,
    pub(crate) bodies: BodyReceiver,
    /// The address the collector listens on.
    pub(crate) address: SocketAddr,
    /// Number of elements rejected since the start.
    rejected: AtomicU64,
}

/// The state, shared between handlers.
pub(crate) type SharedState = Arc<AppState>;

impl AppState {
    pub(crate) fn new(store: Store, remote: Remote, address: SocketAddr) -> SharedState {
        Arc::new(Self { store, remote, bodies: BodyReceiver::new(), address, rejected: AtomicU64::new(0) })
    }

    /// Adds to the number of rejected elements.
    pub(crate) fn count_rejected(&self, count: usize) {
        self.rejected.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Returns the number of elements rejected since the start.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }
}
