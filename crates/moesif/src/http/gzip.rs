//! Compression of request bodies.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Compression level with the best ratio per microsecond on batches of events (`docs/architecture.md`).
const GZIP_LEVEL: u32 = 4;

/// Compresses text. `None` if the compressor fails, which does not happen while writing to memory.
pub(crate) fn gzip(json: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(json.len() / 4), Compression::new(GZIP_LEVEL));
    encoder.write_all(json).ok()?;
    encoder.finish().ok()
}
