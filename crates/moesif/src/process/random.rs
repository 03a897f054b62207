//! Random numbers that differ between the processes of a fork.

use std::sync::atomic::{AtomicU64, Ordering};

/// Generator of random numbers (`SplitMix64`). Make one per process and never carry it over a fork.
///
/// The numbers spread load. They are not secrets.
#[derive(Debug)]
pub(crate) struct Random {
    seed: u64,
    drawn: AtomicU64,
}

impl Random {
    /// Returns a generator with a seed of its own.
    pub(crate) fn seeded() -> Self {
        Self { seed: seed(0x7261_6E64), drawn: AtomicU64::new(0) }
    }

    /// Returns the next number.
    pub(crate) fn next(&self) -> u64 {
        scramble(self.seed.wrapping_add(self.drawn.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Returns 64 bits from the operating system. If that fails, derives them from the clock, the process id and `salt`.
pub(crate) fn seed(salt: u64) -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(salt, |since| u64::from(since.subsec_nanos()) ^ since.as_secs().rotate_left(32));
        scramble(now ^ u64::from(std::process::id()).rotate_left(17) ^ salt)
    })
}

/// Spreads every input bit over the output. The finaliser of `SplitMix64`; no two inputs give the same output.
pub(crate) const fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
