//! Errors that reject a whole request. Nothing of such a request is kept.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{body::BodyError, reply::ErrorReply, store::WriteError};

/// Why a request is rejected.
#[derive(Debug, thiserror::Error)]
pub(super) enum IngestError {
    #[error("no application id; send it in the header X-Moesif-Application-Id")]
    NoApplication,
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("the batch has more than {0} elements; split it")]
    TooManyElements(usize),
    #[error("the body is not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error("expected a JSON array on this route; send a single element to the route without /batch")]
    NotAnArray,
    #[error(transparent)]
    Store(#[from] WriteError),
    #[error("the collector failed while it read the body, which is a bug; nothing of this request was kept")]
    Panicked,
}

impl IngestError {
    const fn status(&self) -> StatusCode {
        match self {
            Self::NoApplication => StatusCode::UNAUTHORIZED,
            Self::Body(error) => error.status(),
            Self::TooManyElements(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson(_) | Self::NotAnArray => StatusCode::BAD_REQUEST,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for IngestError {
    fn into_response(self) -> Response {
        let status = self.status();
        let hint = match status {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Some((header::ACCEPT_ENCODING, "identity, gzip, deflate")),
            StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "1")),
            _ => None,
        };
        let mut response = ErrorReply::new(status, &self).into_response();
        if let Some((name, value)) = hint {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
