//! A body as it passes (a bounded prefix and a count), and how the recorded prefix is emitted.

use std::borrow::Cow;
use std::io::Read;
use std::mem;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use moesif_wire::Body;
use serde_json::value::RawValue;

use super::budget::Reservation;

/// JSON nested deeper than this is emitted as base64: still byte for byte, but nothing that a receiver with a
/// recursive parser could refuse a whole batch for.
const MAX_JSON_DEPTH: usize = 100;
/// Memory for a longer body is not kept for another one.
const LARGEST_SPARE: usize = 4096;

/// The recorded prefix of a body, and how much of it passed.
#[derive(Debug, Default)]
pub struct CapturedBody {
    bytes: Vec<u8>,
    passed: u64,
    /// Recording ended early: a gap in what was read, or no room in the byte budget.
    cut: bool,
    /// What was recorded had to be given up.
    discarded: bool,
}

impl CapturedBody {
    /// Records a chunk that passed after everything before it, keeping at most `limit` bytes in all.
    pub(crate) fn append(&mut self, chunk: &[u8], limit: usize, reservation: &mut Reservation) {
        self.record_at(self.passed, chunk, limit, reservation);
    }

    /// Records a chunk read from position `offset`. Reading a part again changes nothing; a part that was jumped
    /// over ends the recorded prefix.
    pub(crate) fn record_at(
        &mut self,
        offset: u64,
        chunk: &[u8],
        limit: usize,
        reservation: &mut Reservation,
    ) {
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        self.passed = self.passed.max(offset.saturating_add(length));
        let kept = self.bytes.len();
        let Some(known) = usize::try_from(offset).ok().and_then(|offset| kept.checked_sub(offset)) else {
            self.cut = true;
            return;
        };
        let Some(new) = chunk.get(known..).filter(|new| !new.is_empty() && !self.cut) else {
            return;
        };
        let new = new.get(..limit.saturating_sub(kept)).unwrap_or(new);
        if new.is_empty() {
            return;
        }
        // What is reserved is what is allocated, so that the budget tells the truth about memory.
        let capacity = self.bytes.capacity();
        let needed = kept + new.len();
        let target = if needed <= capacity { capacity } else { needed.max(capacity * 2).min(limit) };
        if reservation.grow(target - capacity) {
            self.bytes.reserve_exact(target - kept);
            self.bytes.extend_from_slice(new);
        } else {
            // When the budget refuses, a body goes before an event does.
            self.discard(reservation);
        }
    }

    /// Forgets the body. Memory stays for another one, if it is little; it is not reserved any more.
    pub(crate) fn clear(&mut self) {
        let mut bytes = mem::take(&mut self.bytes);
        bytes.clear();
        if bytes.capacity() > LARGEST_SPARE {
            bytes = Vec::new();
        }
        *self = Self { bytes, ..Self::default() };
    }

    /// A cleared body, its memory reserved, or without memory where there is no room for it.
    pub(crate) fn reserved(self, reservation: &mut Reservation) -> Self {
        if reservation.grow(self.bytes.capacity()) { self } else { Self::default() }
    }

    /// Forgets the recorded bytes and records no more; what passed is still counted.
    pub(crate) fn discard(&mut self, reservation: &mut Reservation) {
        reservation.shrink(self.bytes.capacity());
        self.discarded |= self.passed > 0;
        self.bytes = Vec::new();
        self.cut = true;
    }

    /// Where the next part stands is not known any more: what is recorded is a prefix.
    pub(crate) fn cut(&mut self) {
        self.cut = true;
    }

    /// How many bytes are allocated for it.
    pub(crate) fn allocated(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether what was recorded had to be given up, for want of room.
    pub(crate) fn is_discarded(&self) -> bool {
        self.discarded
    }

    /// The recorded prefix.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes passed, recorded or not.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// The whole body, decompressed where that is possible within `limit` bytes. `None` when only a part of it is here.
    pub(crate) fn content(
        &self,
        content_encoding: Option<&str>,
        declared: Option<u64>,
        limit: usize,
    ) -> Option<Cow<'_, [u8]>> {
        let kept = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        let is_whole = kept >= self.size(declared) && !self.cut;
        is_whole.then(|| decompress(&self.bytes, content_encoding, limit))
    }

    /// The size of the whole body in bytes, as far as it is known.
    fn size(&self, declared: Option<u64>) -> u64 {
        self.passed.max(declared.unwrap_or(0))
    }

