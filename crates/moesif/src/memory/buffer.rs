//! Bytes that grow as far as there is memory.

use std::io;

use super::{is_reserve, try_reserve, without_waiting};

/// Bytes that are written as far as there is memory. Then writing fails.
#[derive(Debug, Default)]
pub struct FallibleBuffer {
    /// What has been written.
    pub bytes: Vec<u8>,
    pub(crate) without_memory: WithoutMemory,
    /// Writing has failed.
    pub(crate) has_failed: bool,
}

/// What happens if there is no memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WithoutMemory {
    /// Writing fails.
    #[default]
    Fail,
    /// A thread of ours waits.
    Wait,
}

impl FallibleBuffer {
    /// Makes room for `more` bytes. Returns `false` if there is no memory.
    #[cold]
    fn grow(&mut self, more: usize) -> bool {
        match self.without_memory {
            WithoutMemory::Fail => without_waiting(|| try_reserve(&mut self.bytes, more)),
            // Accepts a block of the reserve too: a thread of ours gets a small one instead of waiting.
            WithoutMemory::Wait => self.bytes.try_reserve(more).is_ok(),
        }
    }

    /// Frees the memory beyond `capacity` bytes, and any memory of the reserve.
    pub(crate) fn shrink_to(&mut self, capacity: usize) {
        if is_reserve(self.bytes.as_ptr()) {
            self.bytes = Vec::new();
        } else {
            self.bytes.shrink_to(capacity);
        }
    }
}

impl io::Write for FallibleBuffer {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The serializer writes a few bytes at a time: mostly there is room.
        let has_room = bytes.len() <= self.bytes.capacity() - self.bytes.len();
        if !has_room && !self.grow(bytes.len()) {
            self.has_failed = true;
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
