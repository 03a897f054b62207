//! A document sent at once: the application asked for it and waits for the answer.
//!
//! In: JSON text and the path it belongs to. Out: whether the collector has kept it. One attempt on the calling thread,
//! over a connection of its own: nothing is queued or retried, and nothing shared but addresses that are known. It takes at
//! most `REQUEST_TIMEOUT`.

use moesif_wire::IngestReply;

use crate::client::Client;
use crate::transport::{HttpTransport, Reply, TransportError};

/// How many of the elements a collector refused are named.
const MOST_NAMED: usize = 3;

/// Why a document is not kept, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// No complete answer came back: whether the document is kept is not known.
    #[error("{base_uri} did not answer: {cause}")]
    Unanswered {
        /// The collector.
        base_uri: String,
        /// What happened instead.
        cause: TransportError,
    },
    /// The collector does not know the application, or is not one.
    #[error("{base_uri} does not accept this APPLICATION_ID or BASE_URI: it answered {status}")]
    Unauthorized {
        /// The collector.
        base_uri: String,
        /// The status of its answer.
        status: u16,
    },
    /// The document is not kept.
    #[error("{base_uri} answered {status}{reasons}")]
    Refused {
        /// The collector.
        base_uri: String,
        /// The status of its answer.
        status: u16,
        /// What it objects to, as the end of the sentence; empty if it does not say.
        reasons: String,
    },
    /// The document is kept but for some of its elements.
    #[error("{base_uri} kept all but {count}{reasons}")]
    Rejected {
        /// The collector.
        base_uri: String,
        /// How many elements are not kept.
        count: usize,
        /// Why, as the end of the sentence.
        reasons: String,
    },
}

impl Client {
    /// Posts a document, as JSON text, such as a user to `/v1/users`, and waits for the answer. Once: what fails is the
    /// caller's to send again.
    ///
    /// # Errors
    ///
    /// [`PostError`] when the document, or a part of it, is not kept or may not be.
    pub fn post(&self, path: &str, json: &str) -> Result<(), PostError> {
        let endpoint = self.endpoint();
        let base_uri = endpoint.base_uri().to_owned();
        match HttpTransport::new(endpoint, &self.names()).post(path, json.as_bytes()) {
            Ok(reply) => judge(base_uri, &reply),
            Err(cause) => Err(PostError::Unanswered { base_uri, cause }),
        }
    }
}

fn judge(base_uri: String, reply: &Reply) -> Result<(), PostError> {
    let status = reply.status;
    let found = reply.ingested();
    let count = found.not_kept();
    match status {
        200..=299 if count == 0 => Ok(()),
        200..=299 => Err(PostError::Rejected { base_uri, count, reasons: reasons(&found) }),
        300..=399 | 401 | 403 => Err(PostError::Unauthorized { base_uri, status }),
        _ => Err(PostError::Refused { base_uri, status, reasons: reasons(&found) }),
    }
}

/// What an answer objects to first, as the end of a sentence; empty if it does not say.
pub(crate) fn reasons(reply: &IngestReply) -> String {
    let named = reply.rejected.iter().take(MOST_NAMED);
    let named: Vec<_> = named
        .map(|refused| format!("element {}, {}: {}", refused.index, refused.field, refused.error))
        .collect();
    if named.is_empty() { String::new() } else { format!(": {}", named.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::Tags;

    fn judged(status: u16, body: &str) -> String {
        let reply =
            Reply { status, retry_after: None, tags: Tags::default(), body: body.as_bytes().to_vec() };
        judge("http://c".to_owned(), &reply).map_or_else(|error| error.to_string(), |()| "kept".to_owned())
    }

    #[test]
    fn an_answer_says_what_became_of_the_document() {
        const REJECTED: &str =
            r#"{"rejected":[{"index":1,"field":"metadata","error":"expected an object, found 3"}]}"#;
        for (status, body, expected) in [
            (201, "{}", "kept"),
            (200, "no JSON", "kept"),
            (201, REJECTED, "http://c kept all but 1: element 1, metadata: expected an object, found 3"),
            (201, r#"{"rejected":[],"rejected_count":7}"#, "http://c kept all but 7"),
            (400, REJECTED, "http://c answered 400: element 1, metadata: expected an object, found 3"),
            (503, "", "http://c answered 503"),
            (401, "", "http://c does not accept this APPLICATION_ID or BASE_URI: it answered 401"),
            (302, "", "http://c does not accept this APPLICATION_ID or BASE_URI: it answered 302"),
        ] {
            assert_eq!(judged(status, body), expected);
        }
    }

    #[test]
    fn a_long_list_of_refusals_is_cut() {
        let refused: Vec<_> =
            (0..9).map(|index| format!(r#"{{"index":{index},"field":"f","error":"e"}}"#)).collect();
        let message = judged(201, &format!(r#"{{"rejected":[{}]}}"#, refused.join(",")));
        assert_eq!(message, "http://c kept all but 9: element 0, f: e; element 1, f: e; element 2, f: e");
    }
}
