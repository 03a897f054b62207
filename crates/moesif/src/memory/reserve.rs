//! Static memory for small allocations that the system refuses.

#![expect(
    unsafe_code,
    reason = "Sharing the store between threads must be declared. The store is never accessed through a reference. \
              Each block belongs to the one caller whose compare-exchange has set its bit, until that caller frees it."
)]

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Alignment of each block.
const ALIGNMENT: usize = 64;
/// Words of bits for each size of blocks.
const WORDS: usize = 4;
/// Number of different sizes.
const SIZES: usize = 6;

/// Size in bytes and number of the blocks. Smallest size first.
const BLOCKS: [(usize, usize); SIZES] =
    [(64, 256), (256, 256), (1024, 256), (4096, 256), (16_384, 64), (65_536, 16)];

/// Bytes of all blocks. The system provides a page when it is first used.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const BYTES: usize = {
    let mut bytes = 0;
    let mut index = 0;
    while index < SIZES {
        bytes += BLOCKS[index].0 * BLOCKS[index].1;
        index += 1;
    }
    bytes
};

/// The reserve of this process. The child of a fork inherits it: blocks of threads that it does not have stay
/// in use.
pub(super) static RESERVE: Reserve = Reserve::new();

/// Blocks of a few sizes. Taking and freeing a block never waits and never allocates.
pub(super) struct Reserve {
    store: Store,
    used: [Used; SIZES],
    /// Number of blocks in use.
    count: AtomicUsize,
}

#[repr(align(64))]
struct Store(UnsafeCell<[u8; BYTES]>);

// SAFETY: see the reason at the top.
unsafe impl Sync for Store {}

/// Blocks of one size in use: one bit each.
struct Used([AtomicU64; WORDS]);

impl Reserve {
    #[expect(clippy::large_stack_arrays, reason = "evaluated at compile time")]
    const fn new() -> Self {
        Self {
            store: Store(UnsafeCell::new([0; BYTES])),
            used: [const { Used([const { AtomicU64::new(0) }; WORDS]) }; SIZES],
            count: AtomicUsize::new(0),
        }
    }

    /// Takes the smallest free block that is large enough. Null if there is none.
    pub(super) fn take(&self, layout: Layout) -> *mut u8 {
        if layout.align() > ALIGNMENT {
            return ptr::null_mut();
        }
        let mut start = 0;
        for ((size, number), used) in BLOCKS.into_iter().zip(&self.used) {
            if size >= layout.size()
                && let Some(index) = used.take(number)
            {
                self.count.fetch_add(1, Ordering::Relaxed);
                return self.base().wrapping_add(start + index * size);
            }
            start += size * number;
        }
        ptr::null_mut()
    }

    /// Frees a block.
    pub(super) fn free(&self, block: *const u8) {
        if let Some((size, index)) = self.position(block)
            && let Some(used) = self.used.get(size)
        {
            used.free(index);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Returns the size of a block in bytes.
    pub(super) fn block_size(&self, block: *const u8) -> usize {
        self.position(block).and_then(|(size, _)| BLOCKS.get(size)).map_or(0, |(size, _)| *size)
    }

    #[inline]
    pub(super) fn contains(&self, pointer: *const u8) -> bool {
        self.offset(pointer) < BYTES
    }

    #[inline]
    pub(super) fn is_used(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Returns which size a block has, and its index among the blocks of that size.
    fn position(&self, block: *const u8) -> Option<(usize, usize)> {
        let mut offset = self.offset(block);
        for (which, (size, number)) in BLOCKS.into_iter().enumerate() {
            if offset < size * number {
                return Some((which, offset / size));
            }
            offset -= size * number;
        }
        None
    }

    fn base(&self) -> *mut u8 {
        self.store.0.get().cast()
    }

    #[inline]
    fn offset(&self, pointer: *const u8) -> usize {
        pointer.addr().wrapping_sub(self.base().addr())
    }
}

impl Used {
    /// Sets the first free bit of the first `number` bits. `None` if all are set.
    fn take(&self, number: usize) -> Option<usize> {
        for (word_index, word) in self.0.iter().enumerate() {
            let mut bits = word.load(Ordering::Relaxed);
            loop {
                let bit = usize::try_from(bits.trailing_ones()).unwrap_or(usize::MAX);
                let index = word_index * 64 + bit;
                if bit >= 64 {
                    break;
                }
                if index >= number {
                    return None;
                }
                match word.compare_exchange_weak(bits, bits | 1 << bit, Ordering::Acquire, Ordering::Relaxed)
                {
                    Ok(_) => return Some(index),
                    Err(current) => bits = current,
                }
            }
        }
        None
    }

    fn free(&self, index: usize) {
        if let Some(word) = self.0.get(index / 64) {
            word.fetch_and(!(1 << (index % 64)), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, 8).unwrap()
    }

    #[test]
    fn blocks_do_not_overlap_and_can_be_taken_again_after_they_are_freed() {
        static RESERVE: Reserve = Reserve::new();
        for _ in 0..2 {
            let mut blocks: Vec<*mut u8> = std::iter::repeat_with(|| RESERVE.take(layout(1)))
                .take_while(|block| !block.is_null())
                .collect();
            assert_eq!(blocks.len(), BLOCKS.iter().map(|(_, number)| number).sum::<usize>());
            blocks.sort_unstable();
            for pair in blocks.windows(2) {
                assert!(pair[1].addr() - pair[0].addr() >= RESERVE.block_size(pair[0]));
            }
            let last = blocks[blocks.len() - 1];
            assert!(last.addr() + RESERVE.block_size(last) - blocks[0].addr() <= BYTES);
            assert!(blocks.iter().all(|block| RESERVE.contains(*block) && block.addr() % ALIGNMENT == 0));
            assert!(RESERVE.is_used());
            for block in blocks {
                RESERVE.free(block);
            }
            assert!(!RESERVE.is_used());
        }
    }

    #[test]
    fn block_is_the_smallest_that_is_large_enough() {
        static RESERVE: Reserve = Reserve::new();
        for (bytes, size) in [(1, 64), (64, 64), (65, 256), (5000, 16_384), (65_536, 65_536)] {
            assert_eq!(RESERVE.block_size(RESERVE.take(layout(bytes))), size);
        }
        assert!(RESERVE.take(layout(65_537)).is_null());
        assert!(RESERVE.take(Layout::from_size_align(64, 128).unwrap()).is_null());
        assert!(!RESERVE.contains((&raw const RESERVE).cast::<u8>().wrapping_sub(1)));
    }

    #[test]
    fn threads_never_get_the_same_block() {
        static RESERVE: Reserve = Reserve::new();
        let taken: Vec<Vec<usize>> = std::thread::scope(|scope| {
            let take = || (0..100).map(|_| RESERVE.take(layout(4096)).addr()).collect();
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let different: HashSet<usize> = taken.iter().flatten().copied().collect();
        assert_eq!(different.len(), 300);
    }
}
