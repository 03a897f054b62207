//! The operator's config and governance rules: `config.json` and `rules.json` in the data directory.
//!
//! In: the two files, whenever they change. Out: their text as it is, and a tag that changes only when it does.
//! A file that is no valid JSON of its kind never replaces the last good one.

use std::{
    fs::{self, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use serde_json::value::RawValue;

use crate::complaint::complain;

/// A file longer than this is a mistake: every client downloads it.
const LONGEST: u64 = moesif_wire::limits::DOCUMENT;
/// A file that changed this recently is read again even if it looks unchanged: the clock of a file system ticks
/// slowly. Recently by its own time, or by ours where its time lies in the future.
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

/// Both documents as of one request.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub(crate) config: Document,
    pub(crate) rules: Document,
}

impl Remote {
    /// Serves the files in `directory`. Absent ones read as "keep everything" and "no rules".
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            config: Watched::new(directory.join("config.json"), '{', r#"{"sample_rate":100}"#),
            rules: Watched::new(directory.join("rules.json"), '[', "[]"),
        }
    }

    /// Both, as they are now.
    pub(crate) fn documents(&self) -> Documents {
        Documents { config: self.config.current(), rules: self.rules.current() }
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
    /// When it was first seen as it is.
    since: Instant,
    /// Whether what is served was in the file, and is not the default.
    from_file: bool,
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
        let state = State {
            served: document(absent),
            seen: None,
            settled: true,
            since: Instant::now(),
            from_file: false,
            complained: None,
        };
        Self { path, opening, absent, state: Mutex::new(state) }
    }

    /// The document of now. Looks at the file's stamp, and reads the file only when that changed.
    fn current(&self) -> Document {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = fs::metadata(&self.path).ok().map(|metadata| Stamp::of(&metadata));
        if seen != state.seen || !state.settled {
            if seen != state.seen {
                state.since = Instant::now();
            }
            // A read that begins this long after the stamp was first seen finds what was written under that stamp.
            state.settled = state.since.elapsed() > SETTLED || seen.as_ref().is_none_or(Stamp::is_settled);
            if seen.is_none() {
                state.from_file = false;
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
                state.from_file = true;
                if *text != *state.served.text {
                    state.served = document(text);
                }
            }
            Err(error) => {
                let found = hash(&bytes);
                if state.complained.replace(found) != Some(found) {
                    let served = if state.from_file { "last good version" } else { "default" };
                    complain(&format_args!(
                        "`{}` is not used: {error}; the {served} is served until it is corrected",
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
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
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

    #[test]
    fn a_time_in_the_future_does_not_keep_a_file_from_settling() {
        let path = std::env::temp_dir().join(format!("moesif-collector-remote-{}.json", std::process::id()));
        fs::write(&path, "[1]").unwrap();
        let future = SystemTime::now() + Duration::from_secs(1_000_000);
        fs::File::options().write(true).open(&path).unwrap().set_modified(future).unwrap();
        let watched = Watched::new(path.clone(), '[', "[]");
        assert_eq!(&*watched.current().text, "[1]");
        assert!(!watched.state.lock().unwrap().settled);
        // As if the file had been seen a while ago.
        watched.state.lock().unwrap().since = Instant::now().checked_sub(2 * SETTLED).unwrap();
        assert_eq!(&*watched.current().text, "[1]");
        assert!(watched.state.lock().unwrap().settled);
        fs::remove_file(path).unwrap();
    }
}
