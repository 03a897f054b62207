//! Transaction ids: random UUIDs (version 4), generated without a system call.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::process::{scramble, seed};

/// A random UUID in its 36-character form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TransactionId([u8; 36]);

impl TransactionId {
    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Source of transaction ids: 128 random bits from the operating system, and a counter.
///
/// Each counter value gives different bits. Only the six bits that mark a version 4 UUID are overwritten. The
/// child of a fork must create its own source, because a copy repeats the ids of the parent
/// ([`crate::process`]). The ids are keys, not secrets: they can be guessed from earlier ones.
pub(crate) struct Identifiers {
    seed: [u64; 2],
    next: AtomicU64,
}

impl Identifiers {
    /// Returns a source with a new seed.
    pub(crate) fn seeded() -> Self {
        Self { seed: [seed(0x6D6F_6573), seed(0x6966_2D72)], next: AtomicU64::new(0) }
    }

    /// Returns the next id.
    pub(crate) fn next(&self) -> TransactionId {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let [first, second] = self.seed;
        let high = scramble(first.wrapping_add(count));
        let low = scramble(second ^ high.rotate_left(29));
        TransactionId(format_v4((u128::from(high) << 64) | u128::from(low)))
    }
}

/// Writes the bits as a UUID and sets its version and variant.
fn format_v4(bits: u128) -> [u8; 36] {
    const VERSION_MASK: u128 = 0xF << 76;
    const VARIANT_MASK: u128 = 0x3 << 62;
    let mut bits = (bits & !VERSION_MASK & !VARIANT_MASK) | (4 << 76) | (2 << 62);
    let mut text = [b'-'; 36];
    for (position, out) in text.iter_mut().enumerate() {
        if !matches!(position, 8 | 13 | 18 | 23) {
            bits = bits.rotate_left(4);
            *out = *b"0123456789abcdef".get(usize::from(bits.to_le_bytes()[0] & 0xF)).unwrap_or(&b'0');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_4_uuids_and_do_not_repeat() {
        let ids = Identifiers::seeded();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..10_000 {
            let id = ids.next();
            let text = id.as_str().to_owned();
            assert_eq!(text.len(), 36);
            assert_eq!(text.as_bytes()[14], b'4');
            assert!(b"89ab".contains(&text.as_bytes()[19]), "{text}");
            assert!(seen.insert(text));
        }
    }

    #[test]
    fn two_sources_make_different_ids() {
        assert_ne!(Identifiers::seeded().next(), Identifiers::seeded().next());
    }

    #[test]
    fn bits_are_written_in_order() {
        let text = format_v4(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(std::str::from_utf8(&text).unwrap(), "01234567-89ab-4def-8123-456789abcdef");
    }
}
