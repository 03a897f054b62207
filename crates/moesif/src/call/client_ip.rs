//! The caller's address, as far as proxies in between tell it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use moesif_wire::Headers;

/// Headers that name one address or a list of them, in the order they are believed.
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

/// The left-most valid address of the first header that has one, then of `Forwarded` (RFC 7239), then the peer's.
/// What is no address (`unknown`, `null`, a socket path) is passed over.
pub(crate) fn client_address(headers: &Headers<'_>, peer: Option<&str>) -> Option<IpAddr> {
    ADDRESS_HEADERS
        .iter()
        .filter_map(|name| headers.get(name))
        .find_map(|value| value.split(',').find_map(address))
        .or_else(|| forwarded(headers.get("Forwarded")?))
        .or_else(|| address(peer?))
}

/// `for=192.0.2.60;proto=http, for="[2001:db8::1]:4711"`: the first `for` that is an address.
fn forwarded(value: &str) -> Option<IpAddr> {
    value
        .split([',', ';'])
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
        .find_map(|(_, node)| address(node))
        .or_else(|| value.split(',').find_map(address))
}

/// One address in any spelling proxies use: bare, with a port, in brackets, quoted, with a zone.
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
    fn every_spelling_of_an_address_is_understood() {
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
    fn what_is_no_address_falls_through_to_the_peer() {
        for value in ["null", "none", "unknown", "", ",,", "\u{ff}\u{0}", "1.2.3", "[", "[]:1"] {
            assert_eq!(found("X-Forwarded-For", value).as_deref(), Some("10.0.0.9"), "{value}");
        }
        assert_eq!(client_address(&Headers::default(), None), None);
        assert_eq!(client_address(&Headers::default(), Some("unix:/run/app.sock")), None);
    }
}
