//! Reading `environ` into an exchange, in one pass.

use std::borrow::Cow;

use moesif::Exchange;
use moesif::call::{Policy, UriParts};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString};

use crate::convert::{native, with_text};

/// What the head of a request says about its body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestHead {
    /// Whether a body may follow.
    pub(crate) may_have_body: bool,
    /// A valid `CONTENT_LENGTH`.
    pub(crate) declared_length: Option<u64>,
    /// The dictionary has been through a middleware of ours before.
    pub(crate) holds_keys_of_ours: bool,
    /// The client waits for permission to send the body.
    expects_continue: bool,
}

impl RequestHead {
    /// All of the body is here, and it is this long, whatever was announced.
    pub(crate) fn has_arrived(&mut self, length: u64) {
        self.declared_length = Some(length);
        self.expects_continue = false;
    }

    /// The length of the body, if it may be read before the application asks for it: it is announced, it fits the limit, and
    /// nobody waits for a go-ahead that only the application should give.
    pub(crate) fn may_read_first(&self, policy: &Policy) -> Option<u64> {
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
pub(crate) fn read(environ: &Bound<'_, PyDict>, exchange: &mut Exchange) -> RequestHead {
    let scheme = get(environ, intern!(environ.py(), "wsgi.url_scheme"));
    let origin = Origin {
        scheme: &variable(scheme.as_ref()),
        host: None,
        path_is_text: false,
        query_is_text: false,
        knows_cgi: true,
    };
    read_from(environ, &origin, exchange)
}

/// What is to be known of variables that are not all of a WSGI server's making.
pub(crate) struct Origin<'a> {
    /// The scheme of the URI.
    pub(crate) scheme: &'a str,
    /// The host, where `HTTP_HOST` is not the one that counts.
    pub(crate) host: Option<&'a str>,
    /// Whether `SCRIPT_NAME` and `PATH_INFO` are text, and no native strings.
    pub(crate) path_is_text: bool,
    /// Whether `QUERY_STRING` is.
    pub(crate) query_is_text: bool,
    /// Whether `HTTP_CGI_AUTHORIZATION` stands for the authorization header.
    pub(crate) knows_cgi: bool,
}

/// The same for variables from elsewhere.
pub(crate) fn read_from(
    environ: &Bound<'_, PyDict>,
    origin: &Origin<'_>,
    exchange: &mut Exchange,
) -> RequestHead {
    let py = environ.py();
    let (mut head, is_chunked) = read_headers(environ, origin.knows_cgi, exchange);
    let method = get(environ, intern!(py, "REQUEST_METHOD"));
    let method = variable(method.as_ref());
    exchange.set_verb(&method);
    // Over HTTP/2 a body may come without a length and without chunks.
    let ends_itself = || {
        !matches!(&*method, "GET" | "HEAD")
            && get(environ, intern!(py, "wsgi.input_terminated"))
                .is_some_and(|flag| flag.is_truthy().unwrap_or(false))
    };
    if is_chunked || (!head.may_have_body && head.declared_length.is_none() && ends_itself()) {
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
    // Django puts one slash between the two.
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

/// Copies the headers. Also returns whether the body comes in chunks.
fn read_headers(
    environ: &Bound<'_, PyDict>,
    knows_cgi: bool,
    exchange: &mut Exchange,
) -> (RequestHead, bool) {
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
            Some("CGI_AUTHORIZATION") if knows_cgi => "AUTHORIZATION",
            Some(name) => name,
            None if key == "CONTENT_TYPE" || key == "CONTENT_LENGTH" => key,
            None => continue,
        };
        let value = match value.cast_into::<PyString>() {
            Ok(text) => text,
            // Django's test client had the length as a number for a long time.
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
    (head, is_chunked)
}

fn get<'py>(environ: &Bound<'py, PyDict>, key: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
    environ.get_item(key).ok().flatten()
}

fn native_if(is_text: bool, text: &str) -> Cow<'_, str> {
    if is_text { native(text) } else { Cow::Borrowed(text) }
}