    /// The recorded body in the form it is emitted in, at most `limit` bytes of it.
    ///
    /// `content_encoding` is the header of that name; `declared` the length the sender announced. A whole JSON
    /// object or array (gunzipped or inflated if need be, up to the limit) is JSON, anything else base64.
    #[must_use]
    pub fn view(&self, content_encoding: Option<&str>, declared: Option<u64>, limit: usize) -> BodyView<'_> {
        let content_length = (self.passed > 0 || declared.is_some()).then(|| self.size(declared));
        if self.bytes.is_empty() {
            return BodyView { body: None, truncated: self.passed > 0, content_length };
        }
        let Some(content) = self.content(content_encoding, declared, limit) else {
            return BodyView {
                body: Some(base64_prefix(Cow::Borrowed(&self.bytes), limit).0),
                truncated: true,
                content_length,
            };
        };
        let (body, truncated) = match json(content) {
            Ok(value) => (Body::Json(value), false),
            Err(content) => base64_prefix(content, limit),
        };
        BodyView { body: Some(body), truncated, content_length }
    }
}

/// A body as it goes into an event.
#[derive(Debug)]
pub struct BodyView<'a> {
    /// The body, where any of it was recorded.
    pub body: Option<Body<'a>>,
    /// Whether it is only a prefix of what passed.
    pub truncated: bool,
    /// The size of the whole body in bytes as it was transferred.
    pub content_length: Option<u64>,
}

/// As much of the bytes as fits into `limit` characters of base64, and whether that cut them.
fn base64_prefix(bytes: Cow<'_, [u8]>, limit: usize) -> (Body<'_>, bool) {
    let fits = limit / 4 * 3;
    if bytes.len() <= fits {
        return (Body::Bytes(bytes), false);
    }
    let prefix = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(..fits).unwrap_or(bytes)),
        Cow::Owned(mut bytes) => {
            bytes.truncate(fits);
            Cow::Owned(bytes)
        }
    };
    (Body::Bytes(prefix), true)
}

/// The decoded content, or the bytes as they are when they are not encoded, cannot be decoded, or would decode to
/// more than `limit` bytes.
fn decompress<'a>(bytes: &'a [u8], content_encoding: Option<&str>, limit: usize) -> Cow<'a, [u8]> {
    let encoding = content_encoding.unwrap_or_default().to_ascii_lowercase();
    // Codings are listed in the order they were applied.
    let decoded =
        encoding.rsplit(',').try_fold(Cow::Borrowed(bytes), |content, coding| match coding.trim() {
            "gzip" | "x-gzip" => read_capped(MultiGzDecoder::new(&*content), limit).map(Cow::Owned),
            "deflate" => read_capped(ZlibDecoder::new(&*content), limit)
                .or_else(|| read_capped(DeflateDecoder::new(&*content), limit))
                .map(Cow::Owned),
            "identity" | "" => Some(content),
            _ => None,
        });
    decoded.unwrap_or(Cow::Borrowed(bytes))
}

fn read_capped(decoder: impl Read, limit: usize) -> Option<Vec<u8>> {
    let cap = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut content = Vec::new();
    decoder.take(cap.saturating_add(1)).read_to_end(&mut content).ok()?;
    (content.len() <= limit).then_some(content)
}

/// The content as a JSON object or array, or the content back. A byte order mark and white space around it are not
/// part of the value.
fn json(content: Cow<'_, [u8]>) -> Result<Cow<'_, RawValue>, Cow<'_, [u8]>> {
    let trimmed = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&content).trim_ascii();
    if !trimmed.starts_with(b"{") && !trimmed.starts_with(b"[") || depth_exceeds(trimmed, MAX_JSON_DEPTH) {
        return Err(content);
    }
    match content {
        Cow::Borrowed(bytes) => {
            let trimmed = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii();
            serde_json::from_slice(trimmed).map(Cow::Borrowed).map_err(|_| Cow::Borrowed(bytes))
        }
        Cow::Owned(bytes) => match serde_json::from_slice::<Box<RawValue>>(
            bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes).trim_ascii(),
        ) {
            Ok(value) => Ok(Cow::Owned(value)),
            Err(_) => Err(Cow::Owned(bytes)),
        },
    }
}

