//! Request bodies: received within a memory budget and decoded within a size limit.

mod decode;
mod receive;

use axum::http::StatusCode;

pub(crate) use decode::{Coding, decode};
pub(crate) use receive::{BodyReceiver, ReceiveError, ReceivedBody, drain};

/// Maximum size of a body in bytes, as sent and as decoded. The contract limits the decoded size of a batch.
pub(crate) const MAX_BODY: usize = 50 * 1024 * 1024;

/// Why a body cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("Content-Encoding `{0}` is not supported; send identity, gzip or deflate")]
    UnsupportedCoding(String),
    #[error("the body is not valid {0} data: {1}; send it again or uncompressed")]
    Corrupt(&'static str, std::io::Error),
    #[error("the body is larger than {MAX_BODY} bytes; split the batch")]
    TooLarge,
    #[error("the body decompresses to more than {MAX_BODY} bytes; split the batch")]
    TooLargeDecoded,
    #[error("the body ended early: {0}; send the request again")]
    Incomplete(axum::Error),
    #[error("no data of the body arrived for {0} seconds; send the request again")]
    Stalled(u64),
    #[error("too many bodies are being received; nothing of this request was kept, send it again later")]
    Busy,
    #[error("the collector is stopping; nothing of this request was kept, send it again later")]
    Stopping,
}

impl BodyError {
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::UnsupportedCoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Corrupt(..) | Self::Incomplete(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge | Self::TooLargeDecoded => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Stalled(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Busy | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
