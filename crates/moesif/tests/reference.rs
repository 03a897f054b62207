//! The files that are written from the option table are what the table says.

use std::path::{Path, PathBuf};

use moesif::settings::{options_page, options_stub};

fn written(file: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    (path, text)
}

#[test]
fn the_reference_page_and_the_type_are_written_from_the_table() {
    for (file, expected) in
        [("docs/options.md", options_page()), ("python/moesif/options.py", options_stub())]
    {
        let (path, text) = written(file);
        assert!(text == expected, "{} is out of date: run `make docs`", path.display());
    }
}
