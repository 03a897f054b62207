//! A JSON file that is read again when it changes. An invalid file never replaces the last valid version.

use std::{
    fs::{self, Metadata},
    io::{self, Read},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use moesif_wire::{limits, text::without_byte_order_mark};
use serde_json::value::RawValue;

use super::Document;
use crate::log;

/// Time after a change during which the file is read again even if its metadata is the same. The clock of a
/// file system may be too coarse to show a second change.
const SETTLE_TIME: Duration = Duration::from_secs(2);

/// Kind of JSON value that a file must contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
}

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is longer than {} bytes", limits::DOCUMENT)]
    TooLong,
    #[error("it is not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it is not a JSON {0}")]
    WrongKind(&'static str),
}

/// A file and the document last read from it.
pub(super) struct WatchedFile {
    path: PathBuf,
    kind: Kind,
    /// The document that is used if there is no file.
    default: &'static str,
    state: Mutex<State>,
}

struct State {
    document: Document,
    /// Whether the document comes from the file and is not the default.
    is_from_file: bool,
    /// The file's metadata when it was last checked. `None` if there was no file.
    stamp: Option<Stamp>,
    /// When this metadata was first seen.
    stamp_since: Instant,
    /// Whether the file has been read after [`SETTLE_TIME`], so that equal metadata means equal content.
    is_settled: bool,
    /// Hash of the invalid content that was reported last.
    reported: Option<u64>,
}

/// Metadata that changes when the content does.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamp {
    fn new(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { modified: metadata.modified().ok(), length: metadata.len(), inode }
    }

    /// Returns whether the file's own time is more than [`SETTLE_TIME`] ago.
    fn is_old(&self) -> bool {
        self.modified.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > SETTLE_TIME)
    }
}

impl WatchedFile {
    pub(super) fn new(path: PathBuf, kind: Kind, default: &'static str) -> Self {
        let state = State {
            document: Document::new(default),
            is_from_file: false,
            stamp: None,
            stamp_since: Instant::now(),
            is_settled: true,
            reported: None,
        };
        Self { path, kind, default, state: Mutex::new(state) }
    }

    /// Returns the current document. Reads the file only if it may have changed.
    pub(super) fn current(&self) -> Document {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = fs::metadata(&self.path).ok().map(|metadata| Stamp::new(&metadata));
        if stamp != state.stamp || !state.is_settled {
            if stamp != state.stamp {
                state.stamp_since = Instant::now();
            }
            // The file's own time may be in the future, so our clock is used as well. This is decided before
            // the read: a read that begins after the settle time sees everything that was written with this
            // metadata.
            state.is_settled =
                state.stamp_since.elapsed() > SETTLE_TIME || stamp.as_ref().is_none_or(Stamp::is_old);
            if stamp.is_none() {
                state.is_from_file = false;
                state.document = Document::new(self.default);
                state.reported = None;
            } else {
                self.reload(&mut state);
            }
            state.stamp = stamp;
        }
        state.document.clone()
    }

    fn reload(&self, state: &mut State) {
        let mut bytes = Vec::new();
        match self.read(&mut bytes) {
            Ok(text) => {
                state.reported = None;
                state.is_from_file = true;
                if *text != *state.document.text {
                    state.document = Document::new(text);
                }
            }
            Err(error) => {
                let content = hash(&bytes);
                if state.reported.replace(content) != Some(content) {
                    let served = if state.is_from_file { "last good version" } else { "default" };
                    log::error(&format_args!(
                        "`{}` is not used: {error}; the {served} is served until the file is corrected",
                        self.path.display()
                    ));
                }
            }
        }
    }

    /// Reads the file into `bytes` and returns its JSON text.
    fn read<'b>(&self, bytes: &'b mut Vec<u8>) -> Result<&'b str, FileError> {
        fs::File::open(&self.path)?.take(limits::DOCUMENT + 1).read_to_end(bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limits::DOCUMENT {
            return Err(FileError::TooLong);
        }
        let text = serde_json::from_slice::<&RawValue>(without_byte_order_mark(bytes))?.get();
        match self.kind {
            Kind::Object if !text.starts_with('{') => Err(FileError::WrongKind("object")),
            Kind::Array if !text.starts_with('[') => Err(FileError::WrongKind("array")),
            _ => Ok(text),
        }
    }
}

/// Returns the FNV-1a hash. It is the same in every build, so a tag stays the same after a restart.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_depends_on_content_only() {
        assert_eq!(Document::new("[]").tag, Document::new("[]").tag);
        assert_ne!(Document::new("[]").tag, Document::new("[1]").tag);
        assert_eq!(&*Document::new("").tag, "cbf29ce484222325");
    }

    #[test]
    fn file_with_a_future_time_settles() {
        let path = std::env::temp_dir().join(format!("moesif-collector-remote-{}.json", std::process::id()));
        fs::write(&path, "[1]").unwrap();
        let future = SystemTime::now() + Duration::from_secs(1_000_000);
        fs::File::options().write(true).open(&path).unwrap().set_modified(future).unwrap();
        let file = WatchedFile::new(path.clone(), Kind::Array, "[]");
        assert_eq!(&*file.current().text, "[1]");
        assert!(!file.state.lock().unwrap().is_settled);
        // Pretends that the file was first seen a while ago.
        file.state.lock().unwrap().stamp_since = Instant::now().checked_sub(2 * SETTLE_TIME).unwrap();
        assert_eq!(&*file.current().text, "[1]");
        assert!(file.state.lock().unwrap().is_settled);
        fs::remove_file(path).unwrap();
    }
}
