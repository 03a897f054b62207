//! Why a request got no complete answer.

use std::io;

use super::resolver::LookupError;

/// No complete answer came back.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The address of the collector or the proxy was not found.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The connection was not made within `CONNECT_TIMEOUT`.
    #[error("no connection within CONNECT_TIMEOUT")]
    ConnectTimeout,
    /// The connection was made, but the answer was not complete in time. A smaller request might succeed.
    #[error("no complete answer in time")]
    Timeout,
    /// The connection could not be made, or broke.
    #[error("connection failed: {0}")]
    Connection(io::Error),
    /// The certificate of the collector or the proxy is not accepted. Another attempt would fail in the same
    /// way.
    #[error("the TLS certificate is not accepted: {0}")]
    Certificate(String),
    /// The certificate of the collector or the proxy is that of an authority. Another attempt would fail in the
    /// same way.
    #[error(
        "the TLS certificate is not accepted: it is the certificate of an authority (CA:TRUE), but a server needs one \
         with CA:FALSE"
    )]
    AuthorityCertificate,
    /// The answer to the TLS handshake is not TLS. Another attempt would fail in the same way.
    #[error("the port does not speak TLS: if it speaks plain HTTP, begin BASE_URI with http://")]
    NotTls,
    /// The server refused the TLS connection with an alert that another attempt would get too.
    #[error("the server refused the TLS connection: {0}")]
    TlsRefused(String),
    /// TLS failed for another reason.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The proxy refused to open a tunnel.
    #[error("the CONNECT proxy refused: {0}")]
    Proxy(String),
    /// The answer is not valid HTTP.
    #[error("the answer is not valid HTTP: {0}")]
    Protocol(String),
    /// The answer to a request for a document is too long.
    #[error("the answer is longer than {limit} bytes")]
    ReplyTooLong {
        /// Maximum number of bytes that are read.
        limit: u64,
    },
    /// The HTTP library reports another error.
    #[error("the request failed: {0}")]
    Other(String),
    /// No thread could be started to make the request.
    #[error("no thread could be started: {0}")]
    NoThread(String),
    /// Making the request panicked.
    #[error("a fault in this package: please report it")]
    Panicked,
    /// The caller no longer waits.
    #[error("the request was cancelled")]
    Cancelled,
    /// The request was started before a fork, by the parent process. The child cannot continue it.
    #[error("the request was begun by the process this one was forked from")]
    Forked,
    /// The outcome was taken by an earlier call.
    #[error("the outcome has already been taken")]
    OutcomeTaken,
}

impl From<ureq::Error> for TransportError {
    fn from(error: ureq::Error) -> Self {
        use ureq::{Error, Timeout};
        match error {
            Error::Timeout(Timeout::Connect | Timeout::Resolve) => Self::ConnectTimeout,
            Error::Timeout(_) => Self::Timeout,
            Error::Io(error) => Self::from_io(error),
            Error::Rustls(error) => Self::from_tls(&error),
            Error::Tls(reason) => Self::Tls(reason.to_owned()),
            Error::ConnectProxyFailed(reason) => Self::Proxy(reason),
            Error::BodyExceedsLimit(limit) => Self::ReplyTooLong { limit },
            Error::Protocol(error) => Self::Protocol(error.to_string()),
            Error::LargeResponseHeader(..) => Self::Protocol(error.to_string()),
            // The resolver reports its errors in this variant.
            Error::Other(error) => match error.downcast::<LookupError>() {
                Ok(error) => Self::Lookup(*error),
                Err(error) => Self::Other(error.to_string()),
            },
            other => Self::Other(other.to_string()),
        }
    }
}

impl TransportError {
    /// Converts an I/O error. TLS errors that appear while reading or writing are wrapped in one.
    fn from_io(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(tls) => Self::from_tls(tls),
            None => Self::Connection(error),
        }
    }

    /// Whether the server certainly got nothing of the request.
    #[must_use]
    pub(crate) fn was_not_sent(&self) -> bool {
        match self {
            Self::Lookup(_) | Self::ConnectTimeout => true,
            Self::Connection(error) => error.kind() == io::ErrorKind::ConnectionRefused,
            _ => false,
        }
    }

    /// Whether another attempt would fail in the same way.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Certificate(_) | Self::AuthorityCertificate | Self::NotTls | Self::TlsRefused(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_certificate_is_recognised_inside_another_error() {
        let bad = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        for error in
            [ureq::Error::Rustls(bad()), ureq::Error::Io(io::Error::new(io::ErrorKind::InvalidData, bad()))]
        {
            let error = TransportError::from(error);
            assert!(matches!(error, TransportError::Certificate(_)), "{error:?}");
            assert_eq!(
                error.to_string(),
                "the TLS certificate is not accepted: no trusted authority has issued it"
            );
        }
    }

    #[test]
    fn only_alerts_that_another_attempt_would_get_too_are_permanent() {
        use rustls::AlertDescription as Alert;
        for (alert, is_permanent) in [
            (Alert::CertificateRequired, true),
            (Alert::HandshakeFailure, true),
            (Alert::ProtocolVersion, true),
            (Alert::UnknownCA, true),
            (Alert::InternalError, false),
            (Alert::BadRecordMac, false),
            (Alert::DecryptError, false),
            (Alert::UserCanceled, false),
            (Alert::Unknown(200), false),
        ] {
            let error = TransportError::from(ureq::Error::Rustls(rustls::Error::AlertReceived(alert)));
            assert_eq!(error.is_permanent(), is_permanent, "{alert:?}");
            assert_eq!(matches!(error, TransportError::TlsRefused(_)), is_permanent, "{error:?}");
        }
        let error =
            TransportError::from(ureq::Error::Rustls(rustls::Error::AlertReceived(Alert::InternalError)));
        assert_eq!(error.to_string(), "TLS failed: the server sent the alert InternalError");
    }

    #[test]
    fn only_a_timeout_while_connecting_is_a_connect_timeout() {
        use ureq::Timeout;
        for (timeout, is_connecting) in [
            (Timeout::Resolve, true),
            (Timeout::Connect, true),
            (Timeout::Global, false),
            (Timeout::RecvBody, false),
        ] {
            let error = TransportError::from(ureq::Error::Timeout(timeout));
            assert_eq!(matches!(error, TransportError::ConnectTimeout), is_connecting, "{timeout:?}");
            assert_eq!(matches!(error, TransportError::Timeout), !is_connecting, "{timeout:?}");
        }
    }

    #[test]
    fn other_failures_keep_their_reason() {
        for (error, expected) in [
            (
                ureq::Error::Io(io::Error::from(io::ErrorKind::ConnectionRefused)),
                "connection failed: connection refused",
            ),
            (ureq::Error::ConnectProxyFailed("407".to_owned()), "the CONNECT proxy refused: 407"),
            (
                ureq::Error::Other(Box::new(LookupError::TimedOut { name: "h:1".to_owned() })),
                "the address of h:1 was not found in time",
            ),
            (ureq::Error::TlsRequired, "the request failed: TLS required, but transport is unsecured"),
        ] {
            assert_eq!(TransportError::from(error).to_string(), expected);
        }
    }
}
