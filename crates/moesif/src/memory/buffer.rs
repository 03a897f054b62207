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
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let has_memory = match self.without_memory {
            WithoutMemory::Fail => without_waiting(|| try_reserve(&mut self.bytes, bytes.len())),
            // Also in the reserve: the thread would not wait for a small block.
            WithoutMemory::Wait => self.bytes.try_reserve(bytes.len()).is_ok(),
        };
        if !has_memory {
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
