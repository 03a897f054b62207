//! Who may read. In: a request for the page or the read API. Out: the request let through, or 403.
//!
//! The port is open to every page the operator's browser shows. A page of another site is refused by its Origin; a
//! site whose name was pointed at this machine (DNS rebinding) by its Host, which is checked where the collector
//! listens on loopback and its names are therefore known.

use std::net::SocketAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{refusal::Refusal, server::Shared};

/// Why a reader is turned away.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Denied {
    #[error("host `{0}` is not this collector; open it as http://{1}")]
    Host(String, SocketAddr),
    #[error("pages of `{0}` may not read captured data; open the collector's own page")]
    Origin(String),
}

/// Checks Host and Origin, and marks the answer as nobody else's.
pub(crate) async fn check(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = match judge(shared.address, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(denied) => Refusal::new(StatusCode::FORBIDDEN, &denied).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}

fn judge(address: SocketAddr, headers: &HeaderMap) -> Result<(), Denied> {
    let host = only(headers, &header::HOST);
    if address.ip().is_loopback() && !host.as_deref().is_some_and(|host| names(address, host)) {
        return Err(Denied::Host(host.unwrap_or_default(), address));
    }
    if headers.contains_key(header::ORIGIN) {
        let origin = only(headers, &header::ORIGIN).unwrap_or_default();
        let same = origin
            .split_once("://")
            .is_some_and(|(_, at)| host.as_deref().is_some_and(|host| host.eq_ignore_ascii_case(at)));
        if !same {
            return Err(Denied::Origin(origin));
        }
    }
    Ok(())
}

/// The value of a header that is there exactly once.
fn only(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(String::from_utf8_lossy(value.as_bytes()).into_owned()),
        _ => None,
    }
}

/// Whether a Host header means this loopback address. The port may be left out where it is HTTP's own.
fn names(address: SocketAddr, host: &str) -> bool {
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

    fn verdict(address: &str, given: &[(HeaderName, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(name, HeaderValue::from_static(value));
        }
        judge(address.parse().unwrap(), &headers).is_ok()
    }

    #[test]
    fn on_loopback_only_its_own_names_are_hosts() {
        let host = |value| verdict("127.0.0.1:9500", &[(header::HOST, value)]);
        for good in ["localhost:9500", "127.0.0.1:9500", "[::1]:9500", "LOCALHOST:9500"] {
            assert!(host(good), "{good}");
        }
        for bad in
            ["", "localhost", "localhost:80", "evil.example:9500", "127.0.0.1.evil.example:9500", "x:9500"]
        {
            assert!(!host(bad), "{bad}");
        }
        assert!(!verdict("127.0.0.1:9500", &[]));
        assert!(!verdict("127.0.0.1:1", &[(header::HOST, "localhost:1"), (header::HOST, "localhost:1")]));
        assert!(verdict("127.0.0.1:80", &[(header::HOST, "localhost")]));
        assert!(verdict("0.0.0.0:9500", &[(header::HOST, "collector.example")]));
    }

    #[test]
    fn a_page_of_another_origin_does_not_read() {
        for (origin, good) in [
            ("http://localhost:9500", true),
            ("http://localhost:9501", false),
            ("http://evil.example", false),
            ("null", false),
        ] {
            let given = [(header::HOST, "localhost:9500"), (header::ORIGIN, origin)];
            assert_eq!(verdict("127.0.0.1:9500", &given), good, "{origin}");
        }
    }
}
