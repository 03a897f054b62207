//! Content codings: identity, gzip and deflate.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use axum::http::{HeaderMap, header};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::{BodyError, MAX_BODY};

/// The coding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Deflate,
}

impl Coding {
    /// Reads the Content-Encoding header. Supports one coding besides identity.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Self, BodyError> {
        let mut coding = Self::Identity;
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let text = String::from_utf8_lossy(value.as_bytes());
            for word in text.split(',').map(str::trim) {
                let next = match word.to_ascii_lowercase().as_str() {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => Self::Gzip,
                    "deflate" => Self::Deflate,
                    _ => return Err(unsupported(&text)),
                };
                if coding != Self::Identity {
                    return Err(unsupported(&text));
                }
                coding = next;
            }
        }
        Ok(coding)
    }
}

fn unsupported(header: &str) -> BodyError {
    BodyError::UnsupportedCoding(header.chars().take(60).collect())
}

/// Decodes a body. `deflate` means zlib data (RFC 9110). Raw deflate data, which some senders use, is
/// accepted too.
pub(crate) fn decode(coding: Coding, bytes: &[u8]) -> Result<Cow<'_, [u8]>, BodyError> {
    match coding {
        Coding::Identity => Ok(Cow::Borrowed(bytes)),
        Coding::Gzip => decompress("gzip", MultiGzDecoder::new(bytes), bytes.len()),
        Coding::Deflate if is_zlib(bytes) => decompress("deflate", ZlibDecoder::new(bytes), bytes.len()),
        Coding::Deflate => decompress("deflate", DeflateDecoder::new(bytes), bytes.len()),
    }
}

/// Returns whether the data begins with the two-byte header of RFC 1950.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [first, second, ..]
        if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0)
}

/// Decompresses at most one byte more than [`MAX_BODY`], which is enough to see that the body is too large.
fn decompress<'a>(
    coding: &'static str,
    decoder: impl Read,
    compressed: usize,
) -> Result<Cow<'a, [u8]>, BodyError> {
    let max = u64::try_from(MAX_BODY).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = Vec::with_capacity(compressed.saturating_mul(6).min(MAX_BODY));
    let read: io::Result<usize> = decoder.take(max).read_to_end(&mut text);
    match read {
        Ok(_) if text.len() > MAX_BODY => Err(BodyError::TooLargeDecoded),
        Ok(_) => Ok(Cow::Owned(text)),
        Err(error) => Err(BodyError::Corrupt(coding, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use flate2::{Compression, write::DeflateEncoder, write::ZlibEncoder};
    use std::io::Write;

    fn coding(value: &'static str) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(value));
        Coding::from_headers(&headers).ok()
    }

    #[test]
    fn one_coding_is_supported_in_any_case() {
        assert_eq!(Coding::from_headers(&HeaderMap::new()).ok(), Some(Coding::Identity));
        assert_eq!(coding("GZip"), Some(Coding::Gzip));
        assert_eq!(coding("identity, deflate"), Some(Coding::Deflate));
        assert_eq!(coding("br"), None);
        assert_eq!(coding("gzip, gzip"), None);
    }

    #[test]
    fn zlib_and_raw_deflate_are_distinguished() {
        let text = b"{\"a\": 1}".repeat(100);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        assert!(is_zlib(&zlib.finish().unwrap()));
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(&text).unwrap();
        assert!(!is_zlib(&raw.finish().unwrap()));
    }
}
