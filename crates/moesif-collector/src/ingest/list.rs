//! A document as its elements. In: the decoded body. Out: one raw value, or those of an array, unread; then what
//! each was judged to be.

use std::fmt;

use moesif_wire::{IngestReply, RejectedEvent, Rejection};
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Shape, refused::IngestError};

/// Elements in one batch at most. A body of nothing but commas and zeros would otherwise cost many times its size.
const MOST: usize = 250_000;

/// The elements of the document.
pub(super) fn elements(text: &[u8], shape: Shape) -> Result<Vec<&RawValue>, IngestError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    match shape {
        Shape::Single => Ok(vec![serde_json::from_slice(text).map_err(IngestError::NotJson)?]),
        Shape::Batch => match serde_json::from_slice::<Elements<'_>>(text) {
            Ok(Elements { more: true, .. }) => Err(IngestError::TooMany(MOST)),
            Ok(elements) => Ok(elements.list),
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
    pub(super) fn push(&mut self, index: usize, Rejection { field, error }: Rejection) {
        self.count = self.count.saturating_add(1);
        if self.list.len() < LISTED {
            self.list.push(RejectedEvent { index, field, error });
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
    judge: impl Fn(usize, &'a RawValue) -> Result<T, Rejection>,
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

/// An array of unread values, and whether there were more than are taken.
struct Elements<'a> {
    list: Vec<&'a RawValue>,
    more: bool,
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;
        impl<'de> Visitor<'de> for Array {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while list.len() < MOST {
                    match array.next_element()? {
                        Some(raw) => list.push(raw),
                        None => return Ok(Elements { list, more: false }),
                    }
                }
                let mut more = false;
                while array.next_element::<IgnoredAny>()?.is_some() {
                    more = true;
                }
                Ok(Elements { list, more })
            }
        }
        deserializer.deserialize_seq(Array)
    }
}
