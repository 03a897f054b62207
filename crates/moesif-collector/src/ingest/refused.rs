//! Why a whole request is refused, as a status and a sentence.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::body::LIMIT;
use crate::{refusal::Refusal, store::WriteError};

/// A request nothing was kept of.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestError {
    #[error("no application id; send it in the header X-Moesif-Application-Id")]
    NoApplication,
    #[error("Content-Encoding `{0}` is not understood; send identity, gzip or deflate")]
    Coding(String),
    #[error("the body does not decode as {0}: {1}; send it again or uncompressed")]
    Encoded(&'static str, std::io::Error),
    #[error("the body is larger than {} bytes; split the batch", LIMIT)]
    TooLarge,
    #[error("the body decompresses to more than {} bytes; split the batch", LIMIT)]
    TooLargeDecoded,
    #[error("the batch has more than {0} elements; split it")]
    TooMany(usize),
    #[error("the body is not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error("expected a JSON array on this route; send a single element to the route without /batch")]
    NotAnArray,
    #[error("the body stopped before its end: {0}; send the request again")]
    Broken(axum::Error),
    #[error("nothing of the body arrived for {0} seconds; send the request again")]
    Slow(u64),
    #[error(
        "too many bodies are being received at once; nothing of this request was kept, send it again later"
    )]
    Busy,
    #[error(transparent)]
    Store(#[from] WriteError),
    #[error("the collector is stopping; nothing of this request was kept, send it again later")]
    Stopping,
    #[error("judging the body failed, which is a defect of the collector; nothing of this request was kept")]
    Judging,
}

impl IngestError {
    const fn status(&self) -> StatusCode {
        match self {
            Self::NoApplication => StatusCode::UNAUTHORIZED,
            Self::Coding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge | Self::TooLargeDecoded | Self::TooMany(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encoded(..) | Self::NotJson(_) | Self::NotAnArray | Self::Broken(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Store(_) | Self::Busy | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Judging => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for IngestError {
    fn into_response(self) -> Response {
        let mut response = Refusal::new(self.status(), &self).into_response();
        let hint = match self {
            Self::Coding(_) => Some((header::ACCEPT_ENCODING, "identity, gzip, deflate")),
            Self::Store(_) | Self::Busy | Self::Stopping => Some((header::RETRY_AFTER, "1")),
            _ => None,
        };
        if let Some((name, value)) = hint {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
