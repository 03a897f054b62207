//! The limits of patterns and searches. None of them can be configured. The README explains why they bound
//! the cost.

/// Maximum length of a pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 8 * 1024;

/// Maximum depth of groups inside groups. Parsing and compiling are recursive, so each level needs some
/// stack.
pub const MAX_GROUP_DEPTH: usize = 50;

/// Maximum number of steps of a search by backtracking. A step takes up to 12 nanoseconds.
pub const MAX_STEPS: usize = 1_000_000;

/// Maximum number of frames on the stack of a search by backtracking. A frame takes 32 bytes.
pub const MAX_FRAMES: usize = 128 * 1024;

/// Maximum size of the nondeterministic automaton of a pattern, in bytes. `\w` takes 10,000.
pub const MAX_NFA_BYTES: usize = 512 * 1024;

/// Maximum size of the cache of deterministic states, in bytes. Each thread that searches has its own cache.
pub const MAX_CACHE_BYTES: usize = 256 * 1024;

/// Number of times that one search may clear a full cache. For some patterns an unlucky text needs a new
/// state for each character, and making a state costs a thousand times more than following one.
pub const MAX_CACHE_CLEARS: usize = 1;
