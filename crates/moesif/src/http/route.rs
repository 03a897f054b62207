//! How a collector is reached, as the environment of a process asks for it: through which proxy, and by whose word.
//!
//! In: variables, as the adapter has read them. Out: a [`Route`]. The meaning of the variables is the one `requests` gives
//! them, because that is what the packages this one replaces follow.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, parse_pem};
use ureq::{Proxy, ProxyProtocol};

/// The certificate authorities, where they are not the built-in ones; the first that is set counts.
const CA_BUNDLES: [&str; 3] = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"];

/// Whether a variable of the environment has a meaning for [`Route::from_environment`].
pub(crate) fn is_read(variable: &str) -> bool {
    CA_BUNDLES.contains(&variable)
        || ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]
            .iter()
            .any(|name| variable.eq_ignore_ascii_case(name))
}

/// The way to a collector.
#[derive(Clone, Default)]
pub struct Route {
    pub(super) proxy: Option<Proxy>,
    pub(super) authorities: Option<Arc<Vec<Certificate<'static>>>>,
    bundle: Option<PathBuf>,
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        (&self.proxy, &self.bundle) == (&other.proxy, &other.bundle)
    }
}

impl fmt::Debug for Route {
    /// Without what a proxy's address may hold: a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}

impl Route {
    /// The way to `base_uri`, which [`super::parse_base_uri`] made. Reads the file of certificate authorities if one is
    /// named and needed. What cannot be followed is left aside, with a sentence in `warnings`.
    #[must_use]
    pub fn from_environment(base_uri: &str, variables: &[(&str, &str)], warnings: &mut Vec<String>) -> Self {
        let Ok(uri) = base_uri.parse::<Uri>() else {
            return Self::default();
        };
        let scheme = uri.scheme_str().unwrap_or_default();
        let mut route = Self::default();
        let wanted = proxy_variable(variables, scheme).or_else(|| proxy_variable(variables, "all"));
        if let Some((variable, address)) = wanted
            && !is_excluded(&uri, proxy_variable(variables, "no").map_or("", |(_, list)| list))
        {
            match Proxy::new(address) {
                Ok(proxy) if matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) => {
                    route.proxy = Some(proxy);
                }
                // Not the address itself: it may hold a password.
                _ => warnings.push(format!(
                    "{variable} is not the address of an HTTP proxy, such as http://proxy:3128: it is not used"
                )),
            }
        }
        let bundle = CA_BUNDLES.iter().find_map(|name| Some((*name, set(variables, name)?)));
        if let Some((variable, path)) = bundle.filter(|_| scheme == "https") {
            match authorities(path) {
                Ok(authorities) => {
                    route.authorities = Some(Arc::new(authorities));
                    route.bundle = Some(PathBuf::from(path));
                }
                Err(reason) => warnings.push(format!(
                    "{variable} is {path:?}: {reason}; the built-in certificate authorities are used instead"
                )),
            }
        }
        route
    }
}

fn set<'a>(variables: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    let (_, text) = variables.iter().find(|(variable, text)| *variable == name && !text.trim().is_empty())?;
    Some(text.trim())
}

/// `http_proxy` and the like; the name in small letters counts first.
fn proxy_variable<'a>(variables: &[(&str, &'a str)], kind: &str) -> Option<(String, &'a str)> {
    let small = format!("{kind}_proxy");
    let large = small.to_ascii_uppercase();
    let found = set(variables, &small).map(|text| (small, text));
    found.or_else(|| Some((large.clone(), set(variables, &large)?)))
}

/// Whether `NO_PROXY` names the host: itself, a domain it is in, a network its address is in, or `*`.
fn is_excluded(uri: &Uri, list: &str) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let port = uri.port_u16().or(if uri.scheme_str() == Some("https") { Some(443) } else { Some(80) });
    list.split(',').map(|entry| entry.trim().to_ascii_lowercase()).any(|entry| {
        if entry == "*" || network_holds(&entry, &host) {
            return true;
        }
        let (name, its_port) = match entry.rsplit_once(':') {
            Some((name, digits)) if !name.contains(':') => (name, digits.parse::<u16>().ok()),
            _ => (&*entry, None),
        };
        let name = name.trim_start_matches('.');
        let is_named = !name.is_empty()
            && (host == name || host.strip_suffix(name).is_some_and(|front| front.ends_with('.')));
        is_named && its_port.is_none_or(|its_port| Some(its_port) == port)
    })
}

