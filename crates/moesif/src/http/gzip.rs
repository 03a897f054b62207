//! Compression of request bodies.

use flate2::{Compress, Compression, FlushCompress, Status};

/// Compression level with the best ratio per microsecond on batches of events (`docs/architecture.md`).
const GZIP_LEVEL: u32 = 4;
/// Largest window of the format, as a power of two.
const WINDOW_BITS: u8 = 15;
/// Smallest step in bytes by which the output grows.
const MIN_STEP: usize = 4096;

/// Compresses texts, one after the other. Keeps its 370 KiB of memory between them: a process that is short of
/// memory may not find so much in one piece.
pub(crate) struct Compressor(Compress);

impl Compressor {
    pub(crate) fn new() -> Self {
        Self(Compress::new_gzip(Compression::new(GZIP_LEVEL), WINDOW_BITS))
    }

    /// Compresses a text. `None` if the compressor fails, which does not happen while writing to memory.
    pub(crate) fn gzip(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        self.0.reset();
        let mut gzipped = Vec::with_capacity(text.len() / 4 + MIN_STEP);
        loop {
            let read = usize::try_from(self.0.total_in()).ok()?;
            let status = self.0.compress_vec(text.get(read..)?, &mut gzipped, FlushCompress::Finish).ok()?;
            if status == Status::StreamEnd {
                return Some(gzipped);
            }
            gzipped.reserve(gzipped.len().max(MIN_STEP));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn each_text_is_compressed_on_its_own() {
        let mut compressor = Compressor::new();
        let noise: Vec<u8> =
            (0..200_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
        for text in [&b"[1,2]"[..], b"", &noise, &vec![b' '; 100_000]] {
            let gzipped = compressor.gzip(text).unwrap();
            let mut read = Vec::new();
            GzDecoder::new(&*gzipped).read_to_end(&mut read).unwrap();
            assert_eq!(read, text);
        }
    }
}
