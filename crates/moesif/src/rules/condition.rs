//! Conditions of sampling entries and governance rules: a field of a call and a pattern that it must contain.

use std::fmt;

use super::call_view::CallView;
use super::pattern::{PatternError, RulePattern};
use crate::diagnostics::Topic;

/// Purpose of conditions. Each purpose has its own set of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Sampling,
    Governance,
}

/// Field of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Verb,
    /// Path of the URI.
    Route,
    /// Path of the URI, or the whole URI if the path does not match.
    RouteOrUri,
    Uri,
    IpAddress,
    /// Request header. The name is case-insensitive.
    Header(String),
    /// Member of the JSON object that is the request body.
    BodyMember(String),
    /// Status of the response.
    Status,
}

/// A pattern that a field must contain.
#[derive(Debug)]
struct Condition {
    field: Field,
    pattern: RulePattern,
}

/// Conditions that must all be met.
#[derive(Debug)]
pub(super) struct AllOf(Vec<Condition>);

/// Why a condition cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConditionError {
    /// The path names no field, or one that this purpose cannot use.
    #[error("{path} cannot be used in {purpose}: use {}", purpose.fields())]
    Field { path: String, purpose: Purpose },
    #[error("the pattern of {path} cannot be used: {error}")]
    Pattern { path: String, error: PatternError },
}

impl Purpose {
    /// Paths that conditions can use, for messages.
    const fn fields(self) -> &'static str {
        match self {
            Self::Sampling => "request.verb, request.route, request.ip_address or response.status",
            Self::Governance => {
                "request.verb, request.route, request.uri, request.ip_address, request.headers.NAME or \
                 request.body.KEY"
            }
        }
    }

    const fn topic(self) -> Topic {
        match self {
            Self::Sampling => Topic::Delivery,
            Self::Governance => Topic::Governance,
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sampling => "conditions of sampling",
            Self::Governance => "conditions of rules",
        })
    }
}

impl Field {
    /// Returns the field at a path. `None` if there is no such field, or if this purpose cannot use it.
    fn parse(path: &str, purpose: Purpose) -> Option<Self> {
        use Purpose::{Governance, Sampling};
        let (field, purposes) = match path {
            "request.verb" => (Self::Verb, &[Sampling, Governance][..]),
            "request.route" => (Self::Route, &[Sampling, Governance][..]),
            "request.ip_address" => (Self::IpAddress, &[Sampling, Governance][..]),
            "request.ip" => (Self::IpAddress, &[Governance][..]),
            "request.uri" => (Self::Uri, &[Governance][..]),
            "response.status" => (Self::Status, &[Sampling][..]),
            _ => (Self::parse_member(path)?, &[Governance][..]),
        };
        purposes.contains(&purpose).then_some(field)
    }

    fn parse_member(path: &str) -> Option<Self> {
        match path.strip_prefix("request.")?.split_once('.')? {
            ("headers", name) => Some(Self::Header(name.to_owned())),
            ("body", key) => Some(Self::BodyMember(key.to_owned())),
            _ => None,
        }
    }
}

/// Returns whether a `request.route` pattern is also searched for in the whole URI. Some SDKs call the whole
/// URI a route, and rules for them have a scheme in their patterns. Other patterns are not searched for in
/// the URI, because a negated pattern such as `^(?!/public)` would match every URI.
fn is_about_uri(pattern: &str) -> bool {
    pattern.contains("://") || pattern.starts_with("http") || pattern.starts_with("^http")
}

impl Condition {
    /// Compiles a condition. `owner` is the rule or entry that log messages name.
    fn new(
        condition: &moesif_wire::Condition,
        purpose: Purpose,
        owner: &str,
    ) -> Result<Self, ConditionError> {
        let moesif_wire::Condition { path, value } = condition;
        let field = match Field::parse(path, purpose) {
            Some(Field::Route) if is_about_uri(value) => Field::RouteOrUri,
            Some(field) => field,
            None => return Err(ConditionError::Field { path: path.clone(), purpose }),
        };
        let name = format!("{owner}: the pattern of {path}");
        let pattern = RulePattern::new(value, name, purpose.topic())
            .map_err(|error| ConditionError::Pattern { path: path.clone(), error })?;
        Ok(Self { field, pattern })
    }

    fn is_met(&self, call: &CallView<'_>) -> bool {
        call.field_contains(&self.field, &self.pattern)
    }
}

