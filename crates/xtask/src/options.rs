//! `cargo xtask options`: writes the files that are derived from the option table.

use std::fs;
use std::io;
use std::path::Path;

use moesif::settings::{options_page, options_stub};

pub(crate) fn write() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::write(root.join("docs/options.md"), options_page())?;
    fs::write(root.join("python/moesif/options.py"), options_stub())
}
