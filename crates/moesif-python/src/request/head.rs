//! Reads the head of a request (`environ`, or `request.META` in Django) into an exchange, in one pass.

use std::borrow::Cow;

use moesif::Exchange;
use moesif::call::{Policy, UriParts};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString};

use crate::convert::{native, with_text};
use crate::once::intern;

/// What the head of a request says about its body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestHead {
    /// Whether a body may follow.
    pub(crate) may_have_body: bool,
    /// A valid `CONTENT_LENGTH`.
    pub(crate) declared_length: Option<u64>,
    /// Whether the dictionary has keys of ours, from an earlier request or from another middleware.
    pub(crate) has_moesif_keys: bool,
    /// Whether the client waits for permission to send the body.
    expects_continue: bool,
}

impl RequestHead {
    /// Notes that the whole body has arrived, and its length, whatever was announced.
    pub(crate) fn set_arrived(&mut self, length: u64) {
        self.declared_length = Some(length);
        self.expects_continue = false;
    }

    /// Returns the length of the body if it may be read before the application asks for it: the length is
    /// announced and within the limit, and the client does not wait for a `100 Continue`, which only the
    /// application should cause.
    pub(crate) fn length_to_read_first(&self, policy: &Policy) -> Option<u64> {
        let fits = |length: &u64| {
            usize::try_from(*length).is_ok_and(|length| length <= policy.request_max_body_size)
        };
        self.declared_length.filter(fits).filter(|_| !self.expects_continue)
    }
}

/// Returns the text of a variable. Empty if it is absent or not text. A lone surrogate becomes U+FFFD.
fn variable<'a>(value: Option<&'a Bound<'_, PyAny>>) -> Cow<'a, str> {
    let Some(text) = value.and_then(|value| value.cast::<PyString>().ok()) else {
        return Cow::Borrowed("");
    };
    text.to_str().map_or_else(|_| text.to_string_lossy(), Cow::Borrowed)
}

/// Returns the text of a variable that some servers set to a number.
fn text_or_number<'a>(value: Option<&'a Bound<'_, PyAny>>) -> Cow<'a, str> {
    match value.and_then(|value| value.cast::<PyInt>().ok()).map(|number| number.extract::<u16>()) {
        Some(Ok(number)) => Cow::Owned(number.to_string()),
        _ => variable(value),
    }
}

/// How to read variables, which depends on the server interface that made them.
pub(crate) struct Origin<'a> {
    /// Scheme of the URI.
    pub(crate) scheme: &'a str,
    /// Host of the URI, if it is not that of `HTTP_HOST`.
    pub(crate) host: Option<&'a str>,
    /// Whether `SCRIPT_NAME` and `PATH_INFO` are decoded text, not the "native strings" of PEP 3333.
    pub(crate) path_is_text: bool,
    /// Whether `QUERY_STRING` is decoded text.
    pub(crate) query_is_text: bool,
    /// Whether `HTTP_CGI_AUTHORIZATION` holds the authorization header.
    pub(crate) has_cgi_authorization: bool,
}

/// Copies the head of a WSGI request.
pub(crate) fn read_wsgi(environ: &Bound<'_, PyDict>, exchange: &mut Exchange) -> RequestHead {
    let scheme = get(environ, intern!(environ.py(), "wsgi.url_scheme"));
    let origin = Origin {
        scheme: &variable(scheme.as_ref()),
        host: None,
        path_is_text: false,
        query_is_text: false,
        has_cgi_authorization: true,
    };
    read(environ, &origin, exchange)
}

/// Copies the head of a request. Understands everything that PEP 3333 allows and ignores the rest.
pub(crate) fn read(environ: &Bound<'_, PyDict>, origin: &Origin<'_>, exchange: &mut Exchange) -> RequestHead {
    let py = environ.py();
    let Headers { mut head, is_chunked } = read_headers(environ, origin.has_cgi_authorization, exchange);
    let method = get(environ, intern!(py, "REQUEST_METHOD"));
    let method = variable(method.as_ref());
    exchange.set_verb(&method);
    // Over HTTP/2 a body may have neither a length nor chunks.
    let is_terminated = || {
        !matches!(&*method, "GET" | "HEAD")
            && get(environ, intern!(py, "wsgi.input_terminated"))
                .is_some_and(|flag| flag.is_truthy().unwrap_or(false))
    };
    if is_chunked || (!head.may_have_body && head.declared_length.is_none() && is_terminated()) {
        head.may_have_body = true;
    }
    if let Some(length) = head.declared_length {
        exchange.set_declared_length(length);
    }
    let host = get(environ, intern!(py, "HTTP_HOST"));
    let server_name = get(environ, intern!(py, "SERVER_NAME"));
    let server_port = get(environ, intern!(py, "SERVER_PORT"));
    let script_name = get(environ, intern!(py, "SCRIPT_NAME"));
    let path_info = get(environ, intern!(py, "PATH_INFO"));
    let query = get(environ, intern!(py, "QUERY_STRING"));
    let (script_name, path_info) = (variable(script_name.as_ref()), variable(path_info.as_ref()));
    // Django joins the two with one slash.
    let script_name = if origin.path_is_text { script_name.trim_end_matches('/') } else { &script_name };
    let query = variable(query.as_ref());
    exchange.set_uri_parts(&UriParts {
        scheme: origin.scheme,
        host: origin.host.unwrap_or(&variable(host.as_ref())),
        server_name: &variable(server_name.as_ref()),
        server_port: &text_or_number(server_port.as_ref()),
        script_name: &native_if(origin.path_is_text, script_name),
        path_info: &native_if(origin.path_is_text, &path_info),
        query: &native_if(origin.query_is_text, &query),
    });
    exchange.set_peer_address(&variable(get(environ, intern!(py, "REMOTE_ADDR")).as_ref()));
    head
}

struct Headers {
    head: RequestHead,
    is_chunked: bool,
}

/// Copies the headers.
fn read_headers(
    environ: &Bound<'_, PyDict>,
    has_cgi_authorization: bool,
    exchange: &mut Exchange,
) -> Headers {
    let mut head = RequestHead::default();
    let mut is_chunked = false;
    for (key, value) in environ.iter() {
        let Ok(key) = key.cast::<PyString>() else {
            continue;
        };
        let Ok(key) = key.to_str() else {
            continue;
        };
        head.has_moesif_keys |= key.starts_with("moesif.");
        let cgi_name = match key.strip_prefix("HTTP_") {
            Some("CGI_AUTHORIZATION") if has_cgi_authorization => "AUTHORIZATION",
            Some(name) => name,
            None if key == "CONTENT_TYPE" || key == "CONTENT_LENGTH" => key,
            None => continue,
        };
        let value = match value.cast_into::<PyString>() {
            Ok(text) => text,
            // The test client of older Djangos sets the length to a number.
            Err(other) => match other.into_inner().cast_into::<PyInt>().map(|number| number.str()) {
                Ok(Ok(text)) => text,
                _ => continue,
            },
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
    Headers { head, is_chunked }
}

fn get<'py>(environ: &Bound<'py, PyDict>, key: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
    environ.get_item(key).ok().flatten()
}

fn native_if(is_text: bool, text: &str) -> Cow<'_, str> {
    if is_text { native(text) } else { Cow::Borrowed(text) }
}
