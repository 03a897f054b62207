//! Says in words why a TLS connection failed.

use std::borrow::Cow;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use super::error::TransportError;

impl TransportError {
    pub(super) fn from_tls(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(reason) if is_authority(reason) => Self::AuthorityCertificate,
            Error::InvalidCertificate(reason) => Self::Certificate(certificate_fault(reason).into_owned()),
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            Error::AlertReceived(alert) => match refusal(*alert) {
                Some(reason) => Self::TlsRefused(reason.to_owned()),
                None => Self::Tls(format!("the server sent the alert {alert:?}")),
            },
            other => Self::Tls(other.to_string()),
        }
    }
}

/// Whether a certificate is that of an authority.
fn is_authority(reason: &CertificateError) -> bool {
    // webpki's reason has no type of its own in rustls.
    matches!(reason, CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity"))
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
        other => other.to_string().into(),
    }
}

/// Returns why the server refuses the connection. `None` for an alert that another attempt may not get.
fn refusal(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA => "it requires a certificate of the client, and this package has none",
        AlertDescription::HandshakeFailure => {
            "it requires a certificate of the client, or a cipher that is not supported"
        }
        AlertDescription::InsufficientSecurity => "it requires a cipher that is not supported",
        AlertDescription::ProtocolVersion => "it supports neither TLS 1.2 nor TLS 1.3",
        AlertDescription::UnrecognisedName => "it does not serve this host name",
        AlertDescription::AccessDenied => "it denies access to this client",
        AlertDescription::NoApplicationProtocol => "it does not speak HTTP/1.1",
        AlertDescription::MissingExtension | AlertDescription::UnsupportedExtension => {
            "it requires other extensions of TLS"
        }
        _ => return None,
    })
}
