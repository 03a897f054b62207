//! The event document: one API call.

use std::borrow::Cow;

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeStruct},
};
use serde_json::value::RawValue;

use crate::Timestamp;

/// One API call: the caller, the request and the response.
///
/// Serialises to the event document of the contract. Unset fields are left out: absent and null mean the
/// same.
#[derive(Clone, Debug, Serialize)]
pub struct Event<'a> {
    /// The request.
    pub request: Request<'a>,
    /// The response. `None` if there was none, for example after a timeout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Response<'a>>,
    /// Session token or API token of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Cow<'a, str>>,
    /// Comma-separated labels. No longer documented, but SDKs still send them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Cow<'a, str>>,
    /// The user who made the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Cow<'a, str>>,
    /// The company of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_id: Option<Cow<'a, str>>,
    /// The subscription the call counts towards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<Cow<'a, str>>,
    /// A JSON object that the application chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<&'a RawValue>,
    /// Whether the application received or made the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Number of calls that this event represents, at least 1: the inverse of the sampling rate.
    pub weight: u64,
    /// Id of the governance rule that blocked the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<Cow<'a, str>>,
    /// De-duplication key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<Cow<'a, str>>,
    /// Name of the user action this call belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_name: Option<Cow<'a, str>>,
    /// OpenTelemetry trace id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<Cow<'a, str>>,
    /// OpenTelemetry span: id, parent, links and status, as a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<&'a RawValue>,
}

/// The request of an [`Event`].
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// When the request arrived.
    pub time: Timestamp,
    /// Full URI: scheme, host, path and query.
    pub uri: Cow<'a, str>,
    /// Method, such as `GET`.
    pub verb: Cow<'a, str>,
    /// The header fields.
    pub headers: Headers<'a>,
    /// Version of the called API, if the application sets one.
    pub api_version: Option<Cow<'a, str>>,
    /// Address of the caller.
    pub ip_address: Option<Cow<'a, str>>,
    /// The body, if it was recorded.
    pub body: Option<Body<'a>>,
    /// Size of the whole body in bytes as it was transferred, if known.
    pub content_length: Option<u64>,
}

/// The response of an [`Event`].
#[derive(Clone, Debug)]
pub struct Response<'a> {
    /// When the last byte of the response was sent.
    pub time: Timestamp,
    /// Status code.
    pub status: u16,
    /// The header fields.
    pub headers: Headers<'a>,
    /// Address of the server.
    pub ip_address: Option<Cow<'a, str>>,
    /// The body, if it was recorded.
    pub body: Option<Body<'a>>,
    /// Size of the whole body in bytes as it was transferred, if known.
    pub content_length: Option<u64>,
}

/// A recorded body and its encoding in the document.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// `transfer_encoding: json`: a JSON value with its original text.
    Json(Cow<'a, RawValue>),
    /// `transfer_encoding: base64`: text that is already encoded.
    Base64(Cow<'a, str>),
    /// `transfer_encoding: base64`: bytes that are encoded during serialisation.
    Bytes(Cow<'a, [u8]>),
}

/// Direction of a call, seen from the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Direction {
    /// A client called this application.
    Incoming,
    /// This application called another service.
    Outgoing,
    /// One part of the application called another.
    Internal,
}

impl Direction {
    /// Returns the contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incoming => "Incoming",
            Self::Outgoing => "Outgoing",
            Self::Internal => "Internal",
        }
    }

    /// Parses the contract's word. Case is ignored.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Incoming, Self::Outgoing, Self::Internal]
            .into_iter()
            .find(|direction| direction.as_str().eq_ignore_ascii_case(word))
    }
}

/// Header fields in the order they were sent, one entry per name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Headers<'a> {
    /// Returns an empty list with capacity for `fields` fields.
    #[must_use]
    pub fn with_capacity(fields: usize) -> Self {
        Self(Vec::with_capacity(fields))
    }

    /// Adds a field without a search for its name. Use it if all names are distinct.
    pub fn push(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Adds a field. If the name is there already, the value is appended after `, `: the contract joins
    /// repeated fields. Case of the name is ignored.
    pub fn append(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let (name, value) = (name.into(), value.into());
        match self.find(&name) {
            Some((_, existing)) => {
                let existing = existing.to_mut();
                existing.push_str(", ");
                existing.push_str(&value);
            }
            None => self.0.push((name, value)),
        }
    }

    /// Sets a field. Replaces the value if the name is there already. Case of the name is ignored.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let (name, value) = (name.into(), value.into());
        match self.find(&name) {
            Some((_, existing)) => *existing = value,
            None => self.0.push((name, value)),
        }
    }

    /// Removes every field for which `keep` returns false for its name.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// Returns the value of a field. Case of the name is ignored.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns the number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&mut self, name: &str) -> Option<&mut (Cow<'a, str>, Cow<'a, str>)> {
        self.0.iter_mut().find(|(field, _)| field.eq_ignore_ascii_case(name))
    }
}

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Body<'_> {
    /// Returns the value of `transfer_encoding`: `json` or `base64`.
    #[must_use]
    pub const fn transfer_encoding(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Base64(_) | Self::Bytes(_) => "base64",
        }
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(value) => value.serialize(serializer),
            Self::Base64(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.collect_str(&Base64Display::new(bytes, &STANDARD)),
        }
    }
}

/// Writes `body`, `transfer_encoding` and `content_length`, which requests and responses share.
fn serialize_body<S: SerializeStruct>(
    document: &mut S,
    body: Option<&Body<'_>>,
    content_length: Option<u64>,
) -> Result<(), S::Error> {
    if let Some(body) = body {
        document.serialize_field("body", body)?;
        document.serialize_field("transfer_encoding", body.transfer_encoding())?;
    }
    if let Some(bytes) = content_length {
        document.serialize_field("content_length", &bytes)?;
    }
    Ok(())
}

impl Serialize for Request<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_struct("Request", 9)?;
        document.serialize_field("time", &self.time)?;
        document.serialize_field("uri", &self.uri)?;
        document.serialize_field("verb", &self.verb)?;
        document.serialize_field("headers", &self.headers)?;
        if let Some(version) = &self.api_version {
            document.serialize_field("api_version", version)?;
        }
        if let Some(address) = &self.ip_address {
            document.serialize_field("ip_address", address)?;
        }
        serialize_body(&mut document, self.body.as_ref(), self.content_length)?;
        document.end()
    }
}

impl Serialize for Response<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_struct("Response", 7)?;
        document.serialize_field("time", &self.time)?;
        document.serialize_field("status", &self.status)?;
        document.serialize_field("headers", &self.headers)?;
        if let Some(address) = &self.ip_address {
            document.serialize_field("ip_address", address)?;
        }
        serialize_body(&mut document, self.body.as_ref(), self.content_length)?;
        document.end()
    }
}
