//! A collector: its base URI, and the settings for requests to it.

use std::fmt;
use std::time::Duration;

use ureq::ProxyProtocol;
use ureq::config::Config;
use ureq::http::{HeaderValue, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;

use super::NetworkSettings;

/// Bytes of each of the two buffers of a connection. A head of an answer must fit.
const BUFFER_BYTES: usize = 64 * 1024;

/// A collector, and the application id that events are sent under.
#[derive(Clone)]
pub struct Endpoint {
    pub(super) base_uri: String,
    pub(super) application_id: String,
    user_agent: String,
    connect_timeout: Duration,
    request_timeout: Duration,
    network: NetworkSettings,
    /// Built together with the endpoint, on the application's thread, because the HTTP library reads the
    /// environment meanwhile. Other threads cannot read the environment safely while the host runs.
    /// [`NetworkSettings`] replaces everything the library finds there.
    pub(super) http: Config,
}

/// The text is not a usable base URI. The message says what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an http:// or https:// URI with a host, without user, password and query, such as http://127.0.0.1:9500"
)]
pub struct InvalidBaseUri;

/// Checks a base URI. Returns it without a slash at the end and without repeated slashes, so that a path can
/// be appended.
///
/// # Errors
///
/// [`InvalidBaseUri`] if the scheme is not `http` or `https`, if there is no host or an invalid port, or if
/// there is a user, a query or a fragment.
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
    /// Creates an endpoint. `base_uri` comes from [`parse_base_uri`], and `network` was read for it.
    #[must_use]
    pub fn new(
        base_uri: String,
        application_id: String,
        user_agent: String,
        connect_timeout: Duration,
        request_timeout: Duration,
        network: NetworkSettings,
    ) -> Self {
        let roots = network.certificate_authorities.clone().map_or(RootCerts::WebPki, RootCerts::Specific);
        let forwards = forward_proxy(&base_uri, &network).is_some();
        let http = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(connect_timeout))
            .timeout_connect(Some(connect_timeout))
            .timeout_global(Some(request_timeout))
            .input_buffer_size(BUFFER_BYTES)
            .output_buffer_size(BUFFER_BYTES)
            .user_agent(&*user_agent)
            .proxy(network.proxy.clone().filter(|_| !forwards))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Self { base_uri, application_id, user_agent, connect_timeout, request_timeout, network, http }
    }

    /// Returns the `host:port` that connections are opened to: the proxy's, or without one the collector's.
    pub(crate) fn peer(&self) -> Option<String> {
        self.proxy().or_else(|| {
            let uri = self.base_uri.parse::<Uri>().ok()?;
            DefaultResolver::host_and_port(uri.scheme()?, uri.authority()?)
        })
    }

    /// Returns the `host:port` of the proxy, if there is one.
    pub(crate) fn proxy(&self) -> Option<String> {
        let proxy = self.network.proxy.as_ref()?;
        Some(format!("{}:{}", proxy.host(), proxy.port()))
    }

    /// Returns the proxy if it forwards requests. `None` if there is no proxy, or it opens tunnels.
    pub(super) fn forward_proxy(&self) -> Option<&ureq::Proxy> {
        forward_proxy(&self.base_uri, &self.network)
    }

    /// Returns the application id that events are sent under.
    #[must_use]
    pub fn application_id(&self) -> &str {
        &self.application_id
    }

    /// Returns the base URI.
    #[must_use]
    pub fn base_uri(&self) -> &str {
        &self.base_uri
    }

    /// Returns the same endpoint with another `User-Agent`. `None` if a header cannot hold the text.
    #[must_use]
    pub(crate) fn with_user_agent(&self, user_agent: &str) -> Option<Self> {
        HeaderValue::from_str(user_agent).ok()?;
        let Self { base_uri, application_id, connect_timeout, request_timeout, network, .. } = self.clone();
        let user_agent = user_agent.to_owned();
        Some(Self::new(base_uri, application_id, user_agent, connect_timeout, request_timeout, network))
    }

    /// Returns the maximum time for one request (`REQUEST_TIMEOUT`).
    pub(crate) fn request_timeout(&self) -> Duration {
        self.request_timeout
    }
}

/// Returns the proxy if it forwards requests: an `http://` proxy for an `http://` collector. Others open
/// tunnels.
fn forward_proxy<'a>(base_uri: &str, network: &'a NetworkSettings) -> Option<&'a ureq::Proxy> {
    let proxy = network.proxy.as_ref()?;
    (base_uri.starts_with("http://") && proxy.protocol() == ProxyProtocol::Http).then_some(proxy)
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            base_uri,
            application_id,
            user_agent,
            connect_timeout,
            request_timeout,
            network,
            // Derived from the other fields.
            http: _,
        } = self;
        *base_uri == other.base_uri
            && *application_id == other.application_id
            && *user_agent == other.user_agent
            && *connect_timeout == other.connect_timeout
            && *request_timeout == other.request_timeout
            && *network == other.network
    }
}

impl fmt::Debug for Endpoint {
    /// Leaves out the application id, which is a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("base_uri", &self.base_uri).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_uris_are_normalised() {
        for (text, base) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://api.example.com/", "https://api.example.com"),
            (" http://localhost:9500/collector/ ", "http://localhost:9500/collector"),
            ("http://h//a///b", "http://h/a/b"),
            ("http://[::1]:9500", "http://[::1]:9500"),
        ] {
            assert_eq!(parse_base_uri(text).as_deref(), Ok(base), "{text}");
        }
    }

    #[test]
    fn other_text_is_not_a_base_uri() {
        for text in [
            "",
            "localhost:9500",
            "api.example.com",
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
