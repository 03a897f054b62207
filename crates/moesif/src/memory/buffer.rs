//! Bytes that grow as far as there is memory.

use std::io;

use super::{try_reserve, without_waiting};

/// Bytes that are written as far as there is memory. Then writing fails.
#[derive(Debug, Default)]
pub struct FallibleBuffer {
    /// What has been written.
    pub bytes: Vec<u8>,
    /// Writing fails instead of waiting for memory, also on a thread of ours.
    pub(crate) is_impatient: bool,
    /// Writing has failed.
    pub(crate) has_failed: bool,
}

impl io::Write for FallibleBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut reserve = || try_reserve(&mut self.bytes, bytes.len());
        let has_memory = if self.is_impatient { without_waiting(reserve) } else { reserve() };
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
