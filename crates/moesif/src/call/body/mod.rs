//! Body of a request or response: a bounded prefix and a count.
//!
//! [`CapturedBody`] records the bytes. `view` turns them into the form they are sent in.

mod view;

use std::mem;

use super::budget::Reservation;
use crate::memory;

pub use view::BodyView;

/// Maximum allocation, in bytes, that is kept for another body.
const MAX_SPARE: usize = 4096;

/// Recorded prefix of a body, and the number of bytes that were transferred.
#[derive(Debug, Default)]
pub struct CapturedBody {
    bytes: Vec<u8>,
    passed: u64,
    /// The recorded bytes are only a prefix: a part was skipped or not read, or the byte budget was
    /// exhausted.
    is_incomplete: bool,
    /// The body was freed before it was sent.
    is_discarded: bool,
}

impl CapturedBody {
    /// Records the next chunk. Keeps at most `limit` bytes of the body.
    pub(crate) fn append(&mut self, chunk: &[u8], limit: usize, reservation: &mut Reservation) {
        self.record_at(self.passed, chunk, limit, reservation);
    }

    /// Records a chunk that was read from position `offset`.
    ///
    /// Bytes that are recorded already are ignored. After a gap nothing more is recorded.
    pub(crate) fn record_at(
        &mut self,
        offset: u64,
        chunk: &[u8],
        limit: usize,
        reservation: &mut Reservation,
    ) {
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        self.passed = self.passed.max(offset.saturating_add(length));
        let kept = self.bytes.len();
        let Some(known) = usize::try_from(offset).ok().and_then(|offset| kept.checked_sub(offset)) else {
            self.is_incomplete = true;
            return;
        };
        let Some(new) = chunk.get(known..).filter(|new| !new.is_empty() && !self.is_incomplete) else {
            return;
        };
        let new = new.get(..limit.saturating_sub(kept)).unwrap_or(new);
        if new.is_empty() {
            return;
        }
        // Reserves the allocated capacity, so that the budget counts memory and not content.
        let capacity = self.bytes.capacity();
        let needed = kept + new.len();
        if needed > capacity {
            let roomy = needed.max(capacity.saturating_mul(2)).min(limit);
            if !self.grow_to(roomy, reservation) && !self.grow_to(needed, reservation) {
                // Drops the body, so that the event itself can be kept.
                self.discard(reservation);
                return;
            }
        }
        self.bytes.extend_from_slice(new);
    }

    /// Makes the allocation `capacity` bytes long. Returns `false` if the budget is exhausted or there is no
    /// memory.
    fn grow_to(&mut self, capacity: usize, reservation: &mut Reservation) -> bool {
        let before = self.bytes.capacity();
        if capacity <= before || !reservation.grow(capacity - before) {
            return false;
        }
        let more = capacity - self.bytes.len();
        let has_memory = memory::try_reserve_exact(&mut self.bytes, more);
        if self.bytes.capacity() == before {
            reservation.shrink(capacity - before);
        }
        has_memory
    }

    /// Ends the recording: the following bytes are counted but not kept.
    pub(crate) fn mark_incomplete(&mut self) {
        self.is_incomplete = true;
    }

    /// Frees the recorded bytes and ends the recording. Further bytes are still counted.
    pub(crate) fn discard(&mut self, reservation: &mut Reservation) {
        reservation.shrink(self.bytes.capacity());
        self.is_discarded |= self.passed > 0;
        self.bytes = Vec::new();
        self.is_incomplete = true;
    }

    /// Removes the body. Keeps a small allocation for another body, without reserving it.
    pub(crate) fn clear(&mut self) {
        let mut bytes = mem::take(&mut self.bytes);
        bytes.clear();
        if bytes.capacity() > MAX_SPARE {
            bytes = Vec::new();
        }
        *self = Self { bytes, ..Self::default() };
    }

    /// Reserves the memory of a cleared body. Frees it if the budget is exhausted.
    pub(crate) fn reserved(self, reservation: &mut Reservation) -> Self {
        if reservation.grow(self.bytes.capacity()) { self } else { Self::default() }
    }

    /// Returns the allocated bytes.
    pub(crate) fn allocated(&self) -> usize {
        self.bytes.capacity()
    }

    /// Returns whether the body was freed before it was sent.
    pub(crate) fn is_discarded(&self) -> bool {
        self.is_discarded
    }

    /// Returns the recorded prefix.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the number of bytes that were transferred, recorded or not.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// Returns the size of the whole body in bytes: the larger of the transferred and the declared size.
    fn size(&self, declared: Option<u64>) -> u64 {
        self.passed.max(declared.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::call::Budget;

    const LIMIT: usize = 1 << 20;

    #[test]
    fn part_that_is_read_again_is_recorded_once() {
        let mut reservation = Reservation::unlimited();
        let mut body = CapturedBody::default();
        body.record_at(0, b"abcd", LIMIT, &mut reservation);
        body.record_at(0, b"abcdef", LIMIT, &mut reservation);
        body.record_at(2, b"cd", LIMIT, &mut reservation);
        assert_eq!((body.bytes(), body.passed()), (&b"abcdef"[..], 6));
        assert!(!body.view(None, None, LIMIT).truncated);
    }

    #[test]
    fn body_grows_by_what_it_needs_if_the_budget_is_too_small_to_double() {
        let budget = Arc::new(Budget::default());
        budget.allow(1600); // bodies may take 1400 of it
        let mut reservation = Reservation::new(&budget);
        let mut body = CapturedBody::default();
        body.append(&[1; 1000], LIMIT, &mut reservation);
        body.append(&[2; 400], LIMIT, &mut reservation);
        assert_eq!((body.bytes().len(), budget.used()), (1400, 1400));
        body.append(&[3], LIMIT, &mut reservation);
        assert!(body.is_discarded());
        assert_eq!((body.passed(), budget.used()), (1401, 0));
    }

    #[test]
    fn gap_ends_the_recorded_prefix() {
        let mut reservation = Reservation::unlimited();
        let mut body = CapturedBody::default();
        body.record_at(0, b"abcdef", LIMIT, &mut reservation);
        body.record_at(10, b"xy", LIMIT, &mut reservation);
        body.record_at(6, b"gh", LIMIT, &mut reservation);
        assert_eq!((body.bytes(), body.passed()), (&b"abcdef"[..], 12));
        assert!(body.view(None, None, LIMIT).truncated);
    }
}
