//! The ingestion API: `docs/wire-contract.md`, section 1.
//!
//! In: HTTP requests carrying events, actions and profiles. Out: 201 once they are stored, or which ones were not
//! kept and why. Each element of a batch is judged on its own. Bodies and metadata of events never become a JSON
//! tree, and nothing here keeps more memory than its budgets.

mod action;
mod body;
mod event;
mod fields;
mod list;
mod profile;
mod refused;

use std::net::{IpAddr, SocketAddr};

use axum::{
    Extension, Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use moesif_wire::header as wire;
use serde_json::json;

use crate::{
    clock::now_millis,
    refusal::{json_reply, wrong_method},
    remote::{Document, Documents},
    server::Shared,
    store::{ProfileKind, Work},
};
use list::Rejected;
use refused::IngestError;

pub(crate) use body::Intake;

/// What a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Events,
    Actions,
    Profiles(ProfileKind),
}

/// One element, or an array of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Single,
    Batch,
}

const ROUTES: [(&str, Kind); 5] = [
    ("events", Kind::Events),
    ("actions", Kind::Actions),
    ("users", Kind::Profiles(ProfileKind::User)),
    ("companies", Kind::Profiles(ProfileKind::Company)),
    ("subscriptions", Kind::Profiles(ProfileKind::Subscription)),
];

/// [`wire::CONFIG_ETAG`] as HTTP/1.1 compares it.
const CONFIG_ETAG: HeaderName = HeaderName::from_static("x-moesif-config-etag");
/// [`wire::RULES_TAG`] likewise.
const RULES_TAG: HeaderName = HeaderName::from_static("x-moesif-rules-tag");

/// What judging an element may fill in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    /// Server time, in milliseconds.
    pub(crate) at: i64,
    /// Who sent it.
    pub(crate) peer: IpAddr,
    pub(crate) shape: Shape,
}

/// The routes an SDK uses, without any prefix.
pub(crate) fn routes(shared: &Shared) -> Router<Shared> {
    let mut router = Router::new()
        .route("/v1/config", get(config).fallback(wrong_method))
        .route("/v1/rules", get(rules).fallback(wrong_method))
        .route("/health/probe", get(probe).fallback(wrong_method));
    for (name, kind) in ROUTES {
        for (shape, path) in
            [(Shape::Single, format!("/v1/{name}")), (Shape::Batch, format!("/v1/{name}/batch"))]
        {
            let take = move |state: State<Shared>, peer: ConnectInfo<SocketAddr>, request: Request| {
                ingest(state, peer, request, kind, shape)
            };
            router = router.route(&path, post(take).fallback(wrong_method));
        }
    }
    router.route_layer(middleware::from_fn_with_state(shared.clone(), every_reply))
}

