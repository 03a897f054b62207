//! Receives bodies. Memory is reserved before it is used, from a budget that all connections share.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, HttpBody};
use http_body_util::BodyExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{BodyError, MAX_BODY};

/// Memory for all bodies that are being received, in KiB.
const MEMORY_KIB: u32 = 256 * 1024;
/// Maximum number of bodies that are decoded and validated at once. Each may take several times [`MAX_BODY`].
const MAX_PROCESSING: usize = 3;
/// First reservation of a body in bytes, unless its Content-Length is smaller.
const FIRST_RESERVATION: usize = 64 * 1024;
/// Maximum time to wait for the next part of a body.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size of the rest of a body to drain, in bytes.
const MAX_DRAINED: u64 = 256 * 1024 * 1024;
/// Maximum time to drain the rest of a body.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Limits the memory of bodies and the number that are processed at once.
pub(crate) struct BodyReceiver {
    memory: Arc<Semaphore>,
    processing: Arc<Semaphore>,
}

/// A received body. Its memory returns to the budget on drop.
pub(crate) struct ReceivedBody {
    bytes: Vec<u8>,
    reservation: Option<OwnedSemaphorePermit>,
}

/// A body that could not be received.
pub(crate) struct ReceiveError {
    pub(crate) error: BodyError,
    /// The rest of the body, which the client may still be sending.
    pub(crate) rest: Body,
}

impl BodyReceiver {
    pub(crate) fn new() -> Self {
        let kib = usize::try_from(MEMORY_KIB).unwrap_or(usize::MAX);
        Self { memory: Arc::new(Semaphore::new(kib)), processing: Arc::new(Semaphore::new(MAX_PROCESSING)) }
    }

    /// Waits until a body may be decoded and validated. Hold the permit until the result is in the store's
    /// queue.
    pub(crate) async fn processing_permit(&self) -> Result<OwnedSemaphorePermit, BodyError> {
        Arc::clone(&self.processing).acquire_owned().await.map_err(|_| BodyError::Stopping)
    }

    /// Receives a body.
    ///
    /// Reserves memory as bytes arrive. A Content-Length alone reserves nothing. Fails if the budget is used
    /// up. It must not wait, because bodies that each hold a part of the budget would wait for each other
    /// forever.
    pub(crate) async fn receive(&self, mut body: Body) -> Result<ReceivedBody, ReceiveError> {
        let max_size = match body.size_hint().exact().map(usize::try_from) {
            Some(Ok(size)) if size <= MAX_BODY => size,
            Some(_) => return Err(ReceiveError { error: BodyError::TooLarge, rest: body }),
            None => MAX_BODY,
        };
        let mut received = ReceivedBody { bytes: Vec::new(), reservation: None };
        loop {
            let frame = match timeout(STALL_TIMEOUT, body.frame()).await {
                Ok(None) => return Ok(received),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return Err(BodyError::Incomplete(error).into()),
                Err(_) => return Err(BodyError::Stalled(STALL_TIMEOUT.as_secs()).into()),
            };
            let Some(data) = frame.data_ref() else {
                continue;
            };
            if received.bytes.len().saturating_add(data.len()) > MAX_BODY {
                return Err(ReceiveError { error: BodyError::TooLarge, rest: body });
            }
            if !received.reserve(data.len(), max_size, &self.memory) {
                return Err(ReceiveError { error: BodyError::Busy, rest: body });
            }
            received.bytes.extend_from_slice(data);
        }
    }
}

impl From<BodyError> for ReceiveError {
    /// Converts an error after which the rest of the body cannot be read.
    fn from(error: BodyError) -> Self {
        Self { error, rest: Body::empty() }
    }
}

impl ReceivedBody {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reserves capacity for `additional` bytes from `budget`. Doubles the capacity each time, up to
    /// `max_size`. Returns false if the budget is used up.
    fn reserve(&mut self, additional: usize, max_size: usize, budget: &Arc<Semaphore>) -> bool {
        let (length, old_capacity) = (self.bytes.len(), self.bytes.capacity());
        let needed = length.saturating_add(additional);
        if needed <= old_capacity {
            return true;
        }
        let capacity = old_capacity.saturating_mul(2).max(FIRST_RESERVATION).min(max_size).max(needed);
        let kib = |bytes: usize| bytes.div_ceil(1024);
        let added_kib = u32::try_from(kib(capacity).saturating_sub(kib(old_capacity))).unwrap_or(MEMORY_KIB);
        let Ok(permit) = Arc::clone(budget).try_acquire_many_owned(added_kib) else {
            return false;
        };
        match &mut self.reservation {
            Some(reservation) => reservation.merge(permit),
            None => self.reservation = Some(permit),
        }
        self.bytes.reserve_exact(capacity.saturating_sub(length));
        true
    }
}

/// Reads the rest of a body and drops it, within limits of size and time. If the connection were closed while
/// the client still sends, the client would not see the error reply.
pub(crate) async fn drain(mut body: Body) {
    if body.size_hint().lower() > MAX_DRAINED {
        return;
    }
    let drain = async {
        let mut left = MAX_DRAINED;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
            let Some(rest) = left.checked_sub(size) else {
                break;
            };
            left = rest;
        }
    };
    // The reply is sent even after a timeout.
    let _timed_out = timeout(DRAIN_TIMEOUT, drain).await;
}
