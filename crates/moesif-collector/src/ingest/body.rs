//! Request bodies. In: a body as it arrives and the headers that describe it. Out: its decoded bytes, or why not.
//! Memory is bought before it is used, from budgets shared by all connections; a body that decompresses to more than
//! the limit costs the limit.

use std::{
    borrow::Cow,
    io::{self, Read},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, header},
};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::refused::IngestError;

/// Bytes of a body at most, as it is sent and as it is decoded: the contract counts a batch decompressed.
pub(crate) const LIMIT: usize = 50 * 1024 * 1024;
/// Memory of all bodies being received at most, in KiB.
const RECEIVED_KIB: u32 = 256 * 1024;
/// Bodies decoded and judged at once: each may hold the limit several times over.
const JUDGED: usize = 3;
/// What a body buys with its first bytes, unless it says that it is shorter.
const FIRST_STEP: usize = 64 * 1024;
/// How long the next bytes of a body are waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// A refused body is read on up to here, so that the client gets to see why.
const DRAINED: u64 = 256 * 1024 * 1024;
/// And for this long.
const DRAINED_FOR: Duration = Duration::from_secs(10);

/// The budgets.
pub(crate) struct Intake {
    received: Arc<Semaphore>,
    judged: Arc<Semaphore>,
}

/// A received body, and its share of the budget for as long as it is kept.
pub(super) struct Sent {
    bytes: Vec<u8>,
    share: Option<OwnedSemaphorePermit>,
}

impl Intake {
    pub(crate) fn new() -> Self {
        let kib = usize::try_from(RECEIVED_KIB).unwrap_or(usize::MAX);
        Self { received: Arc::new(Semaphore::new(kib)), judged: Arc::new(Semaphore::new(JUDGED)) }
    }

    /// Waits for the turn to decode and judge. To be held until the result has been handed to the store.
    pub(super) async fn judge(&self) -> Result<OwnedSemaphorePermit, IngestError> {
        Arc::clone(&self.judged).acquire_owned().await.map_err(|_| IngestError::Stopping)
    }

    /// Receives a body. With an error comes the rest of the body, where there may be more of it.
    ///
    /// Memory is bought as bytes arrive: what a client says it will send costs nothing. It is never waited for, or
    /// bodies that each hold a part would wait for each other.
    pub(super) async fn read(&self, mut body: Body) -> Result<Sent, (Body, IngestError)> {
        let declared = match body.size_hint().exact().map(usize::try_from) {
            Some(Ok(size)) if size <= LIMIT => size,
            Some(_) => return Err((body, IngestError::TooLarge)),
            None => LIMIT,
        };
        let mut sent = Sent { bytes: Vec::new(), share: None };
        loop {
            let frame = match timeout(PATIENCE, body.frame()).await {
                Ok(None) => return Ok(sent),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return Err((Body::empty(), IngestError::Broken(error))),
                Err(_) => return Err((Body::empty(), IngestError::Slow(PATIENCE.as_secs()))),
            };
            let Some(data) = frame.data_ref() else {
                continue;
            };
            if sent.bytes.len().saturating_add(data.len()) > LIMIT {
                return Err((body, IngestError::TooLarge));
            }
            if !sent.grow(data.len(), declared, &self.received) {
                // What was received is given back before the rest is thrown away.
                drop(sent);
                return Err((body, IngestError::Busy));
            }
            sent.bytes.extend_from_slice(data);
        }
    }
}

