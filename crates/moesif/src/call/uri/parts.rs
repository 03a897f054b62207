//! Reads host and path of a URI, and compares a URI with a base.

/// Returns the path of a URI without its query. `/` if it has none.
pub(crate) fn route(uri: &str) -> &str {
    let after_scheme = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let before_query = after_scheme.split(['?', '#']).next().unwrap_or_default();
    before_query.find('/').and_then(|start| before_query.get(start..)).unwrap_or("/")
}

/// Returns the host of a URL without its port.
pub(crate) fn host(url: &str) -> &str {
    let (host, _) = host_and_path(url.split_once("://").map_or(url, |(_, rest)| rest));
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

/// Returns whether a URL equals `base` or is below it. `false` if either has no scheme.
pub(crate) fn is_under(base: &str, url: &str) -> bool {
    let parts = |url: &str| {
        let (scheme, rest) = url.split_once("://")?;
        let (host, path) = host_and_path(rest);
        let scheme = scheme.to_ascii_lowercase();
        let host = host.to_ascii_lowercase();
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(default_port).unwrap_or(&host).to_owned();
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

/// Splits the text after `://` into host with port, and the rest. Removes user and password.
pub(super) fn host_and_path(after_scheme: &str) -> (&str, &str) {
    let end = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
    let (authority, path) = after_scheme.split_at_checked(end).unwrap_or((after_scheme, ""));
    (authority.rsplit_once('@').map_or(authority, |(_, host)| host), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_is_the_path_without_the_query() {
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
    fn url_is_under_a_base_if_scheme_host_port_and_path_agree() {
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
}
