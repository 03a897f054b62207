//! Answer of a rule: headers, and status and body if the rule blocks.

use moesif_wire::Rule;
use serde_json::value::RawValue;

use super::template::{Template, Values};

/// Status of an answer if its rule has no status from 200 to 599.
const DEFAULT_STATUS: u16 = 429;

/// Headers that frame a message or belong to one connection. Only the server may set them. Most servers
/// answer 500 if an application sets them.
const SERVER_HEADERS: [&str; 12] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "status",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// Name and value of a header.
type Header = (String, String);

/// Answer of a rule, with merge tags.
#[derive(Debug)]
pub(super) struct Answer {
    headers: Vec<HeaderTemplate>,
    /// Status and body, if the rule blocks.
    pub(super) body: Option<BodyTemplate>,
}

#[derive(Debug)]
struct HeaderTemplate {
    name: String,
    value: Template,
}

/// Status and body of an answer, with merge tags.
#[derive(Debug)]
pub(super) struct BodyTemplate {
    status: u16,
    body: Template,
}

/// Answer of a rule that blocks a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Id of the rule.
    pub rule: String,
    /// Status code, from 200 to 599.
    pub status: u16,
    /// All headers in order. Names are unique. `Content-Type` and `Content-Length` describe the body, if
    /// there is one.
    pub headers: Vec<(String, String)>,
    /// A JSON document. Empty for HEAD requests and for statuses that allow no body.
    pub body: String,
}

impl Answer {
    /// Compiles the answer of a rule. Leaves out headers that cannot be set, and reports them.
    pub(super) fn new(rule: &Rule, report: &mut impl FnMut(String)) -> Self {
        let mut headers = Vec::with_capacity(rule.headers.len());
        for (name, value) in &rule.headers {
            let value = Template::plain(value, &rule.variables);
            if !is_settable(name) {
                report(format!("a rule cannot set the header {name:?}"));
            } else if header_value(&value.render(None)).is_none() {
                report(format!("the value of the header {name} contains control characters"));
            } else {
                headers.push(HeaderTemplate { name: name.clone(), value });
            }
        }
        let body = rule.block.then(|| BodyTemplate {
            status: rule.status.unwrap_or(DEFAULT_STATUS),
            body: Template::json(rule.body.as_deref().unwrap_or(RawValue::NULL), &rule.variables),
        });
        Self { headers, body }
    }

    /// Merges the headers into those of earlier rules. Replaces a header of the same name, ignoring case.
    pub(super) fn merge_headers(&self, values: Option<&Values>, merged: &mut Vec<Header>) {
        for HeaderTemplate { name, value } in &self.headers {
            if let Some(value) = header_value(&value.render(values)) {
                merged.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
                merged.push((name.clone(), value));
            }
        }
    }
}

impl BodyTemplate {
    /// Returns the answer to a call. `headers` are those of all rules that apply; `Content-Type` and
    /// `Content-Length` are added.
    pub(super) fn answer(
        &self,
        rule: &str,
        values: Option<&Values>,
        mut headers: Vec<Header>,
        is_head: bool,
    ) -> Block {
        let mut body = self.body.render(values);
        let is_content_type = |(name, _): &Header| name.eq_ignore_ascii_case("Content-Type");
        if matches!(self.status, 204 | 304) {
            headers.retain(|header| !is_content_type(header));
            body.clear();
        } else {
            if !headers.iter().any(is_content_type) {
                headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
            }
            if self.status == 205 {
                // 205 Reset Content must have an empty body.
                body.clear();
            }
            headers.push(("Content-Length".to_owned(), body.len().to_string()));
            if is_head {
                body.clear();
            }
        }
        Block { rule: rule.to_owned(), status: self.status, headers, body }
    }
}

/// Returns whether a rule may set a header of this name.
fn is_settable(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty()
        && name.bytes().all(is_token)
        && !SERVER_HEADERS.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// Returns a text as the value of a header. `None` if it contains a control character, which could end the
/// header.
fn header_value(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.chars().any(|character| character.is_ascii_control())).then(|| text.to_owned())
}