/// What every reply carries: both tags, so that a client learns of a change from whatever it was doing, and the
/// permission for pages of any origin to send. Answers a browser's question for that permission.
///
/// Both documents are taken once for the request: a reply never carries one version under the tag of another.
async fn every_reply(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let documents = shared.remote.documents();
    let tag = |document: &Document| {
        HeaderValue::from_str(&document.tag).unwrap_or_else(|_| HeaderValue::from_static("0"))
    };
    let (config, rules) = (tag(&documents.config), tag(&documents.rules));
    let mut response = if request.method() == Method::OPTIONS {
        (
            StatusCode::NO_CONTENT,
            [
                (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
                (
                    header::ACCESS_CONTROL_ALLOW_HEADERS,
                    "Content-Type, Content-Encoding, If-None-Match, X-Moesif-Application-Id, X-Moesif-SDK",
                ),
                (header::ACCESS_CONTROL_MAX_AGE, "86400"),
            ],
        )
            .into_response()
    } else {
        request.extensions_mut().insert(documents);
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("X-Moesif-Config-ETag, X-Moesif-Rules-Tag"),
    );
    headers.insert(CONFIG_ETAG, config);
    headers.insert(RULES_TAG, rules);
    response
}

async fn config(
    Extension(served): Extension<Documents>,
    headers: HeaderMap,
) -> Result<Response, IngestError> {
    application(&headers)?;
    Ok(document(&served.config, &headers))
}

async fn rules(Extension(served): Extension<Documents>, headers: HeaderMap) -> Result<Response, IngestError> {
    application(&headers)?;
    Ok(document(&served.rules, &headers))
}

/// The document, or 304 when the client says it has this version: by the tag or by the quoted form an ETag has.
fn document(document: &Document, headers: &HeaderMap) -> Response {
    let current = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"'))
        .any(|tag| *tag == *document.tag || tag == "*");
    let etag = [(header::ETAG, format!("\"{}\"", document.tag))];
    if current {
        (StatusCode::NOT_MODIFIED, etag).into_response()
    } else {
        (etag, json_reply(StatusCode::OK, document.text.to_string())).into_response()
    }
}

async fn probe() -> Response {
    json_reply(StatusCode::OK, json!({ "status": true, "region": "local" }).to_string())
}

async fn ingest(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    kind: Kind,
    shape: Shape,
) -> Result<Response, IngestError> {
    let received = Received { at: now_millis(), peer: peer.ip().to_canonical(), shape };
    let (parts, body) = request.into_parts();
    let understood = application(&parts.headers)
        .and_then(|application| Ok((application, body::Coding::of(&parts.headers)?)));
    let (application, coding) = match understood {
        Ok(understood) => understood,
        Err(error) => return Err(refuse(body, error).await),
    };
    let sent = match shared.intake.read(body).await {
        Ok(sent) => sent,
        Err((body, error)) => return Err(refuse(body, error).await),
    };
    let judging = shared.intake.judge().await?;
    // The body and the turn go along: a client that leaves does not stop the work, nor does it free its place.
    let judged = tokio::task::spawn_blocking(move || {
        let text = body::decode(coding, &sent)?;
        judge(kind, &text, &received).map(|(work, rejected)| (work, rejected, text.len(), judging))
    });
    let judged = judged
        .await
        .map_err(|error| if error.is_panic() { IngestError::Judging } else { IngestError::Stopping })?;
    let (work, mut rejected, size, judging) = judged?;
    let mut kept = work.len();
    if kept > 0 {
        let queued = shared.store.queue(application, received.at, work, size).await?;
        // Others are judged while this waits: what they bring is committed together with it or right after.
        drop(judging);
        for (index, rejection) in queued.committed().await? {
            kept = kept.saturating_sub(1);
            rejected.push(index, rejection);
        }
    }
    shared.count_rejected(rejected.count());
    Ok(reply(kept, rejected))
}

/// The reply once what can be kept is kept. A reply that cannot be written down is an empty one: none of its types
/// can fail to be.
fn reply(kept: usize, rejected: Rejected) -> Response {
    let status =
        if kept == 0 && rejected.count() > 0 { StatusCode::BAD_REQUEST } else { StatusCode::CREATED };
    let body = serde_json::to_string(&rejected.into_reply()).unwrap_or_else(|_| "{}".to_owned());
    json_reply(status, body)
}

/// Refuses before the body was read to its end. What the client is still sending is read and thrown away, within
/// bounds: a client that is cut off while it sends never sees the answer.
async fn refuse(body: Body, error: IngestError) -> IngestError {
    body::drain(body).await;
    error
}

/// The application id, which is required on every call.
fn application(headers: &HeaderMap) -> Result<String, IngestError> {
    headers
        .get(wire::APPLICATION_ID)
        .map(|id| String::from_utf8_lossy(id.as_bytes()).trim().to_owned())
        .filter(|id| !id.is_empty())
        .ok_or(IngestError::NoApplication)
}

/// Judges every element of a document on its own.
fn judge(kind: Kind, text: &[u8], received: &Received) -> Result<(Work, Rejected), IngestError> {
    let elements = list::elements(text, received.shape)?;
    Ok(match kind {
        Kind::Events => {
            let (kept, rejected) = list::judge_each(&elements, |_, raw| event::judge(raw, received));
            (Work::Events(kept), rejected)
        }
        Kind::Actions => {
            let (kept, rejected) = list::judge_each(&elements, |_, raw| action::judge(raw, received));
            (Work::Actions(kept), rejected)
        }
        Kind::Profiles(kind) => {
            let (kept, rejected) =
                list::judge_each(&elements, |index, raw| profile::judge(kind, index, raw, received));
            (Work::Profiles(kept), rejected)
        }
    })
}
