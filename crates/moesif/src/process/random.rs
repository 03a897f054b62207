//! Random numbers that differ between the processes of a fork.
//!
//! They spread load and sample calls. They are not secrets.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Odd constant of `SplitMix64`: 2^64 divided by the golden ratio.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// Generator of random numbers (`SplitMix64`).
///
/// Threads may share one. The child of a fork must create its own, because a copy repeats the numbers of the
/// parent.
#[derive(Debug)]
pub(crate) struct Random {
    state: AtomicU64,
}

impl Random {
    /// Returns a generator with a new [`seed`].
    pub(crate) fn seeded() -> Self {
        Self::from_seed(seed(0x7261_6E64))
    }

    /// Returns the generator with this seed. The same seed gives the same numbers.
    pub(crate) const fn from_seed(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    /// Returns the next number. Every `u64` comes once before one repeats.
    pub(crate) fn next(&self) -> u64 {
        scramble(self.state.fetch_add(GAMMA, Ordering::Relaxed))
    }
}

/// Returns 64 bits from the operating system. If that fails, derives them from the clock, the process id and
/// `salt`.
pub(crate) fn seed(salt: u64) -> u64 {
    getrandom::u64().unwrap_or_else(|_| seed_from_clock(salt))
}

/// Returns a seed that differs between processes and between salts, but can be guessed.
fn seed_from_clock(salt: u64) -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::from(since.subsec_nanos()) ^ since.as_secs().rotate_left(32));
    scramble(scramble(now) ^ u64::from(process::id()).rotate_left(17) ^ salt)
}

/// Spreads every input bit over the output: one step of `SplitMix64`. No two inputs give the same output.
pub(crate) const fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(GAMMA);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_splitmix64() {
        let random = Random::from_seed(1_234_567);
        assert_eq!(
            [(); 3].map(|()| random.next()),
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn two_generators_start_at_different_numbers() {
        assert_ne!(Random::seeded().next(), Random::seeded().next());
        assert_ne!(seed(1), seed(1));
        assert_ne!(seed_from_clock(1), seed_from_clock(2));
    }

    #[test]
    fn threads_that_share_a_generator_draw_different_numbers() {
        let random = Random::seeded();
        let draw = || (0..1000).map(|_| random.next()).collect::<Vec<_>>();
        let mut drawn = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 4000);
    }

    #[test]
    fn both_halves_of_the_numbers_are_uniform() {
        const BUCKETS: usize = 64;
        const PER_BUCKET: u64 = 1000;
        for seed in 0..4 {
            let random = Random::from_seed(seed);
            let mut counts = [[0_u64; BUCKETS]; 2];
            for _ in 0..PER_BUCKET * 64 {
                let number = random.next();
                for (half, bits) in [number >> 58, (number >> 26) & 0x3F].into_iter().enumerate() {
                    counts[half][usize::try_from(bits).unwrap()] += 1;
                }
            }
            for counts in counts {
                // Chi-squared with 63 degrees of freedom: mean 63, standard deviation 11.
                let squares: u64 = counts.iter().map(|count| count.abs_diff(PER_BUCKET).pow(2)).sum();
                let chi_squared = squares / PER_BUCKET;
                assert!((30..120).contains(&chi_squared), "seed {seed}: {chi_squared}");
            }
        }
    }
}
