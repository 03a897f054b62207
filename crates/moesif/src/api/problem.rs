//! What is wrong with an answer, in words for whoever asked.

use crate::http::{Reply, TransportError, reasons};

/// Why a request has not done what it was for, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No complete answer came back: whether a document is kept is not known.
    #[error("{base_uri} did not answer: {cause}")]
    Unanswered {
        /// The collector.
        base_uri: String,
        /// What happened instead.
        cause: TransportError,
    },
    /// Its time was over before its turn came.
    #[error("never sent to {base_uri}: other requests were under way")]
    NeverSent {
        /// The collector.
        base_uri: String,
    },
    /// The collector does not know the application, or is not one.
    #[error("{base_uri} does not accept this APPLICATION_ID or BASE_URI: it answered {status}")]
    Unauthorized {
        /// The collector.
        base_uri: String,
        /// The status of its answer.
        status: u16,
    },
    /// The document is not kept, or there is none.
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

/// Judges an answer.
pub(super) fn judge(base_uri: String, reply: &Reply) -> Result<(), Problem> {
    let status = reply.status;
    let found = reply.ingested();
    let count = found.not_kept();
    match status {
        200..=299 if count == 0 => Ok(()),
        200..=299 => Err(Problem::Rejected { base_uri, count, reasons: reasons(&found) }),
        300..=399 | 401 | 403 => Err(Problem::Unauthorized { base_uri, status }),
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
