//! Writes the files that are derived from the option table: `cargo run -p moesif --example reference` (`make docs`).

use std::path::Path;

use moesif::settings::{options_page, options_stub};

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::write(root.join("docs/options.md"), options_page())?;
    std::fs::write(root.join("python/moesif/options.py"), options_stub())
}
