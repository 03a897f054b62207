//! Splits a document into its elements, validates each and collects the rejections.

use moesif_wire::{
    IngestReply, RejectedEvent, ValidationError, raw::RawArray, text::without_byte_order_mark,
};
use serde_json::value::RawValue;

use super::error::IngestError;

/// Maximum number of elements in a batch. Many short elements would use many times the size of the body in
/// memory.
const MAX_ELEMENTS: usize = 250_000;
/// Maximum number of rejections in a reply. A rejection is many times as long as the shortest element.
const MAX_LISTED: usize = 1000;

/// Whether a route takes one element or an array of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    Batch,
}

/// Returns the elements of a document, unparsed. Skips a byte order mark.
pub(super) fn elements(text: &[u8], shape: Shape) -> Result<Vec<&RawValue>, IngestError> {
    let text = without_byte_order_mark(text);
    match shape {
        Shape::Single => Ok(vec![serde_json::from_slice(text).map_err(IngestError::NotJson)?]),
        Shape::Batch => match serde_json::from_slice::<RawArray<'_, MAX_ELEMENTS>>(text) {
            Ok(array) if array.is_truncated => Err(IngestError::TooManyElements(MAX_ELEMENTS)),
            Ok(array) => Ok(array.items),
            Err(_) if serde_json::from_slice::<&RawValue>(text).is_ok() => Err(IngestError::NotAnArray),
            Err(error) => Err(IngestError::NotJson(error)),
        },
    }
}

/// The rejected elements of a batch. Counts all of them and lists the first [`MAX_LISTED`].
#[derive(Debug, Default)]
pub(super) struct Rejections {
    list: Vec<RejectedEvent>,
    count: usize,
}

impl Rejections {
    pub(super) fn push(&mut self, index: usize, ValidationError { field, problem }: ValidationError) {
        self.count = self.count.saturating_add(1);
        if self.list.len() < MAX_LISTED {
            self.list.push(RejectedEvent { index, field, error: problem.to_string() });
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Makes the reply, in the order of the batch. Adds the count if the list is incomplete.
    pub(super) fn into_reply(mut self) -> IngestReply {
        self.list.sort_by_key(|rejected| rejected.index);
        let rejected_count = (self.count > self.list.len()).then_some(self.count);
        IngestReply { rejected: self.list, rejected_count }
    }
}

/// The elements of a batch after validation.
pub(super) struct Validated<T> {
    pub(super) records: Vec<T>,
    pub(super) rejections: Rejections,
}

/// Validates each element on its own. `validate` gets its position in the batch.
pub(super) fn validate_each<'a, T>(
    elements: &[&'a RawValue],
    validate: impl Fn(usize, &'a RawValue) -> Result<T, ValidationError>,
) -> Validated<T> {
    let mut validated = Validated { records: Vec::new(), rejections: Rejections::default() };
    for (index, raw) in elements.iter().enumerate() {
        match validate(index, raw) {
            Ok(record) => validated.records.push(record),
            Err(error) => validated.rejections.push(index, error),
        }
    }
    validated
}
