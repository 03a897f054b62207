//! One HTTP request to a collector and its answer. No retry, no policy, no redirects; a status is a value.

mod backoff;
mod forward;
mod gzip;
mod reply;
mod resolver;
mod retry_after;
mod route;
mod verdict;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use moesif_wire::header;
use ureq::config::Config;
use ureq::http::{HeaderValue, Response, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::typestate::WithBody;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Connector, DefaultConnector, NextTimeout};
use ureq::{ProxyProtocol, RequestBuilder};

pub(crate) use backoff::{Backoff, asked, grown};
#[cfg(test)]
pub(crate) use backoff::{FIRST_PAUSE, LONGEST_PAUSE, SHORTEST_PAUSE};
use forward::ForwardConnector;
pub(crate) use gzip::gzip;
pub(crate) use reply::reasons;
pub use reply::{Reply, Tags};
pub use resolver::Names;
pub use route::Route;
pub(crate) use route::is_read as is_route_variable;
pub(crate) use verdict::{Verdict, verdict};

/// Most bytes of an answer that are read: more would not be ours to understand.
const LONGEST_REPLY: u64 = 256 * 1024;
/// The same for a document that is asked for.
const LONGEST_DOCUMENT: u64 = moesif_wire::limits::DOCUMENT;
/// How many addresses the HTTP library has room for.
const MOST_ADDRESSES: usize = 16;

/// Sends batches of events.
pub trait Transport {
    /// Posts a gzipped batch.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when no complete answer came back.
    fn post_batch(&self, gzipped: &[u8]) -> Result<Reply, TransportError>;
}

/// No complete answer came back.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    message: String,
    took_too_long: bool,
}

impl TransportError {
    pub(crate) fn new(message: &str) -> Self {
        Self { message: message.to_owned(), took_too_long: false }
    }

    /// Whether the time ran out after the connection was made: less might have been in time.
    pub(crate) fn took_too_long(&self) -> bool {
        self.took_too_long
    }

    /// Whether the collector's certificate was not accepted: the library says so in these words, wrapped now in one error and
    /// now in another.
    pub(crate) fn is_about_certificates(&self) -> bool {
        self.message.contains("invalid peer certificate")
    }
}

/// A collector, and the application id events are sent under.
#[derive(Clone)]
pub struct Endpoint {
    base_uri: String,
    application_id: String,
    user_agent: String,
    connect_timeout: Duration,
    request_timeout: Duration,
    route: Route,
    /// Made on the thread that makes the endpoint: the library reads the environment as it makes one, although all it
    /// finds there is replaced by the [`Route`], and no other thread may do that safely while the host runs.
    http: Config,
}

/// The text is not a usable base URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an http:// or https:// URI with a host, and without a query, such as http://127.0.0.1:9500")]
pub struct InvalidBaseUri;

/// Checks a base URI and brings it into the form paths are appended to: no slash at the end, none repeated.
///
/// # Errors
///
/// [`InvalidBaseUri`] without an http(s) scheme or a host, or with a user, a query or a fragment.
pub fn parse_base_uri(text: &str) -> Result<String, InvalidBaseUri> {
    let text = text.trim();
    let uri: Uri = text.parse().map_err(|_| InvalidBaseUri)?;
    let scheme =
        uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme)).ok_or(InvalidBaseUri)?;
    let authority = uri.authority().ok_or(InvalidBaseUri)?.as_str();
    let port_is_valid = match authority.rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => port.parse::<u16>().is_ok(),
        _ => true,
    };
    if uri.host().is_none_or(str::is_empty)
        || !port_is_valid
        || uri.query().is_some()
        || text.contains(['#', '@'])
    {
        return Err(InvalidBaseUri);
    }
    let mut base = format!("{scheme}://{authority}");
    for segment in uri.path().split('/').filter(|segment| !segment.is_empty()) {
        base.push('/');
        base.push_str(segment);
    }
    Ok(base)
}

