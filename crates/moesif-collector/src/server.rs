//! The HTTP server: what is served where, and how serving ends.
//!
//! In: a bound socket and a signal. Out: answers, until the signal; then a bounded time for those under way. Two
//! faces on one port: the ingestion API is open to whoever may connect, everything that shows captured data is
//! behind [`guard`](crate::web::guard).

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, middleware::from_fn_with_state, serve::ListenerExt};
use tokio::{net::TcpListener, sync::oneshot, time::sleep};

use crate::{
    ingest::{self, Intake},
    query,
    refusal::{not_found, wrong_method},
    remote::Remote,
    store::Store,
    web,
};

/// How long requests under way may take once the end was asked for.
const LAST_REQUESTS: Duration = Duration::from_secs(2);

/// What every request can reach.
pub(crate) struct Collector {
    pub(crate) store: Store,
    pub(crate) remote: Remote,
    pub(crate) intake: Intake,
    pub(crate) address: SocketAddr,
    rejected: AtomicU64,
}

/// The collector as the handlers hold it.
pub(crate) type Shared = Arc<Collector>;

impl Collector {
    pub(crate) fn new(store: Store, remote: Remote, address: SocketAddr) -> Shared {
        // The files are looked at once before the first request: a broken one is complained about at the start.
        let _documents = remote.documents();
        Arc::new(Self { store, remote, intake: Intake::new(), address, rejected: AtomicU64::new(0) })
    }

    /// Counts elements that were not kept.
    pub(crate) fn count_rejected(&self, more: usize) {
        self.rejected.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Elements not kept since the start.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }
}

fn router(shared: Shared) -> Router {
    let readable = query::routes()
        .merge(web::routes())
        .route_layer(from_fn_with_state(shared.clone(), web::guard::check));
    let sent = ingest::routes(&shared);
    Router::new()
        .merge(sent.clone())
        .nest("/collector", sent)
        .merge(readable)
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared)
}

/// Resolves when the process is asked to end. The handlers are in place when this returns.
#[cfg(unix)]
pub(crate) fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Resolves when the process is asked to end.
#[cfg(not(unix))]
pub(crate) fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        let _asked = tokio::signal::ctrl_c().await;
    })
}

/// Serves until `stop`, then lets the requests under way end, within a bound.
pub(crate) async fn serve(
    listener: TcpListener,
    collector: Shared,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let (stopping, stopped) = oneshot::channel();
    let listener = listener.tap_io(|connection| {
        // Without it an answer may wait for the acknowledgement of its first part; with an error it just does.
        let _slower = connection.set_nodelay(true);
    });
    let service = router(collector).into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
        stop.await;
        let _ended = stopping.send(());
    });
    tokio::select! {
        // Accepting never fails for good: axum waits and tries again.
        _ = serving => {}
        () = async { let _ = stopped.await; sleep(LAST_REQUESTS).await } => {}
    }
}
