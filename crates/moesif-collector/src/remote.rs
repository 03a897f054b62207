//! The operator's config and governance rules: `config.json` and `rules.json` in the data directory.
//!
//! In: the two files, whenever they change. Out: their text as it is, and a tag that changes only when it does.
//! A file that is no valid JSON of its kind never replaces the last good one.

use std::{
    fs::{self, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use axum::http::HeaderValue;
use serde_json::value::RawValue;

use crate::complaint::complain;

/// A file longer than this is a mistake: every client downloads it.
const LONGEST: u64 = 16 * 1024 * 1024;
/// A file written this recently is read again even if it looks unchanged: the clock of a file system ticks slowly.
const SETTLED: Duration = Duration::from_secs(2);

/// Both files.
pub(crate) struct Remote {
    config: Watched,
    rules: Watched,
}

/// A document as it is served.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) text: Arc<str>,
    /// Hash of the text, in hexadecimal.
    pub(crate) tag: Arc<str>,
}

impl Remote {
    /// Serves the files in `directory`. Absent ones read as "keep everything" and "no rules".
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            config: Watched::new(directory.join("config.json"), '{', r#"{"sample_rate":100}"#),
            rules: Watched::new(directory.join("rules.json"), '[', "[]"),
        }
    }

    pub(crate) fn config(&self) -> Document {
        self.config.current()
    }

    pub(crate) fn rules(&self) -> Document {
        self.rules.current()
    }

    /// The tags of both, as header values.
    pub(crate) fn tags(&self) -> (HeaderValue, HeaderValue) {
        let value = |document: &Document| {
            HeaderValue::from_str(&document.tag).unwrap_or_else(|_| HeaderValue::from_static("0"))
        };
        (value(&self.config()), value(&self.rules()))
    }
}

/// Why a file is not served.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    #[error("it is not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it is not a JSON {0}")]
    Kind(&'static str),
}

struct Watched {
    path: PathBuf,
    /// What the document must start with: `{` or `[`.
    opening: char,
    absent: &'static str,
    state: Mutex<State>,
}

struct State {
    served: Document,
    /// The file as it was when it was last read; `None` when there was none.
    seen: Option<Stamp>,
    settled: bool,
    /// Hash of the content that was complained about last.
    complained: Option<u64>,
}

/// What changes about a file when its content does.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { modified: metadata.modified().ok(), length: metadata.len(), inode }
    }

    fn is_settled(&self) -> bool {
        self.modified.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > SETTLED)
    }
}

impl Watched {
    fn new(path: PathBuf, opening: char, absent: &'static str) -> Self {
        let state = State { served: document(absent), seen: None, settled: true, complained: None };
        Self { path, opening, absent, state: Mutex::new(state) }
    }

    /// The document of now. Looks at the file's stamp, and reads the file only when that changed.
    fn current(&self) -> Document {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = fs::metadata(&self.path).ok().map(|metadata| Stamp::of(&metadata));
        if seen != state.seen || !state.settled {
            state.settled = seen.as_ref().is_none_or(Stamp::is_settled);
            if seen.is_none() {
                state.served = document(self.absent);
                state.complained = None;
            } else {
                self.reload(&mut state);
            }
            state.seen = seen;
        }
        state.served.clone()
    }

    fn reload(&self, state: &mut State) {
        let mut bytes = Vec::new();
        match self.read(&mut bytes) {
            Ok(text) => {
                state.complained = None;
                if *text != *state.served.text {
                    state.served = document(text);
                }
            }
            Err(error) => {
                let found = hash(&bytes);
                if state.complained.replace(found) != Some(found) {
                    complain(&format_args!(
                        "`{}` is not used: {error}; the last good version is served until it is corrected",
                        self.path.display()
                    ));
                }
            }
        }
    }

    fn read<'b>(&self, bytes: &'b mut Vec<u8>) -> Result<&'b str, FileError> {
        fs::File::open(&self.path)?.take(LONGEST + 1).read_to_end(bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST {
            return Err(FileError::TooLong);
        }
        let text = serde_json::from_slice::<&RawValue>(bytes)?.get();
        if text.starts_with(self.opening) {
            Ok(text)
        } else {
            Err(FileError::Kind(if self.opening == '{' { "object" } else { "array" }))
        }
    }
}

fn document(text: &str) -> Document {
    Document { text: text.into(), tag: format!("{:016x}", hash(text.as_bytes())).into() }
}

/// FNV-1a: the same for the same text in every build, so that a restart changes no tag.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_content_and_nothing_else() {
        assert_eq!(document("[]").tag, document("[]").tag);
        assert_ne!(document("[]").tag, document("[1]").tag);
        assert_eq!(&*document("").tag, "cbf29ce484222325");
    }
}
