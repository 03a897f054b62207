//! Reading `environ` into an exchange, in one pass.

use std::borrow::Cow;

use moesif::Exchange;
use moesif::capture::{Policy, UriParts};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString};

use crate::convert::with_text;

/// What the head of a request says about its body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RequestHead {
    /// Whether a body may follow.
    pub(super) may_have_body: bool,
    /// A valid `CONTENT_LENGTH`.
    pub(super) declared_length: Option<u64>,
    /// The dictionary has been through a middleware of ours before.
    pub(super) holds_keys_of_ours: bool,
    /// The client waits for permission to send the body.
    expects_continue: bool,
}

impl RequestHead {
    /// The length of the body, if it may be read before the application asks for it: it is announced, it fits the limit, and
    /// nobody waits for a go-ahead that only the application should give.
    pub(super) fn may_read_first(&self, policy: &Policy) -> Option<u64> {
        let fits = |length: &u64| {
            usize::try_from(*length).is_ok_and(|length| length <= policy.request_max_body_size)
        };
        self.declared_length.filter(fits).filter(|_| !self.expects_continue)
    }
}

/// Text of a variable, or nothing: absent, or no text. A lone surrogate becomes U+FFFD.
fn variable<'a>(value: Option<&'a Bound<'_, PyAny>>) -> Cow<'a, str> {
    let Some(text) = value.and_then(|value| value.cast::<PyString>().ok()) else {
        return Cow::Borrowed("");
    };
    text.to_str().map_or_else(|_| text.to_string_lossy(), Cow::Borrowed)
}

/// The same for a variable that some servers give as a number.
fn text_or_number<'a>(value: Option<&'a Bound<'_, PyAny>>) -> Cow<'a, str> {
    match value.and_then(|value| value.cast::<PyInt>().ok()).map(|number| number.extract::<u16>()) {
        Some(Ok(number)) => Cow::Owned(number.to_string()),
        _ => variable(value),
    }
}

/// Copies the request's head. Anything PEP 3333 allows is understood, anything else passed over.
pub(super) fn read<'py>(environ: &Bound<'py, PyDict>, exchange: &mut Exchange) -> RequestHead {
    let py = environ.py();
    let get = |key: &Bound<'py, PyString>| environ.get_item(key).ok().flatten();
    let mut head = RequestHead::default();
    let mut is_chunked = false;
    for (key, value) in environ.iter() {
        let Ok(key) = key.cast::<PyString>() else {
            continue;
        };
        let Ok(key) = key.to_str() else {
            continue;
        };
        head.holds_keys_of_ours |= key.starts_with("moesif.");
        let cgi_name = match key.strip_prefix("HTTP_") {
            Some("CGI_AUTHORIZATION") => "AUTHORIZATION",
            Some(name) => name,
            None if key == "CONTENT_TYPE" || key == "CONTENT_LENGTH" => key,
            None => continue,
        };
        with_text(&value, |text| {
            if text.is_empty() && !key.starts_with("HTTP_") {
                return;
            }
            exchange.add_cgi_request_header(cgi_name, text);
            match cgi_name {
                "CONTENT_LENGTH" if !key.starts_with("HTTP_") => {
                    head.declared_length = text.trim().parse().ok();
                    head.may_have_body = head.declared_length != Some(0);
                }
                "TRANSFER_ENCODING" => is_chunked = text.to_ascii_lowercase().contains("chunked"),
                "EXPECT" => head.expects_continue = true,
                _ => {}
            }
        });
    }
    let method = get(intern!(py, "REQUEST_METHOD"));
    let method = variable(method.as_ref());
    exchange.set_verb(&method);
    // Over HTTP/2 a body may come without a length and without chunks.
    let ends_itself = || {
        !matches!(&*method, "GET" | "HEAD")
            && get(intern!(py, "wsgi.input_terminated")).is_some_and(|flag| flag.is_truthy().unwrap_or(false))
    };
    if is_chunked || (!head.may_have_body && head.declared_length.is_none() && ends_itself()) {
        head.may_have_body = true;
    }
    if let Some(length) = head.declared_length {
        exchange.set_declared_length(length);
    }
    let (scheme, host) = (get(intern!(py, "wsgi.url_scheme")), get(intern!(py, "HTTP_HOST")));
    let (server_name, server_port) = (get(intern!(py, "SERVER_NAME")), get(intern!(py, "SERVER_PORT")));
    let (script_name, path_info) = (get(intern!(py, "SCRIPT_NAME")), get(intern!(py, "PATH_INFO")));
    let query = get(intern!(py, "QUERY_STRING"));
    exchange.set_uri_parts(&UriParts {
        scheme: &variable(scheme.as_ref()),
        host: &variable(host.as_ref()),
        server_name: &variable(server_name.as_ref()),
        server_port: &text_or_number(server_port.as_ref()),
        script_name: &variable(script_name.as_ref()),
        path_info: &variable(path_info.as_ref()),
        query: &variable(query.as_ref()),
    });
    exchange.set_peer_address(&variable(get(intern!(py, "REMOTE_ADDR")).as_ref()));
    head
}
