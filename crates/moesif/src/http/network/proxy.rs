//! The proxy for a collector, from `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in upper or lower
//! case.

use std::net::IpAddr;

use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

use super::value_of;

/// Environment variables that are read, in upper or lower case.
pub(super) const VARIABLES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/// The environment variable that a CGI server sets for each request. Every variable whose name begins with `HTTP_`
/// is then a header of that request, so the client has chosen the value of `HTTP_PROXY`.
pub(super) const CGI_VARIABLE: &str = "REQUEST_METHOD";

struct Variable<'a> {
    name: String,
    /// The address of the proxy. Empty for no proxy.
    value: &'a str,
}

/// Returns the proxy for a URI. Ignores an address that is not an HTTP proxy and adds a warning.
pub(super) fn find(uri: &Uri, variables: &[(&str, &str)], warnings: &mut Vec<String>) -> Option<Proxy> {
    let scheme = uri.scheme_str().unwrap_or_default();
    let variable = proxy_variable(variables, scheme).or_else(|| proxy_variable(variables, "all"))?;
    let no_proxy = value_of(variables, "no_proxy").or_else(|| value_of(variables, "NO_PROXY"));
    if variable.value.is_empty() || is_excluded(uri, no_proxy.unwrap_or_default()) {
        return None;
    }
    match Proxy::new(variable.value) {
        Ok(proxy) if matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) => Some(proxy),
        _ => {
            // The warning leaves out the address, which may contain a password.
            warnings.push(format!(
                "{} is not the address of an HTTP proxy, such as http://proxy:3128: it is not used",
                variable.name
            ));
            None
        }
    }
}

/// Returns the variable `<kind>_proxy`. The name in lower case has precedence, even if its value is empty. The name
/// in upper case is ignored if the value is empty, or if a client may have chosen it.
fn proxy_variable<'a>(variables: &[(&str, &'a str)], kind: &str) -> Option<Variable<'a>> {
    let name = format!("{kind}_proxy");
    if let Some((_, value)) = variables.iter().find(|(variable, _)| *variable == name) {
        return Some(Variable { name, value: value.trim() });
    }
    let name = name.to_ascii_uppercase();
    let is_cgi = variables.iter().any(|(variable, _)| *variable == CGI_VARIABLE);
    if is_cgi && name.starts_with("HTTP_") {
        return None;
    }
    let value = value_of(variables, &name)?;
    Some(Variable { name, value })
}

/// Returns whether `NO_PROXY` excludes the host: by name, by a domain or network that contains it, or by `*`.
fn is_excluded(uri: &Uri, no_proxy: &str) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let port = uri.port_u16().or(if uri.scheme_str() == Some("https") { Some(443) } else { Some(80) });
    no_proxy.split(',').map(|entry| entry.trim().to_ascii_lowercase()).any(|entry| {
        if entry == "*" || network_contains(&entry, &host) {
            return true;
        }
        let (name, excluded_port) = match entry.rsplit_once(':') {
            Some((name, digits)) if !name.contains(':') => (name, digits.parse::<u16>().ok()),
            _ => (&*entry, None),
        };
        let name = name.trim_start_matches('.');
        let name_matches = !name.is_empty()
            && (host == name || host.strip_suffix(name).is_some_and(|front| front.ends_with('.')));
        name_matches && excluded_port.is_none_or(|excluded_port| Some(excluded_port) == port)
    })
}

/// Returns whether a network such as `10.0.0.0/8` contains the address `host`.
fn network_contains(network: &str, host: &str) -> bool {
    let contains = || {
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
    contains().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Found {
        proxy: Option<String>,
        warnings: Vec<String>,
    }

    fn find_proxy(base_uri: &str, variables: &[(&str, &str)]) -> Found {
        let mut warnings = Vec::new();
        let proxy = find(&base_uri.parse().unwrap(), variables, &mut warnings);
        Found { proxy: proxy.map(|proxy| format!("{}:{}", proxy.host(), proxy.port())), warnings }
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
            let found = find_proxy(uri, variables);
            assert_eq!(found.proxy.as_deref(), expected, "{uri} {variables:?}");
            assert!(found.warnings.is_empty(), "{:?}", found.warnings);
        }
    }

    #[test]
    fn an_empty_variable_in_lower_case_means_no_proxy() {
        let proxies = [("HTTP_PROXY", "http://b:2"), ("ALL_PROXY", "http://d:4")];
        for name in ["http_proxy", "HTTP_PROXY"] {
            for empty in ["", " "] {
                let variables = [(name, empty), proxies[1]];
                let expected = (name == "HTTP_PROXY").then_some("d:4");
                assert_eq!(find_proxy("http://h", &variables).proxy.as_deref(), expected, "{variables:?}");
            }
        }
        assert_eq!(find_proxy("http://h", &[("http_proxy", ""), proxies[0], proxies[1]]).proxy, None);
        assert_eq!(find_proxy("http://h", &[("all_proxy", ""), proxies[1]]).proxy, None);
    }

    #[test]
    fn a_header_of_a_cgi_request_is_not_a_proxy() {
        let cgi = ("REQUEST_METHOD", "GET");
        for (variable, expected) in [
            ("HTTP_PROXY", None),
            ("http_proxy", Some("a:1")),
            ("ALL_PROXY", Some("a:1")),
            ("all_proxy", Some("a:1")),
        ] {
            let found = find_proxy("http://h", &[cgi, (variable, "http://a:1")]);
            assert_eq!((found.proxy.as_deref(), found.warnings.len()), (expected, 0), "{variable}");
        }
        let https = [cgi, ("HTTP_PROXY", "http://a:1"), ("HTTPS_PROXY", "http://b:2")];
        assert_eq!(find_proxy("https://h", &https).proxy.as_deref(), Some("b:2"));
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
            let found = find_proxy(&format!("http://{host}"), &[("http_proxy", "p"), ("no_proxy", list)]);
            assert_eq!(found.proxy.is_none(), excluded, "{host} {list}");
        }
    }

    #[test]
    fn the_warning_about_an_unusable_proxy_hides_its_password() {
        for address in ["socks5://user:secret@p:1", "http://user:secret@"] {
            let Found { proxy, warnings } = find_proxy("http://h", &[("all_proxy", address)]);
            assert_eq!((proxy, warnings.len()), (None, 1), "{address}");
            assert!(warnings[0].starts_with("all_proxy ") && !warnings[0].contains("secret"), "{warnings:?}");
        }
    }
}
