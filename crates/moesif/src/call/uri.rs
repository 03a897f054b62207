//! The URI of a request, rebuilt from its parts so that it is always valid (PEP 3333, RFC 3986).

use std::net::Ipv6Addr;

use super::text::native_bytes;

/// Where the URI of a request comes from: the CGI variables, unset ones empty. Text is in native strings.
#[derive(Clone, Copy, Debug, Default)]
pub struct UriParts<'a> {
    /// `wsgi.url_scheme`.
    pub scheme: &'a str,
    /// `HTTP_HOST`; when empty, the server's own name and port stand in.
    pub host: &'a str,
    /// `SERVER_NAME`.
    pub server_name: &'a str,
    /// `SERVER_PORT`; left out when it is the scheme's own.
    pub server_port: &'a str,
    /// `SCRIPT_NAME`, decoded.
    pub script_name: &'a str,
    /// `PATH_INFO`, decoded.
    pub path_info: &'a str,
    /// `QUERY_STRING`, still encoded.
    pub query: &'a str,
}

impl UriParts<'_> {
    /// Appends the URI. Whatever may not stand in a URI is percent-encoded; what is encoded already stays.
    pub(crate) fn write(&self, out: &mut String) {
        let scheme_is_valid = self.scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && self.scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let scheme = if scheme_is_valid { self.scheme } else { "http" };
        out.push_str(scheme);
        out.push_str("://");
        if is_authority(self.host) {
            out.push_str(self.host);
        } else if !self.host.is_empty() {
            push_encoded(out, self.host, is_unreserved_or_sub_delim, Percent::Keep);
        } else if self.server_name.is_empty() {
            out.push_str("localhost");
        } else {
            let is_ipv6 = self.server_name.parse::<Ipv6Addr>().is_ok();
            if is_ipv6 {
                out.extend(["[", self.server_name, "]"]);
            } else {
                push_encoded(out, self.server_name, is_unreserved_or_sub_delim, Percent::Keep);
            }
            let implied = matches!((scheme, self.server_port), ("http", "80") | ("https", "443") | (_, ""));
            if !implied && is_port(self.server_port) {
                out.push(':');
                out.push_str(self.server_port);
            }
        }
        let path = if self.script_name.is_empty() { self.path_info } else { self.script_name };
        if !path.starts_with('/') {
            out.push('/');
        }
        push_encoded(out, self.script_name, is_path, Percent::Encode);
        push_encoded(out, self.path_info, is_path, Percent::Encode);
        if !self.query.is_empty() {
            out.push('?');
            push_encoded(out, self.query, is_query, Percent::Keep);
        }
    }
}

/// Appends the URL of a call as it is recorded: without the user and password it may hold and without its fragment, neither of
/// which is sent as a part of it, and with whatever may not stand in a URI percent-encoded.
pub(crate) fn push_url(out: &mut String, url: &str) {
    let url = url.split('#').next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        return push_encoded_bytes(out, url.as_bytes(), is_query, Percent::Keep);
    };
    let (host, path) = host_and_path(rest);
    push_encoded_bytes(out, scheme.as_bytes(), is_unreserved_or_sub_delim, Percent::Encode);
    out.push_str("://");
    if is_authority(host) {
        out.push_str(host);
    } else {
        push_encoded_bytes(out, host.as_bytes(), is_unreserved_or_sub_delim, Percent::Keep);
    }
    push_encoded_bytes(out, path.as_bytes(), is_query, Percent::Keep);
}

/// Whether a URL is this base or below it; both have a scheme and a host.
pub(crate) fn is_under(base: &str, url: &str) -> bool {
    let parts = |url: &str| {
        let (scheme, rest) = url.split_once("://")?;
        let (host, path) = host_and_path(rest);
        let scheme = scheme.to_ascii_lowercase();
        let host = host.to_ascii_lowercase();
        let implied = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(implied).unwrap_or(&host).to_owned();
        Some((scheme, host, path.to_owned()))
    };
    let (Some((base_scheme, base_host, base_path)), Some((scheme, host, path))) = (parts(base), parts(url))
    else {
        return false;
    };
    scheme == base_scheme
        && host == base_host
        && path.strip_prefix(&*base_path).is_some_and(|rest| {
            base_path.ends_with('/') || rest.is_empty() || rest.starts_with(['/', '?', '#'])
        })
}

/// The host of a URL, without its port.
pub(crate) fn host(url: &str) -> &str {
    let (host, _) = host_and_path(url.split_once("://").map_or(url, |(_, rest)| rest));
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

/// Host and port, without a user before them, and all that follows.
fn host_and_path(after_scheme: &str) -> (&str, &str) {
    let end = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
    let (authority, path) = after_scheme.split_at_checked(end).unwrap_or((after_scheme, ""));
    (authority.rsplit_once('@').map_or(authority, |(_, host)| host), path)
}

/// The path of a URI, without its query; `/` when there is none.
pub(crate) fn route(uri: &str) -> &str {
    let after_scheme = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let before_query = after_scheme.split(['?', '#']).next().unwrap_or_default();
    before_query.find('/').and_then(|start| before_query.get(start..)).unwrap_or("/")
}

/// What a percent sign in the source means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Percent {
    /// Itself: the source is decoded text.
    Encode,
    /// An escape, where two hexadecimal digits follow.
    Keep,
}

