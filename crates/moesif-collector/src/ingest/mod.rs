//! The ingestion API (`docs/wire-contract.md`, "Requests").
//!
//! Receives events, actions and profiles. Validates each element of a batch separately, and replies with 201
//! when the valid ones are on disk. Bodies and metadata of events are never parsed into a JSON tree.

mod action;
mod batch;
mod common_headers;
mod config;
mod error;
mod event;
mod fields;
mod profile;

use std::net::{IpAddr, SocketAddr};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode},
    middleware,
    response::Response,
    routing::{get, post},
};
use moesif_wire::header as wire_header;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    body::{self, Coding, ReceiveError, ReceivedBody},
    clock::now_millis,
    reply::{json_reply, method_not_allowed},
    state::SharedState,
    store::{Batch, ProfileKind, Records},
};
use batch::{Rejections, Shape};
use error::IngestError;

/// Kind of the elements of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ElementKind {
    Event,
    Action,
    Profile(ProfileKind),
}

const ROUTES: [(&str, ElementKind); 5] = [
    ("events", ElementKind::Event),
    ("actions", ElementKind::Action),
    ("users", ElementKind::Profile(ProfileKind::User)),
    ("companies", ElementKind::Profile(ProfileKind::Company)),
    ("subscriptions", ElementKind::Profile(ProfileKind::Subscription)),
];

/// Properties of a request that validation needs, for example to fill in absent fields.
#[derive(Clone, Copy, Debug)]
struct RequestInfo {
    kind: ElementKind,
    shape: Shape,
    /// When the request arrived, in milliseconds since the Unix epoch.
    received_at: i64,
    /// Address of the sender.
    peer: IpAddr,
}

/// Returns the routes without the `/collector` prefix.
pub(crate) fn routes(state: &SharedState) -> Router<SharedState> {
    let mut router = Router::new()
        .route("/v1/config", get(config::get_config).fallback(method_not_allowed))
        .route("/v1/rules", get(config::get_rules).fallback(method_not_allowed))
        .route("/health/probe", get(probe).fallback(method_not_allowed));
    for (name, kind) in ROUTES {
        for (shape, path) in
            [(Shape::Single, format!("/v1/{name}")), (Shape::Batch, format!("/v1/{name}/batch"))]
        {
            let handler = move |State(state): State<SharedState>,
                                ConnectInfo(peer): ConnectInfo<SocketAddr>,
                                request: Request| {
                let peer = peer.ip().to_canonical();
                let info = RequestInfo { kind, shape, received_at: now_millis(), peer };
                ingest(state, request, info)
            };
            router = router.route(&path, post(handler).fallback(method_not_allowed));
        }
    }
    router.route_layer(middleware::from_fn_with_state(state.clone(), common_headers::add))
}

async fn probe() -> Response {
    json_reply(StatusCode::OK, json!({ "status": true, "region": "local" }).to_string())
}

async fn ingest(state: SharedState, request: Request, info: RequestInfo) -> Result<Response, IngestError> {
    let IncomingRequest { application, coding, body } = receive(&state, request).await?;
    let permit = state.bodies.processing_permit().await?;
    // The task owns the permit, because the work continues and counts as processing if the client
    // disconnects.
    let processed = tokio::task::spawn_blocking(move || process(&body, coding, &info, permit));
    let Processed { records, mut rejections, decoded_size, permit } =
        processed.await.map_err(|error| {
            if error.is_panic() { IngestError::Panicked } else { body::BodyError::Stopping.into() }
        })??;
    let mut kept = records.len();
    if kept > 0 {
        let batch = Batch { application, received_at: info.received_at, records };
        let pending = state.store.append(batch, decoded_size).await?;
        // Allows other bodies to be processed while this one waits for the disk. They join the same commit or
        // the next.
        drop(permit);
        for rejected in pending.committed().await? {
            kept = kept.saturating_sub(1);
            rejections.push(rejected.index, rejected.error);
        }
    }
    state.count_rejected(rejections.count());
    Ok(reply(kept, rejections))
}

/// A request whose body has arrived.
struct IncomingRequest {
    application: String,
    coding: Coding,
    body: ReceivedBody,
}

/// Checks the headers and receives the body. On an error, the rest of the body is drained before the reply.
async fn receive(state: &SharedState, request: Request) -> Result<IncomingRequest, IngestError> {
    let (parts, body) = request.into_parts();
    let checked = application_id(&parts.headers)
        .and_then(|application| Ok((application, Coding::from_headers(&parts.headers)?)));
    let (application, coding) = match checked {
        Ok(checked) => checked,
        Err(error) => {
            body::drain(body).await;
            return Err(error);
        }
    };
    match state.bodies.receive(body).await {
        Ok(body) => Ok(IncomingRequest { application, coding, body }),
        Err(ReceiveError { error, rest }) => {
            body::drain(rest).await;
            Err(error.into())
        }
    }
}

/// Returns the application id, which every call must have.
fn application_id(headers: &HeaderMap) -> Result<String, IngestError> {
    headers
        .get(wire_header::APPLICATION_ID)
        .map(|id| String::from_utf8_lossy(id.as_bytes()).trim().to_owned())
        .filter(|id| !id.is_empty())
        .ok_or(IngestError::NoApplication)
}

/// A decoded and validated body.
struct Processed {
    records: Records,
    rejections: Rejections,
    decoded_size: usize,
    permit: OwnedSemaphorePermit,
}

/// Decodes a body and validates its elements.
fn process(
    body: &ReceivedBody,
    coding: Coding,
    info: &RequestInfo,
    permit: OwnedSemaphorePermit,
) -> Result<Processed, IngestError> {
    let text = body::decode(coding, body.bytes())?;
    let elements = batch::elements(&text, info.shape)?;
    let (records, rejections) = match info.kind {
        ElementKind::Event => {
            let events = batch::validate_each(&elements, |_, raw| event::validate(raw, info));
            (Records::Events(events.records), events.rejections)
        }
        ElementKind::Action => {
            let actions = batch::validate_each(&elements, |_, raw| action::validate(raw, info));
            (Records::Actions(actions.records), actions.rejections)
        }
        ElementKind::Profile(kind) => {
            let validate = |index, raw| profile::validate(kind, index, raw, info);
            let profiles = batch::validate_each(&elements, validate);
            (Records::Profiles(profiles.records), profiles.rejections)
        }
    };
    Ok(Processed { records, rejections, decoded_size: text.len(), permit })
}

/// Replies with 201, or with 400 if there are rejections and nothing was kept.
fn reply(kept: usize, rejections: Rejections) -> Response {
    let status =
        if kept == 0 && rejections.count() > 0 { StatusCode::BAD_REQUEST } else { StatusCode::CREATED };
    // Serialisation of this type cannot fail.
    let body = serde_json::to_string(&rejections.into_reply()).unwrap_or_else(|_| "{}".to_owned());
    json_reply(status, body)
}
