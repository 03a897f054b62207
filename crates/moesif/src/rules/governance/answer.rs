//! What a rule says: headers, and the answer it gives in the application's place.

use moesif_wire::Rule;

use super::template::{Template, Values};

/// The status of an answer whose rule names none that can be one.
const TOO_MANY_REQUESTS: u16 = 429;

/// Headers that frame a message or belong to one connection: the server's to set. Most servers answer 500 when they find
/// one of them.
const FRAMING: [&str; 12] = [
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

/// A header's name and value.
pub(super) type Header = (String, String);

/// What a rule says, before it is known to whom.
#[derive(Debug)]
pub(super) struct Answer {
    headers: Vec<(String, Template)>,
    /// Where the rule blocks: the status and the body.
    block: Option<(u16, Template)>,
}

/// The answer a rule gives in the application's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The id of the rule.
    pub rule: String,
    /// From 200 to 599.
    pub status: u16,
    /// All headers, in order, one of a name. Where there is a body they say what and how long it is.
    pub headers: Vec<(String, String)>,
    /// A JSON document; empty where the answer to this call has no body.
    pub body: String,
}

impl Answer {
    pub(super) fn new(rule: &Rule, complain: &mut impl FnMut(String)) -> Self {
        let mut headers = Vec::with_capacity(rule.headers.len());
        for (name, value) in &rule.headers {
            let value = Template::plain(value, &rule.variables);
            if !is_name(name) {
                complain(format!("{name:?} is no header a rule can set"));
            } else if header_value(&value.render(None)).is_none() {
                complain(format!("the value of the header {name} holds control characters"));
            } else {
                headers.push((name.clone(), value));
            }
        }
        let block = rule.block.then(|| {
            let body = rule.body.as_deref().unwrap_or(serde_json::value::RawValue::NULL);
            (rule.status.unwrap_or(TOO_MANY_REQUESTS), Template::json(body, &rule.variables))
        });
        Self { headers, block }
    }

    /// Merges the headers into those of rules that come before this one.
    pub(super) fn merge_headers(&self, values: Option<&Values>, merged: &mut Vec<Header>) {
        for (name, value) in &self.headers {
            if let Some(value) = header_value(&value.render(values)) {
                merged.retain(|(there, _)| !there.eq_ignore_ascii_case(name));
                merged.push((name.clone(), value));
            }
        }
    }

    /// The status and the body, where the rule blocks.
    pub(super) fn block(&self, values: Option<&Values>) -> Option<(u16, String)> {
        let (status, body) = self.block.as_ref()?;
        Some((*status, body.render(values)))
    }
}

impl Block {
    /// An answer whose headers describe its body.
    pub(super) fn new(
        rule: &str,
        status: u16,
        mut headers: Vec<Header>,
        mut body: String,
        is_head: bool,
    ) -> Self {
        let is_type = |(name, _): &Header| name.eq_ignore_ascii_case("Content-Type");
        if matches!(status, 204 | 304) {
            headers.retain(|header| !is_type(header));
            body.clear();
        } else {
            if !headers.iter().any(is_type) {
                headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
            }
            if status == 205 {
                // It asks the client to start anew, and may not say more.
                body.clear();
            }
            headers.push(("Content-Length".to_owned(), body.len().to_string()));
            if is_head {
                body.clear();
            }
        }
        Self { rule: rule.to_owned(), status, headers, body }
    }
}

fn is_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty()
        && name.bytes().all(is_token)
        && !FRAMING.iter().any(|framing| framing.eq_ignore_ascii_case(name))
}

/// A text as a header's value. `None` if it could end the header, or start another one.
fn header_value(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.chars().any(|character| character.is_ascii_control())).then(|| text.to_owned())
}
