//! Sends one request and reads its answer.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use moesif_wire::header;
use ureq::config::Config;
use ureq::http::{HeaderValue, Request, Response, Uri, header::PROXY_AUTHORIZATION};
use ureq::typestate::WithBody;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Connector, DefaultConnector, NextTimeout};
use ureq::{AsSendBody, RequestBuilder};

use super::forward_proxy::ForwardConnector;
use super::own_request::OwnRequest;
use super::reply::{Reply, Tags};
use super::resolver::LookupError;
use super::retry_after::parse_retry_after;
use super::{Endpoint, NameResolver, TransportError};

/// Maximum size of the answer to a POST, in bytes. The body of a longer answer is ignored.
const MAX_REPLY: u64 = 256 * 1024;
/// Maximum size of a fetched document, in bytes.
const MAX_DOCUMENT: u64 = moesif_wire::limits::DOCUMENT;
/// Maximum number of addresses that the HTTP library accepts for one name.
const MAX_ADDRESSES: usize = 16;

/// Sends requests to one endpoint over kept-alive connections. Belongs to one thread of one process.
///
/// Does not retry and does not follow redirects. Every status code is an answer and not an error.
pub struct HttpTransport {
    agent: ureq::Agent,
    base_uri: String,
    events_uri: String,
    application_id: String,
    proxy_authorization: Option<HeaderValue>,
}

impl HttpTransport {
    /// Creates a transport without connecting. The transports of a pipeline share a resolver.
    #[must_use]
    pub fn new(endpoint: &Endpoint, names: &NameResolver) -> Self {
        let proxy = endpoint.forward_proxy();
        let origin = proxy.and_then(|_| {
            let uri = endpoint.base_uri.parse::<Uri>().ok()?;
            Some(format!("http://{}", uri.authority()?))
        });
        let connector = DefaultConnector::default().chain(ForwardConnector { origin });
        let addresses = Addresses { names: names.clone(), proxy: proxy.and_then(|_| endpoint.peer()) };
        Self {
            agent: ureq::Agent::with_parts(endpoint.http.clone(), connector, addresses),
            base_uri: endpoint.base_uri.clone(),
            events_uri: format!("{}/v1/events/batch", endpoint.base_uri),
            application_id: endpoint.application_id.clone(),
            proxy_authorization: proxy.and_then(|proxy| {
                let (user, password) = (proxy.username(), proxy.password());
                let secret = format!("{}:{}", user.unwrap_or_default(), password.unwrap_or_default());
                let basic = || format!("Basic {}", BASE64_STANDARD.encode(&secret));
                (secret != ":").then(basic).and_then(|value| HeaderValue::try_from(value).ok())
            }),
        }
    }

    /// Posts a gzipped batch of events.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if no complete answer came back.
    pub fn post_batch(&self, gzipped: &[u8]) -> Result<Reply, TransportError> {
        self.send(self.agent.post(&self.events_uri).header("Content-Encoding", "gzip"), gzipped)
    }

    /// Fetches a document, such as `/v1/config`.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if no complete answer came back within `timeout`, or if it is longer than 16 MiB.
    pub(crate) fn get(&self, path: &str, timeout: Duration) -> Result<Reply, TransportError> {
        let request = self.identify(self.agent.get(format!("{}{path}", self.base_uri)));
        let request = request.header("Accept", "application/json");
        let mut response = request.config().timeout_global(Some(timeout)).build().call()?;
        let body = read_body(&mut response, MAX_DOCUMENT)?;
        Ok(Reply { body, ..reply(&response) })
    }

    /// Posts a JSON document, such as a user to `/v1/users`.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if no complete answer came back within `timeout`.
    pub(crate) fn post(
        &self,
        path: &str,
        document: &[u8],
        is_gzipped: bool,
        timeout: Duration,
    ) -> Result<Reply, TransportError> {
        let mut request = self.agent.post(format!("{}{path}", self.base_uri));
        if is_gzipped {
            request = request.header("Content-Encoding", "gzip");
        }
        self.send(request.config().timeout_global(Some(timeout)).build(), document)
    }

    /// Sends a request as a program wrote it.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if no complete answer came back within `timeout`, or if it is longer than 16 MiB.
    pub(crate) fn send_own(&self, own: &OwnRequest, timeout: Duration) -> Result<Reply, TransportError> {
        let (mut head, body) = own.request.clone().into_parts();
        if let Some(authorization) = &self.proxy_authorization {
            head.headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let mut response = match body {
            Some(body) => self.agent.run(self.with_timeout(Request::from_parts(head, body), timeout))?,
            None => self.agent.run(self.with_timeout(Request::from_parts(head, ()), timeout))?,
        };
        let body = read_body(&mut response, MAX_DOCUMENT)?;
        Ok(Reply { body, ..reply(&response) })
    }

    fn with_timeout<B: AsSendBody>(&self, request: Request<B>, timeout: Duration) -> Request<B> {
        self.agent.configure_request(request).timeout_global(Some(timeout)).build()
    }

    fn send(&self, request: RequestBuilder<WithBody>, body: &[u8]) -> Result<Reply, TransportError> {
        let mut response = self.identify(request).header("Content-Type", header::JSON_UTF8).send(body)?;
        let body = match read_body(&mut response, MAX_REPLY) {
            // The status is sufficient.
            Err(ureq::Error::BodyExceedsLimit(_)) => Vec::new(),
            body => body?,
        };
        Ok(Reply { body, ..reply(&response) })
    }

    fn identify<T>(&self, request: RequestBuilder<T>) -> RequestBuilder<T> {
        let request = request.header(header::APPLICATION_ID, &self.application_id);
        match &self.proxy_authorization {
            Some(authorization) => request.header(PROXY_AUTHORIZATION, authorization),
            None => request,
        }
    }
}

/// Reads a body to its end, so that the connection can be used again.
fn read_body(response: &mut Response<ureq::Body>, limit: u64) -> Result<Vec<u8>, ureq::Error> {
    response.body_mut().with_config().limit(limit).read_to_vec()
}

/// Returns the answer without its body.
fn reply<T>(response: &Response<T>) -> Reply {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let tag = |name| text(name).filter(|tag| !tag.is_empty()).map(str::to_owned);
    let headers = response.headers().iter();
    Reply {
        status: response.status().as_u16(),
        retry_after: text("Retry-After").and_then(|value| parse_retry_after(value, text("Date"))),
        tags: Tags { config: tag(header::CONFIG_ETAG), rules: tag(header::RULES_TAG) },
        headers: headers.map(|(name, value)| (name.to_string(), latin_1(value.as_bytes()))).collect(),
        body: Vec::new(),
    }
}

/// Decodes a header value: each byte is one character.
fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Gives the HTTP library the addresses that a [`NameResolver`] finds.
#[derive(Debug)]
struct Addresses {
    names: NameResolver,
    /// `host:port` of the forward proxy. If there is one, connections go there and not to the host of the
    /// URI.
    proxy: Option<String>,
}

impl Resolver for Addresses {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let named = || DefaultResolver::host_and_port(uri.scheme()?, uri.authority()?);
        let name = self.proxy.clone().or_else(named).ok_or(ureq::Error::HostNotFound)?;
        let failed = |error: LookupError| ureq::Error::Other(Box::new(error));
        let found = self.names.addresses(&name, *timeout.after).map_err(failed)?;
        let mut resolved = self.empty();
        for address in config.ip_family().keep_wanted(found.into_iter()).take(MAX_ADDRESSES) {
            resolved.push(address);
        }
        if resolved.is_empty() { Err(failed(LookupError::no_address(name))) } else { Ok(resolved) }
    }
}
