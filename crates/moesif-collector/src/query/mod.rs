//! The read API, `/api`: what was captured, as JSON.
//!
//! In: a path and parameters. Out: rows, whole documents, counts; a parameter that cannot be understood is named in
//! the refusal. Only reads, and never waits for the writer.

mod parameters;

use axum::{
    Router,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use moesif_wire::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    refusal::{Refusal, json_reply},
    server::Shared,
    store::{EventRow, ProfileKind, ReadError, StoredEvent},
};
use parameters::{BadParameter, Parameters};

/// Rows on a page unless the query says otherwise.
const PAGE: usize = 50;
/// Rows on a page at most.
const LONGEST_PAGE: usize = 1000;

/// Why a question is not answered.
#[derive(Debug, thiserror::Error)]
enum QueryError {
    #[error(transparent)]
    Parameter(#[from] BadParameter),
    #[error("the id in the path is not text in UTF-8; escape its bytes as %XX")]
    Path,
    #[error("there is no {0} `{1}`")]
    Unknown(&'static str, String),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl IntoResponse for QueryError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Parameter(_) | Self::Path => StatusCode::BAD_REQUEST,
            Self::Unknown(..) => StatusCode::NOT_FOUND,
            Self::Read(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut refusal = Refusal::new(status, &self);
        if let (Self::Parameter(bad), Value::Object(body)) = (self, &mut refusal.body) {
            body.insert("parameter".to_owned(), bad.parameter.into());
            body.insert("value".to_owned(), bad.value.into());
            body.insert("expected".to_owned(), bad.expected.into());
        }
        refusal.into_response()
    }
}

/// An id in a path, which may turn out not to be text.
type Id = Result<Path<String>, PathRejection>;
type Answer = Result<Response, QueryError>;

/// The routes under `/api`.
pub(crate) fn routes() -> Router<Shared> {
    let profile = |kind: ProfileKind| {
        get(move |state: State<Shared>, key: Id, query: RawQuery| profile(state, key, query, kind))
    };
    Router::new()
        .route("/api/events", get(events))
        .route("/api/events/{id}", get(event))
        .route("/api/actions", get(actions))
        .route("/api/users/{id}", profile(ProfileKind::User))
        .route("/api/companies/{id}", profile(ProfileKind::Company))
        .route("/api/subscriptions/{id}", profile(ProfileKind::Subscription))
        .route("/api/stats", get(stats))
}

async fn events(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    let mut parameters = Parameters::read(query.as_deref());
    let filter = parameters.event_filter()?;
    let limit = parameters.limit(PAGE, LONGEST_PAGE)?;
    parameters.done()?;
    let (rows, next) = shared.store.readers().events(filter, limit).await?;
    let rows: Vec<Value> = rows.iter().map(row).collect();
    let next = next.map(parameters::write_cursor);
    Ok(found(&json!({ "events": rows, "next": next })))
}

fn row(event: &EventRow) -> Value {
    json!({
        "id": event.id,
        "time": Timestamp::from_millis(event.time),
        "verb": event.verb,
        "uri": event.uri,
        "route": if event.route.is_empty() { "/" } else { &event.route },
        "status": event.status,
        "duration_ms": event.duration,
        "user_id": event.user,
        "company_id": event.company,
        "direction": event.direction,
        "weight": event.weight,
        "transaction_id": event.transaction_id,
        "request_bytes": event.request_bytes,
        "response_bytes": event.response_bytes,
    })
}

async fn event(State(shared): State<Shared>, id: Id, RawQuery(query): RawQuery) -> Answer {
    let Path(id) = id.map_err(|_| QueryError::Path)?;
    Parameters::read(query.as_deref()).done()?;
    let stored = match id.parse() {
        Ok(number) => shared.store.readers().event(number).await?,
        Err(_) => None,
    };
    let stored = stored.ok_or(QueryError::Unknown("event", id))?;
    Ok(json_reply(StatusCode::OK, whole(&stored)))
}

/// The stored document with what the collector knows put before its first field. It is not taken apart for that:
/// a body may hold what a JSON tree cannot.
fn whole(event: &StoredEvent) -> String {
    let mut known = json!({
        "id": event.id,
        "received_at": Timestamp::from_millis(event.received),
        "duration_ms": event.duration,
    })
    .to_string();
    known.pop();
    let fields = event.document.strip_prefix('{').unwrap_or("}");
    known + "," + fields
}

async fn actions(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    let mut parameters = Parameters::read(query.as_deref());
    let limit = parameters.limit(PAGE, LONGEST_PAGE)?;
    parameters.done()?;
    let actions = shared.store.readers().actions(i64::try_from(limit).unwrap_or(i64::MAX)).await?;
    let actions: Vec<Value> = actions
        .into_iter()
        .map(|(id, document)| {
            let mut action = object(&document);
            action.insert("id".to_owned(), id.into());
            Value::Object(action)
        })
        .collect();
    Ok(found(&json!({ "actions": actions })))
}

async fn profile(
    State(shared): State<Shared>,
    key: Id,
    RawQuery(query): RawQuery,
    kind: ProfileKind,
) -> Answer {
    let Path(key) = key.map_err(|_| QueryError::Path)?;
    let mut parameters = Parameters::read(query.as_deref());
    let application = parameters.take("app");
    parameters.done()?;
    let stored = shared.store.readers().profile(kind, key.clone(), application).await?;
    let (document, tokens) = stored.ok_or(QueryError::Unknown(kind.as_str(), key))?;
    let mut profile = object(&document);
    if !tokens.is_empty() {
        profile.insert("session_token".to_owned(), tokens.into());
    }
    Ok(found(&Value::Object(profile)))
}

/// A stored document of a small kind: this collector wrote it from an object.
fn object(document: &str) -> Map<String, Value> {
    serde_json::from_str(document).unwrap_or_default()
}

async fn stats(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    Parameters::read(query.as_deref()).done()?;
    let stats = shared.store.readers().stats().await?;
    Ok(found(&json!({
        "events": stats.events,
        "duplicates": stats.duplicates,
        "rejected": shared.rejected(),
        "actions": stats.actions,
        "users": stats.users,
        "companies": stats.companies,
        "routes": stats.routes,
        "newest": stats.newest.map(Timestamp::from_millis),
        "oldest": stats.oldest.map(Timestamp::from_millis),
        "database_bytes": stats.bytes,
    })))
}

fn found(body: &Value) -> Response {
    json_reply(StatusCode::OK, body.to_string())
}
