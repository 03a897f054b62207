//! Says in words why a TLS connection failed.

use std::borrow::Cow;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use super::error::TransportError;

impl TransportError {
    pub(super) fn from_tls(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(reason) => Self::Certificate(certificate_fault(reason).into_owned()),
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            Error::AlertReceived(alert) => Self::TlsRefused(refusal(*alert).into_owned()),
            other => Self::Tls(other.to_string()),
        }
    }
}

/// Returns why a certificate is not accepted, with `it` for the certificate.
fn certificate_fault(reason: &CertificateError) -> Cow<'static, str> {
    match reason {
        CertificateError::UnknownIssuer => "no trusted authority has issued it".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".into()
        }
        CertificateError::NotValidForNameContext { expected, presented } if !presented.is_empty() => {
            format!("it is not for {} but for {}", expected.to_str(), presented.join(", ")).into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".into()
        }
        // webpki's reason has no type of its own in rustls.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is the certificate of an authority (CA:TRUE), but a server needs one with CA:FALSE".into()
        }
        other => other.to_string().into(),
    }
}

/// Returns why the server ended the handshake.
fn refusal(alert: AlertDescription) -> Cow<'static, str> {
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::BadCertificate => {
            "it requires a certificate of the client, and this package has none".into()
        }
        AlertDescription::HandshakeFailure => {
            "it requires a certificate of the client, or a cipher that is not supported".into()
        }
        AlertDescription::ProtocolVersion => "it supports neither TLS 1.2 nor TLS 1.3".into(),
        AlertDescription::UnrecognisedName => "it does not serve this host name".into(),
        other => format!("alert {other:?}").into(),
    }
}
