//! The read API under `/api`: captured data as JSON. An error names the invalid parameter.

mod parameters;

use axum::{
    Router,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use moesif_wire::Timestamp;
use serde_json::{Value, json};

use crate::{
    reply::{ErrorReply, json_reply},
    state::SharedState,
    store::{EventRow, ProfileKind, ReadError, StoredEvent, parse_object},
};
use parameters::{BadParameter, Parameters};

/// Number of rows on a page without a `limit` parameter.
const DEFAULT_LIMIT: usize = 50;
/// Maximum number of rows on a page.
const MAX_LIMIT: usize = 1000;

/// Why a query fails.
#[derive(Debug, thiserror::Error)]
enum QueryError {
    #[error(transparent)]
    Parameter(#[from] BadParameter),
    #[error("the id in the path is not valid UTF-8; percent-encode the bytes of its UTF-8 text")]
    InvalidId,
    #[error("there is no {0} `{1}`")]
    NotFound(&'static str, String),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl IntoResponse for QueryError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Parameter(_) | Self::InvalidId => StatusCode::BAD_REQUEST,
            Self::NotFound(..) => StatusCode::NOT_FOUND,
            Self::Read(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut reply = ErrorReply::new(status, &self);
        if let (Self::Parameter(bad), Value::Object(body)) = (self, &mut reply.body) {
            body.insert("parameter".to_owned(), bad.parameter.into());
            body.insert("value".to_owned(), bad.value.into());
            body.insert("expected".to_owned(), bad.expected.into());
        }
        reply.into_response()
    }
}

/// An id in a path. An error if it is not UTF-8.
type Id = Result<Path<String>, PathRejection>;
type QueryReply = Result<Response, QueryError>;

/// The routes under `/api`.
pub(crate) fn routes() -> Router<SharedState> {
    let profile = |kind: ProfileKind| {
        get(move |state: State<SharedState>, key: Id, query: RawQuery| profile(state, key, query, kind))
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

async fn events(State(state): State<SharedState>, RawQuery(query): RawQuery) -> QueryReply {
    let mut parameters = Parameters::parse(query.as_deref());
    let filter = parameters.event_filter()?;
    let limit = parameters.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    parameters.done()?;
    let page = state.store.readers().events(filter, limit).await?;
    let rows: Vec<Value> = page.rows.iter().map(row).collect();
    let next = page.next.map(parameters::write_cursor);
    Ok(ok(&json!({ "events": rows, "next": next })))
}

/// Returns an event as the list shows it.
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

async fn event(State(state): State<SharedState>, id: Id, RawQuery(query): RawQuery) -> QueryReply {
    let Path(id) = id.map_err(|_| QueryError::InvalidId)?;
    Parameters::parse(query.as_deref()).done()?;
    let stored = match id.parse() {
        Ok(number) => state.store.readers().event(number).await?,
        Err(_) => None,
    };
    let stored = stored.ok_or(QueryError::NotFound("event", id))?;
    Ok(json_reply(StatusCode::OK, with_collector_fields(&stored)))
}

/// Returns the stored document with the collector's own fields at the start. Does not parse the text, because
/// a body may contain values that a JSON tree cannot hold.
fn with_collector_fields(event: &StoredEvent) -> String {
    let mut own_fields = json!({
        "id": event.id,
        "received_at": Timestamp::from_millis(event.received),
        "duration_ms": event.duration,
    })
    .to_string();
    own_fields.pop();
    let fields = event.document.strip_prefix('{').unwrap_or("}");
    own_fields + "," + fields
}

async fn actions(State(state): State<SharedState>, RawQuery(query): RawQuery) -> QueryReply {
    let mut parameters = Parameters::parse(query.as_deref());
    let limit = parameters.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    parameters.done()?;
    let actions = state.store.readers().actions(limit).await?;
    let actions: Vec<Value> = actions
        .into_iter()
        .map(|action| {
            let mut fields = parse_object(&action.document);
            fields.insert("id".to_owned(), action.id.into());
            Value::Object(fields)
        })
        .collect();
    Ok(ok(&json!({ "actions": actions })))
}

async fn profile(
    State(state): State<SharedState>,
    key: Id,
    RawQuery(query): RawQuery,
    kind: ProfileKind,
) -> QueryReply {
    let Path(key) = key.map_err(|_| QueryError::InvalidId)?;
    let mut parameters = Parameters::parse(query.as_deref());
    let application = parameters.take("app");
    parameters.done()?;
    let stored = state.store.readers().profile(kind, key.clone(), application).await?;
    let stored = stored.ok_or(QueryError::NotFound(kind.as_str(), key))?;
    let mut profile = parse_object(&stored.document);
    if !stored.session_tokens.is_empty() {
        profile.insert("session_token".to_owned(), stored.session_tokens.into());
    }
    Ok(ok(&Value::Object(profile)))
}

async fn stats(State(state): State<SharedState>, RawQuery(query): RawQuery) -> QueryReply {
    Parameters::parse(query.as_deref()).done()?;
    let counts = state.store.readers().stats().await?;
    Ok(ok(&json!({
        "events": counts.events,
        "duplicates": counts.duplicates,
        "rejected": state.rejected(),
        "actions": counts.actions,
        "users": counts.users,
        "companies": counts.companies,
        "routes": counts.routes,
        "newest": counts.newest.map(Timestamp::from_millis),
        "oldest": counts.oldest.map(Timestamp::from_millis),
        "database_bytes": counts.bytes,
    })))
}

fn ok(body: &Value) -> Response {
    json_reply(StatusCode::OK, body.to_string())
}
