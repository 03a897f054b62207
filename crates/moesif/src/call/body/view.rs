//! Turns a recorded body into the form it is sent in: JSON, or base64.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use moesif_wire::Body;
use moesif_wire::text::without_byte_order_mark;
use serde_json::value::RawValue;

use super::CapturedBody;
use crate::memory;

/// JSON that is nested deeper is sent as base64. It stays the same byte for byte, and a receiver with a
/// recursive parser cannot refuse the whole batch.
const MAX_JSON_DEPTH: usize = 100;

/// A body in the form it is sent in.
#[derive(Debug)]
pub struct BodyView<'a> {
    /// The recorded body. `None` if nothing was recorded.
    pub body: Option<Body<'a>>,
    /// Whether `body` is only a prefix of the transferred body.
    pub truncated: bool,
    /// Size of the whole body in bytes as it was transferred, if it is known.
    pub content_length: Option<u64>,
}

impl CapturedBody {
    /// Returns the whole body, decompressed if the result has at most `limit` bytes. `None` if only a part of
    /// it is recorded.
    pub(crate) fn content(
        &self,
        content_encoding: Option<&str>,
        declared: Option<u64>,
        limit: usize,
    ) -> Option<Cow<'_, [u8]>> {
        let kept = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        let is_whole = kept >= self.size(declared) && !self.is_incomplete;
        is_whole.then(|| decompress(&self.bytes, content_encoding, limit))
    }

    /// Returns the recorded body in the form it is sent in, at most `limit` bytes of it.
    ///
    /// A whole JSON object or array is decompressed if necessary and sent as JSON. Anything else is sent as
    /// base64. `content_encoding` is the header of that name. `declared` is the length that the sender
    /// declared.
    #[must_use]
    pub fn view(&self, content_encoding: Option<&str>, declared: Option<u64>, limit: usize) -> BodyView<'_> {
        let content_length = (self.passed > 0 || declared.is_some()).then(|| self.size(declared));
        if self.bytes.is_empty() {
            return BodyView { body: None, truncated: self.passed > 0, content_length };
        }
        let Some(content) = self.content(content_encoding, declared, limit) else {
            let (body, _) = base64_prefix(Cow::Borrowed(&self.bytes), limit);
            return BodyView { body: Some(body), truncated: true, content_length };
        };
        let (body, truncated) = match json(content) {
            Ok(value) => (Body::Json(value), false),
            Err(content) => base64_prefix(content, limit),
        };
        BodyView { body: Some(body), truncated, content_length }
    }
}

/// Returns as many bytes as fit into `limit` characters of base64, and whether the rest was cut off.
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

/// Returns the decoded content. Returns the bytes unchanged if they cannot be decoded or would be longer than
/// `limit`.
fn decompress<'a>(bytes: &'a [u8], content_encoding: Option<&str>, limit: usize) -> Cow<'a, [u8]> {
    let encoding = content_encoding.unwrap_or_default().to_ascii_lowercase();
    // The header lists codings in the order they were applied.
    let decoded =
        encoding.rsplit(',').try_fold(Cow::Borrowed(bytes), |content, coding| match coding.trim() {
            "gzip" | "x-gzip" => read_at_most(MultiGzDecoder::new(&*content), limit).map(Cow::Owned),
            "deflate" => read_at_most(ZlibDecoder::new(&*content), limit)
                .or_else(|| read_at_most(DeflateDecoder::new(&*content), limit))
                .map(Cow::Owned),
            "identity" | "" => Some(content),
            _ => None,
        });
    decoded.unwrap_or(Cow::Borrowed(bytes))
}

/// Reads everything. `None` on an error, if there are more than `limit` bytes, or if there is no memory.
fn read_at_most(decoder: impl Read, limit: usize) -> Option<Vec<u8>> {
    let limit_and_one = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut content = memory::FallibleBuffer::default();
    io::copy(&mut decoder.take(limit_and_one), &mut content).ok()?;
    (content.bytes.len() <= limit).then_some(content.bytes)
}

/// Returns the content as a JSON object or array. If it is neither, returns the content as the error.
fn json(content: Cow<'_, [u8]>) -> Result<Cow<'_, RawValue>, Cow<'_, [u8]>> {
    let value = trim(&content);
    if !value.starts_with(b"{") && !value.starts_with(b"[") || depth_exceeds(value, MAX_JSON_DEPTH) {
        return Err(content);
    }
    match content {
        Cow::Borrowed(bytes) => {
            serde_json::from_slice(trim(bytes)).map(Cow::Borrowed).map_err(|_| Cow::Borrowed(bytes))
        }
        Cow::Owned(bytes) => {
            let Ok(value) = serde_json::from_slice::<&RawValue>(trim(&bytes)) else {
                return Err(Cow::Owned(bytes));
            };
            // The copy cannot fail, so look first whether there is memory for it.
            if !memory::is_available(value.get().len()) {
                return Err(Cow::Owned(bytes));
            }
            Ok(Cow::Owned(value.to_owned()))
        }
    }
}

