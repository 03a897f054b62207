//! The files that `cargo xtask options` derives from the option table are up to date.

use std::path::{Path, PathBuf};

use moesif::settings::{options_page, options_stub};

fn path_of(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)
}

#[test]
fn generated_files_match_the_option_table() {
    for (file, expected) in
        [("docs/options.md", options_page()), ("python/moesif/options.py", options_stub())]
    {
        let path = path_of(file);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(text == expected, "{} is out of date: run `make docs`", path.display());
    }
}