/// Whether brackets outside strings are nested deeper than `limit`.
fn depth_exceeds(json: &[u8], limit: usize) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use std::io::Write;

    const LIMIT: usize = 1 << 20;

    fn captured(chunks: &[&[u8]], limit: usize) -> CapturedBody {
        let mut reservation = Reservation::unlimited();
        let mut body = CapturedBody::default();
        for chunk in chunks {
            body.append(chunk, limit, &mut reservation);
        }
        body
    }

    fn emitted(content: &[u8], encoding: Option<&str>) -> (String, &'static str) {
        let body = captured(&[content], LIMIT);
        let view = body.view(encoding, None, LIMIT);
        assert!(!view.truncated);
        let body = view.body.unwrap();
        (serde_json::to_string(&body).unwrap(), body.transfer_encoding())
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_json_document_is_carried_as_it_was_written() {
        for json in [
            r#"{"b": 1.50, "a": [1,  2], "a": 1e400, "s": "\ud800"}"#,
            "[]",
            "[123456789012345678901234567890]",
        ] {
            assert_eq!(emitted(json.as_bytes(), None), (json.to_owned(), "json"));
            let padded = format!("\u{feff} \r\n{json}\n");
            assert_eq!(emitted(padded.as_bytes(), None).0, json);
        }
    }

    #[test]
    fn compressed_json_is_recorded_as_json() {
        let json = br#"{"a":1}"#;
        assert_eq!(emitted(&gzip(json), Some("GZIP")).0, r#"{"a":1}"#);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(json).unwrap();
        assert_eq!(emitted(&zlib.finish().unwrap(), Some("deflate")).0, r#"{"a":1}"#);
        assert_eq!(emitted(b"not gzip", Some("gzip")), ("\"bm90IGd6aXA=\"".to_owned(), "base64"));
        assert_eq!(emitted(&gzip(&gzip(json)), Some("gzip, x-gzip")).0, r#"{"a":1}"#);
        assert_eq!(emitted(&gzip(json), Some("identity, gzip")).0, r#"{"a":1}"#);
        assert_eq!(emitted(&gzip(json), Some("br, gzip")).1, "base64");
    }

    #[test]
    fn what_is_not_a_json_document_is_base64() {
        for content in
            [&b"{\"a\": NaN}"[..], b"17", b"\"text\"", b"{", b"a=1&b=2", b"\xff\xfe", b"[1] [2]", b" "]
        {
            assert_eq!(emitted(content, None).1, "base64", "{content:?}");
        }
        let deep = [vec![b'['; 5000], vec![b']'; 5000]].concat();
        assert_eq!(emitted(&deep, None).1, "base64");
        let quoted = format!("[\"{}\"]", "[\\\"".repeat(1000));
        assert_eq!(emitted(quoted.as_bytes(), None).1, "json");
    }

    #[test]
    fn a_bomb_costs_the_cap() {
        let bomb = gzip(&vec![b' '; 8 << 20]);
        let body = captured(&[&bomb], LIMIT);
        let view = body.view(Some("gzip"), None, LIMIT);
        assert!(matches!(view.body, Some(Body::Bytes(Cow::Borrowed(bytes))) if bytes == bomb));
    }

    #[test]
    fn beyond_the_limit_a_prefix_is_kept_and_the_true_size_told() {
        let body = captured(&[b"{\"a\":", b"\"0123456789\"}"], 8);
        let view = body.view(None, None, 8);
        assert!(view.truncated);
        assert_eq!(view.content_length, Some(18));
        assert_eq!(serde_json::to_string(&view.body.unwrap()).unwrap(), "\"eyJhIjoi\"");
        let none = captured(&[b"abc"], 0);
        let view = none.view(None, None, 0);
        assert!(view.body.is_none() && view.truncated);
        assert_eq!(view.content_length, Some(3));
    }

    #[test]
    fn base64_counts_against_the_limit() {
        let content = vec![0xFF; 90];
        let body = captured(&[&content], 100);
        let view = body.view(None, None, 100);
        assert!(view.truncated);
        assert_eq!(serde_json::to_string(&view.body.unwrap()).unwrap().len(), 100 + 2);
    }

    #[test]
    fn a_body_read_in_part_is_marked_and_one_never_read_is_absent() {
        let body = captured(&[b"{}"], LIMIT);
        let view = body.view(None, Some(10), LIMIT);
        assert!(view.truncated);
        assert_eq!(view.content_length, Some(10));
        let unread = CapturedBody::default();
        let view = unread.view(None, Some(10), LIMIT);
        assert!(view.body.is_none() && !view.truncated);
        assert_eq!(view.content_length, Some(10));
    }

    #[test]
    fn reading_a_part_again_records_it_once_and_a_gap_ends_the_prefix() {
        let mut reservation = Reservation::unlimited();
        let mut body = CapturedBody::default();
        body.record_at(0, b"abcd", LIMIT, &mut reservation);
        body.record_at(0, b"abcdef", LIMIT, &mut reservation);
        body.record_at(2, b"cd", LIMIT, &mut reservation);
        assert_eq!((body.bytes(), body.passed()), (&b"abcdef"[..], 6));
        body.record_at(10, b"xy", LIMIT, &mut reservation);
        body.record_at(6, b"gh", LIMIT, &mut reservation);
        assert_eq!((body.bytes(), body.passed()), (&b"abcdef"[..], 12));
        assert!(body.view(None, None, LIMIT).truncated);
    }
}
