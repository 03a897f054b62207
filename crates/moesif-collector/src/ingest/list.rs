//! A document as its elements. In: the decoded body. Out: one raw value, or those of an array, unread; then what
//! each was judged to be.

use moesif_wire::{IngestReply, RejectedEvent, ValidationError, raw::RawArray};
use serde_json::value::RawValue;

use super::{Shape, refused::IngestError};

/// Elements in one batch at most. A body of nothing but commas and zeros would otherwise cost many times its size.
const MOST: usize = 250_000;

/// The elements of the document.
pub(super) fn elements(text: &[u8], shape: Shape) -> Result<Vec<&RawValue>, IngestError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    match shape {
        Shape::Single => Ok(vec![serde_json::from_slice(text).map_err(IngestError::NotJson)?]),
        Shape::Batch => match serde_json::from_slice::<RawArray<'_, MOST>>(text) {
            Ok(array) if array.is_truncated => Err(IngestError::TooMany(MOST)),
            Ok(array) => Ok(array.items),
            Err(_) if serde_json::from_slice::<&RawValue>(text).is_ok() => Err(IngestError::NotAnArray),
            Err(error) => Err(IngestError::NotJson(error)),
        },
    }
}

/// Rejections in one reply at most. Each is many times as long as the shortest element it may be about.
const LISTED: usize = 1000;

/// What was not kept: all of it counted, the first of it listed.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    list: Vec<RejectedEvent>,
    count: usize,
}

impl Rejected {
    pub(super) fn push(&mut self, index: usize, error: ValidationError) {
        self.count = self.count.saturating_add(1);
        if self.list.len() < LISTED {
            let ValidationError { field, problem } = error;
            self.list.push(RejectedEvent { index, field, error: problem.to_string() });
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// As it is answered, in the order of the batch. The count is said where the list does not say it.
    pub(super) fn into_reply(mut self) -> IngestReply {
        self.list.sort_by_key(|one| one.index);
        let rejected_count = (self.count > self.list.len()).then_some(self.count);
        IngestReply { rejected: self.list, rejected_count }
    }
}

/// Judges the elements one by one, each with its place in the batch.
pub(super) fn judge_each<'a, T>(
    elements: &[&'a RawValue],
    judge: impl Fn(usize, &'a RawValue) -> Result<T, ValidationError>,
) -> (Vec<T>, Rejected) {
    let mut kept = Vec::new();
    let mut rejected = Rejected::default();
    for (index, raw) in elements.iter().enumerate() {
        match judge(index, raw) {
            Ok(record) => kept.push(record),
            Err(rejection) => rejected.push(index, rejection),
        }
    }
    (kept, rejected)
}