impl AllOf {
    /// Compiles conditions. Fails with the error of the first one that cannot be used. `owner` is the rule or
    /// entry that log messages name.
    pub(super) fn new(
        conditions: &[moesif_wire::Condition],
        purpose: Purpose,
        owner: &str,
    ) -> Result<Self, ConditionError> {
        conditions
            .iter()
            .map(|condition| Condition::new(condition, purpose, owner))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn are_met(&self, call: &CallView<'_>) -> bool {
        self.0.iter().all(|condition| condition.is_met(call))
    }

    /// Returns the members of request bodies that the conditions use.
    pub(super) fn body_keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|condition| match &condition.field {
            Field::BodyMember(key) => Some(&**key),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Policy;
    use crate::call::testing::exchange;

    const PURPOSES: [Purpose; 2] = [Purpose::Sampling, Purpose::Governance];

    fn usable(path: &str) -> [bool; 2] {
        PURPOSES.map(|purpose| Field::parse(path, purpose).is_some())
    }

    #[test]
    fn each_purpose_has_its_own_fields() {
        for path in ["request.verb", "request.route", "request.ip_address"] {
            assert_eq!(usable(path), [true, true], "{path}");
        }
        for path in ["request.uri", "request.ip", "request.headers.X-Key", "request.body.a"] {
            assert_eq!(usable(path), [false, true], "{path}");
        }
        assert_eq!(usable("response.status"), [true, false]);
        for path in ["request", "request.", "request.body", "request.time", "", "request.query.a", "response"]
        {
            assert_eq!(usable(path), [false, false], "{path}");
        }
    }

    #[test]
    fn header_names_and_body_keys_may_contain_dots() {
        let parse = |path| Field::parse(path, Purpose::Governance);
        assert_eq!(parse("request.headers.X.Key"), Some(Field::Header("X.Key".into())));
        assert_eq!(parse("request.body.a.b"), Some(Field::BodyMember("a.b".into())));
    }

    #[test]
    fn error_names_the_fields_that_can_be_used() {
        let condition = moesif_wire::Condition { path: "request.colour".into(), value: ".".into() };
        let errors = PURPOSES.map(|purpose| {
            AllOf::new(std::slice::from_ref(&condition), purpose, "r").unwrap_err().to_string()
        });
        assert_eq!(
            errors[0],
            "request.colour cannot be used in conditions of sampling: use request.verb, request.route, \
             request.ip_address or response.status"
        );
        assert!(errors[1].contains("request.headers.NAME"), "{}", errors[1]);
    }

    /// Returns whether a `request.route` condition is met. It must not depend on the purpose.
    fn route_matches(pattern: &str, uri: &str) -> bool {
        let mut exchange = exchange(Policy::default());
        exchange.set_uri(uri);
        let condition = moesif_wire::Condition { path: "request.route".into(), value: pattern.into() };
        let [sampling, governance] = PURPOSES.map(|purpose| {
            let conditions = AllOf::new(std::slice::from_ref(&condition), purpose, "r").unwrap();
            conditions.are_met(&CallView::new(&exchange))
        });
        assert_eq!(sampling, governance, "{pattern} {uri}");
        governance
    }

    #[test]
    fn negated_route_pattern_is_met_on_other_paths_only() {
        for pattern in ["^(?!/public)", "^(?!.*public)"] {
            assert!(!route_matches(pattern, "https://api.example.com/public"), "{pattern}");
            assert!(route_matches(pattern, "https://api.example.com/private"), "{pattern}");
        }
    }

    #[test]
    fn route_pattern_with_a_scheme_is_also_tried_on_the_uri() {
        let uri = "https://api.example.com/items?page=2";
        for pattern in [
            r"^https://api\.example\.com/items",
            r"^https?:\/\/api",
            "http.*items",
            r"://api\.example\.com/.*page=2",
        ] {
            assert!(route_matches(pattern, uri), "{pattern}");
        }
        // The path is tried as well.
        assert!(route_matches("https?-proxy", "https://api.example.com/http-proxy"));
    }

    #[test]
    fn route_pattern_without_a_scheme_is_tried_on_the_path_only() {
        let uri = "https://api.example.com/items?page=2";
        for pattern in [r"example\.com", "page=2", "^(http)", "(?i)^HTTPS"] {
            assert!(!route_matches(pattern, uri), "{pattern}");
        }
        assert!(route_matches("^/items$", uri));
    }
}
