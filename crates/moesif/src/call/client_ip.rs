//! Finds the address of the caller in the headers that proxies add.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use moesif_wire::Headers;

/// Headers with one address or a list of addresses, in order of precedence.
const ADDRESS_HEADERS: [&str; 8] = [
    "X-Client-Ip",
    "X-Forwarded-For",
    "Cf-Connecting-Ip",
    "True-Client-Ip",
    "X-Real-Ip",
    "X-Cluster-Client-Ip",
    "X-Forwarded",
    "Forwarded-For",
];

/// Returns the address of the caller from the first of these sources that has a valid one:
/// [`ADDRESS_HEADERS`] in order, `Forwarded` (RFC 7239), the peer. In a list, takes the left-most valid
/// address. Skips values that are not addresses, such as `unknown` or a socket path.
pub(crate) fn client_address(headers: &Headers<'_>, peer: Option<&str>) -> Option<IpAddr> {
    ADDRESS_HEADERS
        .iter()
        .filter_map(|name| headers.get(name))
        .find_map(|value| value.split(',').find_map(address))
        .or_else(|| forwarded(headers.get("Forwarded")?))
        .or_else(|| address(peer?))
}

/// Returns the first `for` that is an address: `for=192.0.2.60;proto=http, for="[2001:db8::1]:4711"`.
fn forwarded(value: &str) -> Option<IpAddr> {
    value
        .split([',', ';'])
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
        .find_map(|(_, node)| address(node))
        .or_else(|| value.split(',').find_map(address))
}

/// Parses an address in any form that proxies use: bare, with a port, in brackets, quoted, with a zone.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"').trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    let bare =
        text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(inside, _)| inside);
    let without_zone = bare.split_once('%').map_or(bare, |(address, _)| address);
    without_zone.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &'static str, value: &'static str) -> Option<String> {
        let mut headers = Headers::default();
        headers.append(name, value);
        client_address(&headers, Some("10.0.0.9")).map(|address| address.to_string())
    }

    #[test]
    fn address_is_parsed_in_every_form() {
        for (name, value, expected) in [
            ("X-Forwarded-For", "203.0.113.7, 10.0.0.1", "203.0.113.7"),
            ("X-Forwarded-For", "unknown, 203.0.113.7:4711", "203.0.113.7"),
            ("X-Forwarded-For", "[2001:db8::1]:80", "2001:db8::1"),
            ("X-Forwarded-For", "[2001:db8::1]", "2001:db8::1"),
            ("X-Forwarded-For", "fe80::1%eth0", "fe80::1"),
            ("x-real-ip", " 203.0.113.8 ", "203.0.113.8"),
            ("Forwarded", "for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("Forwarded", "for=unknown, For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("Forwarded", "192.0.2.61", "192.0.2.61"),
        ] {
            assert_eq!(found(name, value).as_deref(), Some(expected), "{name}: {value}");
        }
    }

    #[test]
    fn peer_is_used_if_no_header_has_an_address() {
        for value in ["null", "none", "unknown", "", ",,", "\u{ff}\u{0}", "1.2.3", "[", "[]:1"] {
            assert_eq!(found("X-Forwarded-For", value).as_deref(), Some("10.0.0.9"), "{value}");
        }
        assert_eq!(client_address(&Headers::default(), None), None);
        assert_eq!(client_address(&Headers::default(), Some("unix:/run/app.sock")), None);
    }
}
