//! Names of the headers that the contract defines, and the media type of request bodies.

/// Application id, required on every call. It is the only authentication.
pub const APPLICATION_ID: &str = "X-Moesif-Application-Id";
/// Name and version of an SDK that sends events from a browser.
pub const SDK: &str = "X-Moesif-SDK";
/// Version of the remote configuration, on replies to POST, GET /v1/config and GET /v1/rules.
pub const CONFIG_ETAG: &str = "X-Moesif-Config-ETag";
/// Version of the governance rules, on the same replies.
pub const RULES_TAG: &str = "X-Moesif-Rules-Tag";
/// Transaction id on a captured response. Connects the client's call, the application and the event.
pub const TRANSACTION_ID: &str = "X-Moesif-Transaction-Id";
/// Marks an incomplete recorded body, in the headers of an event. Never sent on the captured connection.
pub const BODY_TRUNCATED: &str = "X-Moesif-Body-Truncated";
/// Media type of every request body that the SDK sends.
pub const JSON_UTF8: &str = "application/json; charset=utf-8";
