//! Writing events as the JSON array of a batch, and compressing it.

use std::collections::VecDeque;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::capture::Exchange;

/// The best ratio per microsecond on batches of events (docs/architecture.md).
const GZIP_LEVEL: u32 = 4;

/// How many of the waiting events a batch consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encoded {
    /// Events written.
    pub(super) written: usize,
    /// Events that could not be written; they cost nobody but themselves.
    pub(super) unserializable: usize,
    /// Bodies that the written events lack.
    pub(super) bodies_removed: usize,
}

/// Replaces `json` by an array of the first events: at most `max_events`, and no more than `max_bytes` unless a
/// single event is larger.
pub(super) fn encode(
    events: &VecDeque<Box<Exchange>>,
    max_events: usize,
    max_bytes: usize,
    json: &mut Vec<u8>,
) -> Encoded {
    json.clear();
    json.push(b'[');
    let mut encoded = Encoded { written: 0, unserializable: 0, bodies_removed: 0 };
    for exchange in events.iter().take(max_events) {
        let before = json.len();
        if encoded.written > 0 {
            json.push(b',');
        }
        let recorded = exchange.event();
        if serde_json::to_writer(&mut *json, &recorded.event).is_err() {
            json.truncate(before);
            encoded.unserializable += 1;
        } else if encoded.written > 0 && json.len() >= max_bytes {
            json.truncate(before);
            break;
        } else {
            encoded.written += 1;
            encoded.bodies_removed += recorded.bodies_removed;
        }
    }
    json.push(b']');
    encoded
}

/// The gzipped form. `None` if the compressor fails, which writing into memory does not.
pub(super) fn gzip(json: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(json.len() / 4), Compression::new(GZIP_LEVEL));
    encoder.write_all(json).ok()?;
    encoder.finish().ok()
}
