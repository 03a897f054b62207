//! Documents, compressed together. In: JSON documents one after the other. Out: blocks of them, and from a block the
//! bytes of one document. Neighbouring events repeat each other, so compressing them together costs a fraction of
//! compressing each.

use std::io::{self, Read, Write};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

/// A block is closed once it holds this much text: what a read of one event decompresses at most, unless the event
/// itself is larger.
const FULL: usize = 256 * 1024;
/// The fastest level: the writer is one thread, and the next level saves few bytes on event batches.
const LEVEL: u32 = 1;

/// Where a document lies inside its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) length: i64,
}

/// A block being filled.
#[derive(Default)]
pub(super) struct Block {
    text: Vec<u8>,
}

impl Block {
    /// The span the next document of `length` bytes will have.
    pub(super) fn next_span(&self, length: usize) -> Span {
        let number = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
        Span { start: number(self.text.len()), length: number(length) }
    }

    /// Appends a document.
    pub(super) fn push(&mut self, document: &str) {
        self.text.extend_from_slice(document.as_bytes());
    }

    /// Whether it should be closed.
    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= FULL
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The compressed block; the next one starts empty.
    pub(super) fn close(&mut self) -> io::Result<Vec<u8>> {
        let room = self.text.len() / 4;
        let mut encoder = ZlibEncoder::new(Vec::with_capacity(room), Compression::new(LEVEL));
        encoder.write_all(&self.text)?;
        self.clear();
        encoder.finish()
    }

    /// Forgets the documents; the memory of an unusually large one is given back.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(2 * FULL);
    }
}

/// One document out of a compressed block. What lies behind it is not decompressed.
pub(super) fn extract(block: &[u8], span: Span) -> io::Result<String> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let start = u64::try_from(span.start).map_err(|_| bad())?;
    let length = u64::try_from(span.length).map_err(|_| bad())?;
    let mut text = ZlibDecoder::new(block);
    io::copy(&mut text.by_ref().take(start), &mut io::sink())?;
    let mut document = String::new();
    let read = text.take(length).read_to_string(&mut document)?;
    if u64::try_from(read).ok() == Some(length) { Ok(document) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_comes_back_out_of_its_block() {
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
