//! Remote configuration for the SDKs: `config.json` and `rules.json` in the data directory, which the
//! operator edits.

mod file;

use std::{path::Path, sync::Arc};

use file::{Kind, WatchedFile};

/// The two files.
pub(crate) struct Remote {
    config: WatchedFile,
    rules: WatchedFile,
}

/// The text of a document and its version.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) text: Arc<str>,
    /// Hash of the text, in hexadecimal. Changes only if the text does.
    pub(crate) tag: Arc<str>,
}

/// Both documents, as loaded for one request.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub(crate) config: Document,
    pub(crate) rules: Document,
}

impl Remote {
    /// Watches the files in `directory`. Reads them once, so that an invalid file is reported at the start.
    /// Without files, all calls are sent and there are no rules.
    pub(crate) fn open(directory: &Path) -> Self {
        let remote = Self {
            config: WatchedFile::new(directory.join("config.json"), Kind::Object, r#"{"sample_rate":100}"#),
            rules: WatchedFile::new(directory.join("rules.json"), Kind::Array, "[]"),
        };
        let _reported = remote.documents();
        remote
    }

    /// Returns the current documents.
    pub(crate) fn documents(&self) -> Documents {
        Documents { config: self.config.current(), rules: self.rules.current() }
    }
}

impl Document {
    fn new(text: &str) -> Self {
        Self { text: text.into(), tag: format!("{:016x}", file::hash(text.as_bytes())).into() }
    }
}
