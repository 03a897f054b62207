//! Writes the URI of a call. The result is always a valid URI (PEP 3333, RFC 3986).

mod parts;

use std::net::Ipv6Addr;

use super::text::native_bytes;
use parts::host_and_path;

pub(crate) use parts::{host, is_under, route};

/// CGI variables that make up the URI of a request. Texts are native strings; unset variables are empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct UriParts<'a> {
    /// `wsgi.url_scheme`.
    pub scheme: &'a str,
    /// `HTTP_HOST`. If it is empty, `server_name` and `server_port` are used.
    pub host: &'a str,
    /// `SERVER_NAME`.
    pub server_name: &'a str,
    /// `SERVER_PORT`. The default port of the scheme is left out.
    pub server_port: &'a str,
    /// `SCRIPT_NAME`, percent-decoded.
    pub script_name: &'a str,
    /// `PATH_INFO`, percent-decoded.
    pub path_info: &'a str,
    /// `QUERY_STRING`, still percent-encoded.
    pub query: &'a str,
}

/// Returns the maximum length in bytes of the URI that [`push_url`] writes. Counts precisely if `room` bytes may
/// be too few.
pub(crate) fn max_url_length(url: &str, room: usize) -> usize {
    max_length(&[url], room)
}

/// Returns the maximum length in bytes of texts with percent-encoding, which makes three bytes of one. Counts
/// precisely only if `room` bytes may be too few: counting takes longer than writing.
fn max_length(texts: &[&str], room: usize) -> usize {
    let length: usize = texts.iter().map(|text| text.len()).sum();
    let most = length.saturating_mul(3);
    if most <= room {
        return most;
    }
    let encoded = texts.iter().flat_map(|text| text.bytes()).filter(|byte| !is_query(*byte)).count();
    length.saturating_add(encoded.saturating_mul(2))
}

impl UriParts<'_> {
    /// Returns the maximum length in bytes of the URI that [`UriParts::write`] writes. Counts precisely if `room`
    /// bytes may be too few.
    pub(crate) fn max_length(&self, room: usize) -> usize {
        const PUNCTUATION: usize = "http://localhost[]:/?".len();
        let texts = [
            self.scheme,
            self.host,
            self.server_name,
            self.server_port,
            self.script_name,
            self.path_info,
            self.query,
        ];
        PUNCTUATION + max_length(&texts, room.saturating_sub(PUNCTUATION))
    }

    /// Appends the URI. Percent-encodes characters that a URI must not contain. Keeps escapes in host and
    /// query.
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
            let is_default_port =
                matches!((scheme, self.server_port), ("http", "80") | ("https", "443") | (_, ""));
            if !is_default_port && is_port(self.server_port) {
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

/// Appends the URL of an outgoing call. Removes user, password and fragment, which are not sent as part of
/// the URL. Percent-encodes characters that a URI must not contain.
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

/// Meaning of a percent sign in the source text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Percent {
    /// A character to encode: the source is decoded text.
    Encode,
    /// The start of an escape if two hexadecimal digits follow.
    Keep,
}

fn is_unreserved_or_sub_delim(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// Returns whether a URI may contain this `Host` header unchanged: a host with or without a port.
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
        return;
    }
    // An escape has no character that is not ASCII, so each part is encoded on its own.
    for part in text.split_inclusive(|character: char| !character.is_ascii()) {
        let ascii = part.trim_end_matches(|character: char| !character.is_ascii());
        push_encoded_bytes(out, ascii.as_bytes(), allowed, percent);
        if let Some(character) = part.chars().next_back().filter(|character| !character.is_ascii()) {
            push_encoded_bytes(out, native_bytes(character, &mut [0; 4]), allowed, percent);
        }
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
    fn url_of_an_outgoing_call_loses_user_and_fragment() {
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

    fn uri(parts: UriParts<'_>) -> String {
        let mut out = String::new();
        parts.write(&mut out);
        out
    }

    #[test]
    fn uri_is_the_one_that_the_client_requested() {
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
    fn server_name_replaces_a_missing_host() {
        let parts = UriParts { scheme: "http", server_name: "srv", server_port: "80", ..UriParts::default() };
        assert_eq!(uri(parts), "http://srv/");
        assert_eq!(uri(UriParts { server_port: "8080", ..parts }), "http://srv:8080/");
        assert_eq!(uri(UriParts { scheme: "https", ..parts }), "https://srv:80/");
        assert_eq!(uri(UriParts { path_info: "*", ..parts }), "http://srv/*");
        assert_eq!(uri(UriParts::default()), "http://localhost/");
    }

    #[test]
    fn invalid_host_is_escaped() {
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
    fn uri_is_valid_for_every_byte() {
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