impl Endpoint {
    /// A collector under a base URI that [`parse_base_uri`] made, reached by a route made for it.
    #[must_use]
    pub fn new(
        base_uri: String,
        application_id: String,
        user_agent: String,
        connect_timeout: Duration,
        request_timeout: Duration,
        route: Route,
    ) -> Self {
        let roots = route.authorities.clone().map_or(RootCerts::WebPki, RootCerts::Specific);
        let forwarded = forwarding_proxy(&base_uri, &route).is_some();
        let http = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(connect_timeout))
            .timeout_connect(Some(connect_timeout))
            .timeout_global(Some(request_timeout))
            .user_agent(&*user_agent)
            .proxy(route.proxy.clone().filter(|_| !forwarded))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Self { base_uri, application_id, user_agent, connect_timeout, request_timeout, route, http }
    }

    /// The `host:port` connections are opened to: the collector's, or its proxy's.
    pub(crate) fn peer(&self) -> Option<String> {
        self.proxy().or_else(|| {
            let uri = self.base_uri.parse::<Uri>().ok()?;
            DefaultResolver::host_and_port(uri.scheme()?, uri.authority()?)
        })
    }

    /// The `host:port` of the proxy on the way, if there is one.
    pub(crate) fn proxy(&self) -> Option<String> {
        let proxy = self.route.proxy.as_ref()?;
        Some(format!("{}:{}", proxy.host(), proxy.port()))
    }

    /// In whose name it is sent events.
    #[must_use]
    pub fn application_id(&self) -> &str {
        &self.application_id
    }

    /// Where it is.
    #[must_use]
    pub fn base_uri(&self) -> &str {
        &self.base_uri
    }

    /// The same, with requests that say they come from somebody else. `None` for what no header can hold.
    #[must_use]
    pub(crate) fn with_user_agent(&self, user_agent: &str) -> Option<Self> {
        HeaderValue::from_str(user_agent).ok()?;
        let Self { base_uri, application_id, connect_timeout, request_timeout, route, .. } = self.clone();
        let user_agent = user_agent.to_owned();
        Some(Self::new(base_uri, application_id, user_agent, connect_timeout, request_timeout, route))
    }

    /// How long a request may take.
    pub(crate) fn request_timeout(&self) -> Duration {
        self.request_timeout
    }
}

/// The proxy that is sent whole requests instead of being asked for a tunnel: the one of a plain HTTP collector.
fn forwarding_proxy<'a>(base_uri: &str, route: &'a Route) -> Option<&'a ureq::Proxy> {
    let proxy = route.proxy.as_ref()?;
    (base_uri.starts_with("http://") && proxy.protocol() == ProxyProtocol::Http).then_some(proxy)
}

impl PartialEq for Endpoint {
    /// `http` follows from the rest.
    fn eq(&self, other: &Self) -> bool {
        fn parts(of: &Endpoint) -> (&str, &str, &str, Duration, Duration, &Route) {
            let Endpoint {
                base_uri,
                application_id,
                user_agent,
                connect_timeout,
                request_timeout,
                route,
                http: _,
            } = of;
            (base_uri, application_id, user_agent, *connect_timeout, *request_timeout, route)
        }
        parts(self) == parts(other)
    }
}

impl fmt::Debug for Endpoint {
    /// Without the application id, which is a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("base_uri", &self.base_uri).finish_non_exhaustive()
    }
}

/// Speaks HTTP with one endpoint over kept-alive connections. Belongs to one thread of one process.
pub struct HttpTransport {
    agent: ureq::Agent,
    base_uri: String,
    events_uri: String,
    application_id: String,
    proxy_authorization: Option<String>,
}

impl HttpTransport {
    /// Connects to nothing yet. `names` is shared by the transports of a pipeline.
    #[must_use]
    pub fn new(endpoint: &Endpoint, names: &Names) -> Self {
        let forwarding = forwarding_proxy(&endpoint.base_uri, &endpoint.route);
        let origin = forwarding.and_then(|_| {
            let uri = endpoint.base_uri.parse::<Uri>().ok()?;
            Some(format!("http://{}", uri.authority()?))
        });
        let connector = DefaultConnector::default().chain(ForwardConnector { origin });
        let addresses = Addresses { names: names.clone(), instead: forwarding.and_then(|_| endpoint.peer()) };
        Self {
            agent: ureq::Agent::with_parts(endpoint.http.clone(), connector, addresses),
            base_uri: endpoint.base_uri.clone(),
            events_uri: format!("{}/v1/events/batch", endpoint.base_uri),
            application_id: endpoint.application_id.clone(),
            proxy_authorization: forwarding.and_then(|proxy| {
                let (user, password) = (proxy.username(), proxy.password());
                let secret = format!("{}:{}", user.unwrap_or_default(), password.unwrap_or_default());
                (secret != ":").then(|| format!("Basic {}", BASE64_STANDARD.encode(secret)))
            }),
        }
    }

