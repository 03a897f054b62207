//! The HTTP server: what is served where, and how serving ends.
//!
//! In: a bound socket and a signal. Out: answers, until the signal; then a bounded time for those under way. Never
//! holds more connections than there are descriptors for, nor a silent one for long. Two
//! faces on one port: the ingestion API is open to whoever may connect, everything that shows captured data is
//! behind [`guard`](crate::web::guard).

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::ConnectInfo, middleware::from_fn_with_state};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use tower_service::Service;

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

/// Connections at once; a process may usually have 1,024 descriptors. Others wait until one ends.
const CONNECTIONS: usize = 900;
/// How long a client may take over the head of a request, the time before its first byte included: a kept connection
/// is closed when nothing was asked on it for this long.
const SILENCE: Duration = Duration::from_secs(75);
/// How long is waited when a connection cannot be accepted.
const BEFORE_NEXT_ACCEPT: Duration = Duration::from_millis(100);

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
    let router = router(collector);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (ending, ended) = watch::channel(());
    let accepting = async {
        // Never closed: there is a place as soon as a connection ends.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let (router, mut ended) = (router.clone(), ended.clone());
                    tokio::spawn(async move {
                        let _place = place;
                        connection(stream, peer, router, async move {
                            // Its other end is dropped when the end is asked for, nothing is ever sent.
                            let _dropped = ended.changed().await;
                        })
                        .await;
                    });
                }
                // Descriptors or memory have run out, or the client has left already: the next may fare better.
                Err(_) => sleep(BEFORE_NEXT_ACCEPT).await,
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
    drop((listener, ending));
    let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    // Both outcomes mean that there is nothing more to wait for.
    let _ended = timeout(LAST_REQUESTS, places.acquire_many(all)).await;
}

/// Serves one connection until its client ends it, or is silent for too long, or `ended` and the request under way
/// is answered.
async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, ended: impl Future<Output = ()>) {
    // Without it an answer may wait for the acknowledgement of its first part; with an error it just does.
    let _slower = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(SILENCE);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let finished = tokio::select! {
        finished = serving.as_mut() => Some(finished),
        () = ended => None,
    };
    // A connection that broke is the client's affair: it got no answer.
    let _broken = if let Some(finished) = finished {
        finished
    } else {
        serving.as_mut().graceful_shutdown();
        serving.await
    };
}