/// Whether `network`, such as `10.0.0.0/8`, holds the address `host`.
fn network_holds(network: &str, host: &str) -> bool {
    let holds = || {
        let (base, bits) = network.split_once('/')?;
        let bits = bits.parse::<u32>().ok()?;
        match (base.parse().ok()?, host.parse().ok()?) {
            (IpAddr::V4(base), IpAddr::V4(host)) if bits <= 32 => {
                let differing = u32::from(base) ^ u32::from(host);
                Some(differing.checked_shr(32 - bits).unwrap_or(0) == 0)
            }
            (IpAddr::V6(base), IpAddr::V6(host)) if bits <= 128 => {
                let differing = u128::from(base) ^ u128::from(host);
                Some(differing.checked_shr(128 - bits).unwrap_or(0) == 0)
            }
            _ => None,
        }
    };
    holds().unwrap_or(false)
}

fn authorities(path: &str) -> Result<Vec<Certificate<'static>>, String> {
    let pem = fs::read(path).map_err(|error| error.to_string())?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { Err("it holds no certificate".to_owned()) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(base_uri: &str, variables: &[(&str, &str)]) -> (Option<String>, Vec<String>) {
        let mut warnings = Vec::new();
        let route = Route::from_environment(base_uri, variables, &mut warnings);
        (route.proxy.map(|proxy| format!("{}:{}", proxy.host(), proxy.port())), warnings)
    }

    #[test]
    fn the_proxy_is_the_one_for_the_scheme() {
        let all = [
            ("http_proxy", "http://a:1"),
            ("HTTP_PROXY", "http://b:2"),
            ("HTTPS_PROXY", "c:3"),
            ("ALL_PROXY", "http://d:4"),
        ];
        for (uri, variables, expected) in [
            ("http://h", &all[..], Some("a:1")),
            ("http://h", &all[1..], Some("b:2")),
            ("https://h", &all[..], Some("c:3")),
            ("http://h", &all[3..], Some("d:4")),
            ("http://h", &[("HTTP_PROXY", " ")][..], None),
            ("http://h", &[][..], None),
        ] {
            assert_eq!(route(uri, variables), (expected.map(str::to_owned), vec![]), "{uri} {variables:?}");
        }
    }

    #[test]
    fn hosts_are_excluded_by_name_domain_network_and_port() {
        for (host, list, excluded) in [
            ("h.example.com", "h.example.com", true),
            ("h.example.com", "other, .example.com", true),
            ("h.example.com", "EXAMPLE.com", true),
            ("notexample.com", "example.com", false),
            ("h.example.com:9500", "example.com:9500", true),
            ("h.example.com:9500", "example.com:80", false),
            ("h", "*", true),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", "0.0.0.0/0", true),
            ("[fd00::1]:9500", "fd00::/8", true),
            ("h", "", false),
            ("h", ",", false),
        ] {
            let (proxy, _) = route(&format!("http://{host}"), &[("http_proxy", "p"), ("no_proxy", list)]);
            assert_eq!(proxy.is_none(), excluded, "{host} {list}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_said_without_a_password() {
        for address in ["socks5://user:secret@p:1", "http://user:secret@"] {
            let (proxy, warnings) = route("http://h", &[("all_proxy", address)]);
            assert_eq!((proxy, warnings.len()), (None, 1), "{address}");
            assert!(warnings[0].starts_with("all_proxy ") && !warnings[0].contains("secret"), "{warnings:?}");
        }
        let (_, warnings) = route("https://h", &[("SSL_CERT_FILE", "/nowhere/ca.pem")]);
        assert!(warnings[0].starts_with("SSL_CERT_FILE is \"/nowhere/ca.pem\""), "{warnings:?}");
        assert_eq!(route("http://h", &[("SSL_CERT_FILE", "/nowhere/ca.pem")]).1, Vec::<String>::new());
    }
}
