//! Names of the headers the contract gives a meaning to, and the media type of every body.

/// The collector application id, required on every call: the only authentication there is.
pub const APPLICATION_ID: &str = "X-Moesif-Application-Id";
/// Name and version of an SDK that sends events from a browser.
pub const SDK: &str = "X-Moesif-SDK";
/// Version of the remote configuration, on the reply to every POST and to GET /v1/config and /v1/rules.
pub const CONFIG_ETAG: &str = "X-Moesif-Config-ETag";
/// Version of the governance rules, on the same replies.
pub const RULES_TAG: &str = "X-Moesif-Rules-Tag";
/// On a captured exchange: correlates client, application and event.
pub const TRANSACTION_ID: &str = "X-Moesif-Transaction-Id";
/// In an event's headers, never on the captured connection: the recorded body is a prefix.
pub const BODY_TRUNCATED: &str = "X-Moesif-Body-Truncated";
/// Media type of every request body this SDK sends.
pub const JSON_UTF8: &str = "application/json; charset=utf-8";
