//! Errors of API requests.

use crate::http::{Reply, TransportError, reasons, refuses_client};

/// Why a request failed, or succeeded only in part.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No complete answer came back. The collector may or may not have kept the document.
    #[error("{base_uri} did not answer: {cause}")]
    Unanswered {
        /// Base URI of the collector.
        base_uri: String,
        /// Why there is no answer.
        cause: TransportError,
    },
    /// The deadline passed while the request waited for a free thread. Nothing was sent.
    #[error("never sent to {base_uri}: other requests were under way")]
    NeverSent {
        /// Base URI of the collector.
        base_uri: String,
    },
    /// The collector does not accept the application id, or the base URI is wrong.
    #[error("{base_uri} does not accept this APPLICATION_ID or BASE_URI: it answered {status}")]
    Unauthorized {
        /// Base URI of the collector.
        base_uri: String,
        /// Status code of the answer.
        status: u16,
    },
    /// The collector did not keep the document, or has no such document.
    #[error("{base_uri} answered {status}{reasons}")]
    Refused {
        /// Base URI of the collector.
        base_uri: String,
        /// Status code of the answer.
        status: u16,
        /// Rejected elements and reasons, as the end of the message. Empty if the collector lists none.
        reasons: String,
    },
    /// The collector kept all elements of the document except some.
    #[error("{base_uri} kept all but {count}{reasons}")]
    Rejected {
        /// Base URI of the collector.
        base_uri: String,
        /// Number of elements that it did not keep.
        count: usize,
        /// Rejected elements and reasons, as the end of the message. Empty if the collector lists none.
        reasons: String,
    },
}

/// Returns an error unless the answer says that everything was kept.
pub(super) fn judge(base_uri: String, reply: &Reply) -> Result<(), Problem> {
    let status = reply.status;
    let found = reply.ingested();
    let count = found.total_rejected();
    match status {
        200..=299 if count == 0 => Ok(()),
        200..=299 => Err(Problem::Rejected { base_uri, count, reasons: reasons(&found) }),
        status if refuses_client(status) => Err(Problem::Unauthorized { base_uri, status }),
        _ => Err(Problem::Refused { base_uri, status, reasons: reasons(&found) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> String {
        let reply = Reply { status, body: body.as_bytes().to_vec(), ..Reply::default() };
        judge("http://c".to_owned(), &reply).map_or_else(|error| error.to_string(), |()| "kept".to_owned())
    }

    #[test]
    fn each_answer_has_its_message() {
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
    fn a_long_list_of_rejected_elements_is_cut() {
        let refused: Vec<_> =
            (0..9).map(|index| format!(r#"{{"index":{index},"field":"f","error":"e"}}"#)).collect();
        let message = judged(201, &format!(r#"{{"rejected":[{}]}}"#, refused.join(",")));
        assert_eq!(message, "http://c kept all but 9: element 0, f: e; element 1, f: e; element 2, f: e");
    }
}
