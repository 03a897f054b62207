//! One HTTP request to a collector and its answer. No retry, no policy, no redirects; a status is a value.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use moesif_wire::header;
use ureq::RequestBuilder;
use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::typestate::WithBody;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::remote::Tags;

/// Most bytes of an answer that are read: more would not be ours to understand.
const LONGEST_REPLY: u64 = 256 * 1024;
/// The same for a document that is asked for.
const LONGEST_DOCUMENT: u64 = 64 * 1024 * 1024;
/// How long a looked-up address is used without asking again.
const ADDRESS_LIFETIME: Duration = Duration::from_secs(60);
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

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// How long the collector asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The versions of remote configuration it shows.
    pub tags: Tags,
    /// The body; empty where it was longer than answers are.
    pub body: Vec<u8>,
}

/// No complete answer came back.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TransportError(String);

/// A collector, and the application id events are sent under.
#[derive(Clone)]
pub struct Endpoint {
    base_uri: String,
    application_id: String,
    user_agent: String,
    connect_timeout: Duration,
    request_timeout: Duration,
    /// Made on the thread that makes the endpoint: making it reads the proxy variables of the environment, which no
    /// other thread may do safely while the host runs.
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
    /// A collector under a base URI that [`parse_base_uri`] made.
    #[must_use]
    pub fn new(
        base_uri: String,
        application_id: String,
        user_agent: String,
        connect_timeout: Duration,
        request_timeout: Duration,
    ) -> Self {
        let http = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(connect_timeout))
            .timeout_global(Some(request_timeout))
            .user_agent(&*user_agent)
            .build();
        Self { base_uri, application_id, user_agent, connect_timeout, request_timeout, http }
    }

    /// Where it is.
    #[must_use]
    pub fn base_uri(&self) -> &str {
        &self.base_uri
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        (&self.base_uri, &self.application_id, &self.user_agent, self.connect_timeout, self.request_timeout)
            == (
                &other.base_uri,
                &other.application_id,
                &other.user_agent,
                other.connect_timeout,
                other.request_timeout,
            )
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
}

impl HttpTransport {
    /// Connects to nothing yet.
    #[must_use]
    pub fn new(endpoint: &Endpoint) -> Self {
        Self {
            agent: ureq::Agent::with_parts(
                endpoint.http.clone(),
                DefaultConnector::default(),
                CachingResolver::default(),
            ),
            base_uri: endpoint.base_uri.clone(),
            events_uri: format!("{}/v1/events/batch", endpoint.base_uri),
            application_id: endpoint.application_id.clone(),
        }
    }

    /// Fetches a document, such as `/v1/config`.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when no complete answer came back, or one that is longer than 64 MiB.
    pub(crate) fn get(&self, path: &str) -> Result<Reply, TransportError> {
        let response = self
            .agent
            .get(format!("{}{path}", self.base_uri))
            .header(header::APPLICATION_ID, &self.application_id)
            .header("Accept", "application/json")
            .call()
            .map_err(failed)?;
        let (reply, body) = read(response, LONGEST_DOCUMENT);
        Ok(Reply { body: body.map_err(failed)?, ..reply })
    }

    /// Posts a JSON document as it is, such as a user to `/v1/users`.
    pub(crate) fn post(&self, path: &str, json: &[u8]) -> Result<Reply, TransportError> {
        self.send(self.agent.post(format!("{}{path}", self.base_uri)), json)
    }

    fn send(&self, request: RequestBuilder<WithBody>, body: &[u8]) -> Result<Reply, TransportError> {
        let response = request
            .header(header::APPLICATION_ID, &self.application_id)
            .header("Content-Type", header::JSON_UTF8)
            .send(body)
            .map_err(failed)?;
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
    TransportError(error.to_string())
}

/// The head of an answer, and its body: the connection can be used again only after the whole of it has been read.
fn read(mut response: Response<ureq::Body>, limit: u64) -> (Reply, Result<Vec<u8>, ureq::Error>) {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let tag = |name| text(name).filter(|tag| !tag.is_empty()).map(str::to_owned);
    let reply = Reply {
        status: response.status().as_u16(),
        retry_after: text("Retry-After").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
        tags: Tags { config: tag(header::CONFIG_ETAG), rules: tag(header::RULES_TAG) },
        body: Vec::new(),
    };
    (reply, response.body_mut().with_config().limit(limit).read_to_vec())
}

/// Looks names up on the calling thread (the library's own resolver would start a thread for each) and remembers the
/// last answer, also as a fallback when a later lookup fails.
#[derive(Debug, Default)]
struct CachingResolver {
    last: Mutex<Option<Lookup>>,
}

#[derive(Clone, Debug)]
struct Lookup {
    name: String,
    addresses: Vec<SocketAddr>,
    at: Instant,
}

impl CachingResolver {
    fn look_up(&self, name: String) -> io::Result<Vec<SocketAddr>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let last = last.filter(|last| last.name == name);
        if let Some(last) = last.as_ref().filter(|last| last.at.elapsed() < ADDRESS_LIFETIME) {
            return Ok(last.addresses.clone());
        }
        match name.to_socket_addrs() {
            Ok(found) => {
                let lookup = Lookup { name, addresses: found.collect(), at: Instant::now() };
                let addresses = lookup.addresses.clone();
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(lookup);
                Ok(addresses)
            }
            Err(error) => last.map(|last| last.addresses).ok_or(error),
        }
    }
}

impl Resolver for CachingResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let name = uri
            .scheme()
            .zip(uri.authority())
            .and_then(|(scheme, authority)| DefaultResolver::host_and_port(scheme, authority))
            .ok_or(ureq::Error::HostNotFound)?;
        let mut resolved = self.empty();
        let found = self.look_up(name)?;
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