fn is_unreserved_or_sub_delim(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// Whether a `Host` header is a host, with or without a port, that may stand in a URI as it is.
fn is_authority(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_name = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(is_unreserved_or_sub_delim),
    };
    is_name && port.is_none_or(|port| port.is_empty() || is_port(port))
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

fn is_path(byte: u8) -> bool {
    is_unreserved_or_sub_delim(byte) || b":@/".contains(&byte)
}

fn is_query(byte: u8) -> bool {
    is_path(byte) || byte == b'?'
}

fn push_encoded(out: &mut String, text: &str, allowed: fn(u8) -> bool, percent: Percent) {
    if text.bytes().all(allowed) {
        out.push_str(text);
    } else {
        push_encoded_bytes(out, &native_bytes(text), allowed, percent);
    }
}

fn push_encoded_bytes(out: &mut String, bytes: &[u8], allowed: fn(u8) -> bool, percent: Percent) {
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let escape = percent == Percent::Keep
            && byte == b'%'
            && after.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if escape || allowed(byte) {
            out.push(char::from(byte));
        } else {
            const HEX: [char; 16] =
                ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
            out.push('%');
            for digit in [byte >> 4, byte & 0xF] {
                out.extend(HEX.get(usize::from(digit)));
            }
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_the_path_alone() {
        for (uri, path) in [
            ("http://h/a/b?q=/c", "/a/b"),
            ("http://h", "/"),
            ("http://h?q=a/b", "/"),
            ("http://h/#/a", "/"),
            ("/a?b", "/a"),
            ("", "/"),
        ] {
            assert_eq!(route(uri), path, "{uri}");
        }
    }

    #[test]
    fn of_a_url_neither_user_nor_fragment_is_recorded() {
        for (url, recorded) in [
            ("https://h/a?b=c#d", "https://h/a?b=c"),
            ("http://ann:s@cret@h:8080/a", "http://h:8080/a"),
            ("http://h?to=a@b", "http://h?to=a@b"),
            ("http://h/\u{e9} %zz%20", "http://h/%C3%A9%20%25zz%20"),
            ("http+unix://%2Frun%2Fx.sock/a", "http+unix://%2Frun%2Fx.sock/a"),
            ("http://[::1]:80/", "http://[::1]:80/"),
            ("nonsense", "nonsense"),
        ] {
            let mut out = String::new();
            push_url(&mut out, url);
            assert_eq!(out, recorded);
        }
    }

    #[test]
    fn what_is_under_a_base_is_told_by_its_parts() {
        for (base, url) in [
            ("http://h:9500", "http://h:9500/v1/events"),
            ("http://h", "HTTP://u:p@H:80?q"),
            ("https://h/moesif", "https://h:443/moesif/v1"),
            ("https://h/moesif", "https://h/moesif"),
        ] {
            assert!(is_under(base, url), "{base} {url}");
        }
        for (base, url) in [
            ("http://h:9500", "http://h:9501/v1/events"),
            ("http://h", "https://h/"),
            ("http://h", "http://h.example.com/"),
            ("https://h/moesif", "https://h/moesifs"),
            ("http://h", "nonsense"),
        ] {
            assert!(!is_under(base, url), "{base} {url}");
        }
    }

    fn uri(parts: UriParts<'_>) -> String {
        let mut out = String::new();
        parts.write(&mut out);
        out
    }

    #[test]
    fn the_uri_is_the_one_the_client_asked_for() {
        let parts = UriParts {
            scheme: "https",
            host: "api.example.com:8443",
            script_name: "/app",
            path_info: "/a b/\u{c3}\u{a9}/50%",
            query: "q=1&r=%20&s=\"x\"&t=%zz",
            ..UriParts::default()
        };
        assert_eq!(
            uri(parts),
            "https://api.example.com:8443/app/a%20b/%C3%A9/50%25?q=1&r=%20&s=%22x%22&t=%25zz"
        );
    }

    #[test]
    fn the_server_name_stands_in_for_a_missing_host() {
        let parts = UriParts { scheme: "http", server_name: "srv", server_port: "80", ..UriParts::default() };
        assert_eq!(uri(parts), "http://srv/");
        assert_eq!(uri(UriParts { server_port: "8080", ..parts }), "http://srv:8080/");
        assert_eq!(uri(UriParts { scheme: "https", ..parts }), "https://srv:80/");
        assert_eq!(uri(UriParts { path_info: "*", ..parts }), "http://srv/*");
        assert_eq!(uri(UriParts::default()), "http://localhost/");
    }

    #[test]
    fn a_host_that_is_none_is_escaped() {
        for (host, written) in [
            ("[::1]:8000", "[::1]:8000"),
            ("h:", "h:"),
            ("a:b:c]", "a%3Ab%3Ac%5D"),
            ("h:99999999", "h%3A99999999"),
            ("[nonsense]", "%5Bnonsense%5D"),
            ("u@h", "u%40h"),
        ] {
            assert_eq!(uri(UriParts { host, ..UriParts::default() }), format!("http://{written}/"));
        }
        let parts = UriParts { server_name: "::1", server_port: "8000", ..UriParts::default() };
        assert_eq!(uri(parts), "http://[::1]:8000/");
    }

    #[test]
    fn no_byte_makes_an_invalid_uri() {
        let every: String = (0..=255_u8).map(char::from).collect();
        let uri = uri(UriParts {
            scheme: "ht tp",
            host: &every,
            path_info: &every,
            query: &every,
            ..UriParts::default()
        });
        assert!(uri.starts_with("http://"));
        assert!(uri.bytes().all(|byte| is_query(byte) || byte == b'%'), "{uri}");
        uri.split('%').skip(1).for_each(|rest| {
            assert!(rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit), "{rest}");
        });
    }
}