impl Sent {
    /// Makes room for `more` bytes of `declared`, and pays for the room. False when the budget is spent.
    fn grow(&mut self, more: usize, declared: usize, budget: &Arc<Semaphore>) -> bool {
        let (length, capacity) = (self.bytes.len(), self.bytes.capacity());
        let needed = length.saturating_add(more);
        if needed <= capacity {
            return true;
        }
        let room = capacity.saturating_mul(2).max(FIRST_STEP).min(declared).max(needed);
        let kib = |bytes: usize| bytes.div_ceil(1024);
        let price = u32::try_from(kib(room).saturating_sub(kib(capacity))).unwrap_or(RECEIVED_KIB);
        let Ok(bought) = Arc::clone(budget).try_acquire_many_owned(price) else {
            return false;
        };
        match &mut self.share {
            Some(share) => share.merge(bought),
            None => self.share = Some(bought),
        }
        self.bytes.reserve_exact(room.saturating_sub(length));
        true
    }
}

/// Reads a refused body and throws it away, unless that would take too much or too long.
pub(super) async fn drain(mut body: Body) {
    if body.size_hint().lower() > DRAINED {
        return;
    }
    let reading = async {
        let mut left = DRAINED;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
            let Some(rest) = left.checked_sub(size) else {
                break;
            };
            left = rest;
        }
    };
    // However it ends, the answer follows.
    let _ended = timeout(DRAINED_FOR, reading).await;
}

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Deflate,
}

impl Coding {
    /// From the Content-Encoding header: at most one coding besides identity.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, IngestError> {
        let mut coding = Self::Identity;
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let text = String::from_utf8_lossy(value.as_bytes());
            for word in text.split(',').map(str::trim) {
                let next = match word.to_ascii_lowercase().as_str() {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => Self::Gzip,
                    "deflate" => Self::Deflate,
                    _ => return Err(IngestError::Coding(shortened(&text))),
                };
                if coding != Self::Identity {
                    return Err(IngestError::Coding(shortened(&text)));
                }
                coding = next;
            }
        }
        Ok(coding)
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The decoded body. `deflate` is what RFC 9110 says, zlib data, and also the raw deflate data some senders mean.
pub(super) fn decode(coding: Coding, sent: &Sent) -> Result<Cow<'_, [u8]>, IngestError> {
    let bytes = sent.bytes.as_slice();
    let decoded = match coding {
        Coding::Identity => return Ok(Cow::Borrowed(bytes)),
        Coding::Gzip => inflate(MultiGzDecoder::new(bytes), bytes.len()),
        Coding::Deflate if is_zlib(bytes) => inflate(ZlibDecoder::new(bytes), bytes.len()),
        Coding::Deflate => inflate(DeflateDecoder::new(bytes), bytes.len()),
    };
    match decoded {
        Ok(Some(text)) => Ok(Cow::Owned(text)),
        Ok(None) => Err(IngestError::TooLargeDecoded),
        Err(error) => {
            Err(IngestError::Encoded(if coding == Coding::Gzip { "gzip" } else { "deflate" }, error))
        }
    }
}

/// The two-byte header of RFC 1950.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [first, second, ..]
        if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0)
}

/// `None` beyond the limit: not a byte more than one above it is ever decompressed.
fn inflate(decoder: impl Read, compressed: usize) -> io::Result<Option<Vec<u8>>> {
    let most = u64::try_from(LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = Vec::with_capacity(compressed.saturating_mul(6).min(LIMIT));
    decoder.take(most).read_to_end(&mut text)?;
    Ok(Some(text).filter(|text| text.len() <= LIMIT))
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
        Coding::of(&headers).ok()
    }

    #[test]
    fn one_coding_is_understood_whatever_its_case() {
        assert_eq!(Coding::of(&HeaderMap::new()).ok(), Some(Coding::Identity));
        assert_eq!(coding("GZip"), Some(Coding::Gzip));
        assert_eq!(coding("identity, deflate"), Some(Coding::Deflate));
        assert_eq!(coding("br"), None);
        assert_eq!(coding("gzip, gzip"), None);
    }

    #[test]
    fn both_things_called_deflate_are_told_apart() {
        let text = b"{\"a\": 1}".repeat(100);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        assert!(is_zlib(&zlib.finish().unwrap()));
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(&text).unwrap();
        assert!(!is_zlib(&raw.finish().unwrap()));
    }
}
