//! Blocks of documents that are compressed together. Neighbouring events resemble each other, so a block is
//! much smaller than its documents compressed one by one.

use std::io::{self, Read, Write};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

/// Size in bytes at which a block is closed. Reading one event decompresses at most this much, unless the
/// event itself is larger.
const BLOCK_SIZE: usize = 256 * 1024;
/// The fastest level. The writer is one thread, and the next level saves few bytes.
const COMPRESSION_LEVEL: u32 = 1;

/// Position of a document in its block, in bytes before compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) length: i64,
}

/// An open block that documents are added to.
#[derive(Default)]
pub(super) struct Block {
    text: Vec<u8>,
}

impl Block {
    /// Returns the span of the next document, which has `length` bytes.
    pub(super) fn next_span(&self, length: usize) -> Span {
        let number = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
        Span { start: number(self.text.len()), length: number(length) }
    }

    /// Appends a document.
    pub(super) fn push(&mut self, document: &str) {
        self.text.extend_from_slice(document.as_bytes());
    }

    /// Returns whether the block should be closed.
    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= BLOCK_SIZE
    }

    /// Returns whether the block contains no document.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the compressed block and begins an empty one.
    pub(super) fn close(&mut self) -> io::Result<Vec<u8>> {
        let expected_size = self.text.len() / 4;
        let mut encoder =
            ZlibEncoder::new(Vec::with_capacity(expected_size), Compression::new(COMPRESSION_LEVEL));
        encoder.write_all(&self.text)?;
        self.clear();
        encoder.finish()
    }

    /// Removes all documents and frees the memory of unusually large ones.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(2 * BLOCK_SIZE);
    }
}

/// Reads one document from a compressed block. Stops decompressing after the document.
pub(super) fn extract(block: &[u8], span: Span) -> io::Result<String> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let start = u64::try_from(span.start).map_err(|_| invalid())?;
    let length = u64::try_from(span.length).map_err(|_| invalid())?;
    let mut text = ZlibDecoder::new(block);
    io::copy(&mut text.by_ref().take(start), &mut io::sink())?;
    let mut document = String::new();
    let read = text.take(length).read_to_string(&mut document)?;
    if u64::try_from(read).ok() == Some(length) { Ok(document) } else { Err(invalid()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_can_be_extracted() {
        let documents: Vec<String> =
            (0..500).map(|n| format!(r#"{{"n":{n},"é":"{}"}}"#, "x".repeat(n))).collect();
        let mut block = Block::default();
        let spans: Vec<Span> = documents
            .iter()
            .map(|document| {
                let span = block.next_span(document.len());
                block.push(document);
                span
            })
            .collect();
        let packed = block.close().unwrap();
        assert!(block.is_empty() && !block.is_full());
        for (document, span) in documents.iter().zip(spans) {
            assert_eq!(&extract(&packed, span).unwrap(), document);
        }
        assert!(extract(&packed, Span { start: 0, length: 10_000_000 }).is_err());
        assert!(extract(b"not a block", Span { start: 0, length: 1 }).is_err());
    }
}