    fn identified<T>(&self, request: RequestBuilder<T>) -> RequestBuilder<T> {
        let request = request.header(header::APPLICATION_ID, &self.application_id);
        match &self.proxy_authorization {
            Some(authorization) => request.header("Proxy-Authorization", authorization),
            None => request,
        }
    }

    /// Fetches a document, such as `/v1/config`, in this time at most.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when no complete answer came back, or one that is longer than 8 MiB.
    pub(crate) fn get(&self, path: &str, timeout: Duration) -> Result<Reply, TransportError> {
        let request = self.identified(self.agent.get(format!("{}{path}", self.base_uri)));
        let request = request.header("Accept", "application/json");
        let response = request.config().timeout_global(Some(timeout)).build().call().map_err(failed)?;
        let (reply, body) = read(response, LONGEST_DOCUMENT);
        Ok(Reply { body: body.map_err(failed)?, ..reply })
    }

    /// Posts a JSON document, such as a user to `/v1/users`, in this time at most.
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

    fn send(&self, request: RequestBuilder<WithBody>, body: &[u8]) -> Result<Reply, TransportError> {
        let response =
            self.identified(request).header("Content-Type", header::JSON_UTF8).send(body).map_err(failed)?;
        let (reply, body) = read(response, LONGEST_REPLY);
        let body = body.or_else(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => Ok(Vec::new()),
            other => Err(failed(other)),
        })?;
        Ok(Reply { body, ..reply })
    }
}

impl Transport for HttpTransport {
    fn post_batch(&self, gzipped: &[u8]) -> Result<Reply, TransportError> {
        self.send(self.agent.post(&self.events_uri).header("Content-Encoding", "gzip"), gzipped)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn failed(error: ureq::Error) -> TransportError {
    use ureq::Timeout::{Connect, Resolve};
    let took_too_long =
        matches!(&error, ureq::Error::Timeout(timeout) if !matches!(timeout, Connect | Resolve));
    TransportError { message: error.to_string(), took_too_long }
}

/// The head of an answer, and its body: the connection can be used again only after the whole of it has been read.
fn read(mut response: Response<ureq::Body>, limit: u64) -> (Reply, Result<Vec<u8>, ureq::Error>) {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let tag = |name| text(name).filter(|tag| !tag.is_empty()).map(str::to_owned);
    let reply = Reply {
        status: response.status().as_u16(),
        retry_after: text("Retry-After").and_then(|value| retry_after::retry_after(value, text("Date"))),
        tags: Tags { config: tag(header::CONFIG_ETAG), rules: tag(header::RULES_TAG) },
        headers: response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), latin_1(value.as_bytes())))
            .collect(),
        body: Vec::new(),
    };
    (reply, response.body_mut().with_config().limit(limit).read_to_vec())
}

/// The text of a header: each byte is a character.
fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// [`Names`] as the HTTP library asks for them.
#[derive(Debug)]
struct Addresses {
    names: Names,
    /// Whom to connect to, whatever the URI says.
    instead: Option<String>,
}

impl Resolver for Addresses {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let named = || DefaultResolver::host_and_port(uri.scheme()?, uri.authority()?);
        let name = self.instead.clone().or_else(named).ok_or(ureq::Error::HostNotFound)?;
        let found = self.names.addresses(&name, *timeout.after)?;
        let mut resolved = self.empty();
        for address in config.ip_family().keep_wanted(found.into_iter()).take(MOST_ADDRESSES) {
            resolved.push(address);
        }
        if resolved.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(resolved) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_uris_are_brought_into_one_form() {
        for (text, base) in [
            ("https://api.moesif.net", "https://api.moesif.net"),
            ("https://api.moesif.net/", "https://api.moesif.net"),
            (" http://localhost:9500/collector/ ", "http://localhost:9500/collector"),
            ("http://h//a///b", "http://h/a/b"),
            ("http://[::1]:9500", "http://[::1]:9500"),
        ] {
            assert_eq!(parse_base_uri(text).as_deref(), Ok(base), "{text}");
        }
    }

    #[test]
    fn what_is_no_base_uri_is_refused() {
        for text in [
            "",
            "localhost:9500",
            "api.moesif.net",
            "/collector",
            "ftp://h",
            "http://",
            "http:///a",
            "http://h?q=1",
            "http://h#f",
            "http://u:p@h",
            "http://h:port",
            "http://h:99999",
            "http://a b",
        ] {
            assert_eq!(parse_base_uri(text), Err(InvalidBaseUri), "{text}");
        }
    }
}
