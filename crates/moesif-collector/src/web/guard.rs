//! Access check for the page and the read API.
//!
//! Any page in the operator's browser can send requests to the collector. The Origin header shows that a
//! request comes from another site's page. The Host header shows that the name of another site resolves to
//! this machine (DNS rebinding). Host is checked only if the collector listens on a loopback address, because
//! only then its valid names are known.

use std::net::SocketAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{reply::ErrorReply, state::SharedState};

/// Why access is denied.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum AccessError {
    #[error("host `{0}` is not an address of this collector; open http://{1}")]
    Host(String, SocketAddr),
    #[error("pages of origin `{0}` may not read captured data; open the collector's own page")]
    Origin(String),
}

/// Checks Host and Origin. Adds headers that prevent other sites from embedding the reply.
pub(crate) async fn check(State(state): State<SharedState>, request: Request, next: Next) -> Response {
    let mut response = match check_headers(state.address, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => ErrorReply::new(StatusCode::FORBIDDEN, &error).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}

fn check_headers(address: SocketAddr, headers: &HeaderMap) -> Result<(), AccessError> {
    let host = single(headers, &header::HOST);
    if address.ip().is_loopback() && !host.as_deref().is_some_and(|host| is_own_host(address, host)) {
        return Err(AccessError::Host(host.unwrap_or_default(), address));
    }
    if headers.contains_key(header::ORIGIN) {
        let origin = single(headers, &header::ORIGIN).unwrap_or_default();
        let is_same_origin = origin
            .split_once("://")
            .is_some_and(|(_, at)| host.as_deref().is_some_and(|host| host.eq_ignore_ascii_case(at)));
        if !is_same_origin {
            return Err(AccessError::Origin(origin));
        }
    }
    Ok(())
}

/// Returns the value of a header. `None` if it is absent or repeated.
fn single(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(String::from_utf8_lossy(value.as_bytes()).into_owned()),
        _ => None,
    }
}

/// Returns whether a Host header names this loopback address. The port may be absent if it is 80.
fn is_own_host(address: SocketAddr, host: &str) -> bool {
    let port = format!(":{}", address.port());
    let name = match host.strip_suffix(&port) {
        Some(name) => name,
        None if address.port() == 80 => host,
        None => return false,
    };
    let own = match address {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    };
    ["localhost", "127.0.0.1", "[::1]", &own].iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(address: &str, given: &[(HeaderName, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(name, HeaderValue::from_static(value));
        }
        check_headers(address.parse().unwrap(), &headers).is_ok()
    }

    #[test]
    fn on_loopback_only_own_hosts_are_allowed() {
        let host = |value| is_allowed("127.0.0.1:9500", &[(header::HOST, value)]);
        for good in ["localhost:9500", "127.0.0.1:9500", "[::1]:9500", "LOCALHOST:9500"] {
            assert!(host(good), "{good}");
        }
        for bad in
            ["", "localhost", "localhost:80", "evil.example:9500", "127.0.0.1.evil.example:9500", "x:9500"]
        {
            assert!(!host(bad), "{bad}");
        }
        assert!(!is_allowed("127.0.0.1:9500", &[]));
        assert!(!is_allowed("127.0.0.1:1", &[(header::HOST, "localhost:1"), (header::HOST, "localhost:1")]));
        assert!(is_allowed("127.0.0.1:80", &[(header::HOST, "localhost")]));
        assert!(is_allowed("0.0.0.0:9500", &[(header::HOST, "collector.example")]));
    }

    #[test]
    fn other_origins_are_denied() {
        for (origin, good) in [
            ("http://localhost:9500", true),
            ("http://localhost:9501", false),
            ("http://evil.example", false),
            ("null", false),
        ] {
            let given = [(header::HOST, "localhost:9500"), (header::ORIGIN, origin)];
            assert_eq!(is_allowed("127.0.0.1:9500", &given), good, "{origin}");
        }
    }
}
