//! The HTTP server: routes, connections and shutdown.
//!
//! One port serves two groups of routes. The ingestion API is open to every client that can connect. Routes
//! that show captured data are protected by [`guard`](crate::web::guard).

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo, middleware::from_fn_with_state};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};
use tower_service::Service;

use crate::{
    ingest, query,
    reply::{method_not_allowed, not_found},
    state::SharedState,
    web,
};

/// Maximum time for running requests after the stop signal.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum number of connections. More connections wait until one ends. A process usually has 1,024
/// descriptors.
const MAX_CONNECTIONS: usize = 900;
/// Maximum time until the head of the next request has arrived. Also closes kept connections that are idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// Pause after a connection could not be accepted.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

fn router(state: SharedState) -> Router {
    let guarded = query::routes()
        .merge(web::routes())
        .route_layer(from_fn_with_state(state.clone(), web::guard::check));
    let ingestion = ingest::routes(&state);
    Router::new()
        .merge(ingestion.clone())
        .nest("/collector", ingestion)
        .merge(guarded)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(state)
}

/// Serves until `stop` resolves. Then closes the port and gives running requests [`SHUTDOWN_TIMEOUT`] to
/// finish.
pub(crate) async fn serve(
    listener: TcpListener,
    state: SharedState,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let router = router(state);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let accept_connections = async {
        // The semaphore is never closed, so this loop ends only with `stop`.
        while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
            let Ok((stream, peer)) = listener.accept().await else {
                // Descriptors or memory are exhausted, or the client is gone. The next attempt may succeed.
                sleep(ACCEPT_RETRY_PAUSE).await;
                continue;
            };
            // Sends each packet at once. If this fails, a reply may wait for the acknowledgement of its first
            // packet.
            let _slower = stream.set_nodelay(true);
            let router = router.clone();
            let service = service_fn(move |mut request: hyper::Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                router.clone().call(request)
            });
            let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move {
                let _slot = slot;
                // An error means that the client broke the connection, so no reply is possible.
                let _broken = connection.await;
            });
        }
    };
    tokio::select! {
        () = accept_connections => {}
        () = stop => {}
    }
    drop(listener);
    // Requests that take longer are dropped with the runtime.
    let _finished = timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await;
}