/// Removes a byte order mark and white space around a JSON value.
fn trim(json: &[u8]) -> &[u8] {
    without_byte_order_mark(json).trim_ascii()
}

/// Returns whether brackets outside of strings are nested deeper than `limit`.
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
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;
    use crate::call::Reservation;

    const LIMIT: usize = 1 << 20;

    fn captured(chunks: &[&[u8]], limit: usize) -> CapturedBody {
        let mut reservation = Reservation::unlimited();
        let mut body = CapturedBody::default();
        for chunk in chunks {
            body.append(chunk, limit, &mut reservation);
        }
        body
    }

    /// Returns the JSON text and the transfer encoding of a body that is sent whole.
    fn sent(content: &[u8], encoding: Option<&str>) -> (String, &'static str) {
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
    fn json_document_is_sent_byte_for_byte() {
        for json in [
            r#"{"b": 1.50, "a": [1,  2], "a": 1e400, "s": "\ud800"}"#,
            "[]",
            "[123456789012345678901234567890]",
        ] {
            assert_eq!(sent(json.as_bytes(), None), (json.to_owned(), "json"));
            let padded = format!("\u{feff} \r\n{json}\n");
            assert_eq!(sent(padded.as_bytes(), None).0, json);
        }
    }

    #[test]
    fn compressed_json_is_sent_as_json() {
        let json = br#"{"a":1}"#;
        assert_eq!(sent(&gzip(json), Some("GZIP")).0, r#"{"a":1}"#);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(json).unwrap();
        assert_eq!(sent(&zlib.finish().unwrap(), Some("deflate")).0, r#"{"a":1}"#);
        assert_eq!(sent(b"not gzip", Some("gzip")), ("\"bm90IGd6aXA=\"".to_owned(), "base64"));
        assert_eq!(sent(&gzip(&gzip(json)), Some("gzip, x-gzip")).0, r#"{"a":1}"#);
        assert_eq!(sent(&gzip(json), Some("identity, gzip")).0, r#"{"a":1}"#);
        assert_eq!(sent(&gzip(json), Some("br, gzip")).1, "base64");
    }

    #[test]
    fn anything_but_a_json_object_or_array_is_sent_as_base64() {
        for content in
            [&b"{\"a\": NaN}"[..], b"17", b"\"text\"", b"{", b"a=1&b=2", b"\xff\xfe", b"[1] [2]", b" "]
        {
            assert_eq!(sent(content, None).1, "base64", "{content:?}");
        }
    }

    #[test]
    fn deeply_nested_json_is_sent_as_base64() {
        let deep = [vec![b'['; 5000], vec![b']'; 5000]].concat();
        assert_eq!(sent(&deep, None).1, "base64");
        let brackets_in_a_string = format!("[\"{}\"]", "[\\\"".repeat(1000));
        assert_eq!(sent(brackets_in_a_string.as_bytes(), None).1, "json");
    }

    #[test]
    fn body_that_decompresses_to_more_than_the_limit_is_sent_compressed() {
        let bomb = gzip(&vec![b' '; 8 << 20]);
        let body = captured(&[&bomb], LIMIT);
        let view = body.view(Some("gzip"), None, LIMIT);
        assert!(matches!(view.body, Some(Body::Bytes(Cow::Borrowed(bytes))) if bytes == bomb));
    }

    #[test]
    fn long_body_is_sent_as_a_prefix_with_its_whole_size() {
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
    fn limit_counts_base64_characters() {
        let content = vec![0xFF; 90];
        let body = captured(&[&content], 100);
        let view = body.view(None, None, 100);
        assert!(view.truncated);
        assert_eq!(serde_json::to_string(&view.body.unwrap()).unwrap().len(), 100 + 2);
    }

    #[test]
    fn partly_read_body_is_marked_as_truncated() {
        let body = captured(&[b"{}"], LIMIT);
        let view = body.view(None, Some(10), LIMIT);
        assert!(view.truncated);
        assert_eq!(view.content_length, Some(10));
    }

    #[test]
    fn body_that_was_not_read_has_only_a_size() {
        let unread = CapturedBody::default();
        let view = unread.view(None, Some(10), LIMIT);
        assert!(view.body.is_none() && !view.truncated);
        assert_eq!(view.content_length, Some(10));
    }
}
