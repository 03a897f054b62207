//! Imports between the modules of the crate go downwards only.
#![expect(clippy::unwrap_used, reason = "the test fails if a file cannot be read")]

use std::fs;
use std::path::{Path, PathBuf};

/// The top-level modules, from the bottom up. A module may import itself and those before it.
const LAYERS: [&str; 10] =
    ["process", "diagnostics", "http", "call", "rules", "delivery", "api", "settings", "runtime", "client"];

fn sources(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .collect()
}

/// Returns the top-level module that a path inside `src` belongs to.
fn module_of(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Returns the line number and the first name of each `crate::` path in the code.
fn imports(source: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let code = line.split_once("//").map_or(line, |(code, _comment)| code);
        for path in code.split("crate::").skip(1) {
            found.push((index + 1, path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()));
        }
    }
    found
}

#[test]
fn modules_import_only_from_lower_layers() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    let mut upward = Vec::new();
    for file in sources(&src) {
        let inside = file.strip_prefix(&src).unwrap();
        let module = module_of(inside);
        if module == "lib" {
            continue;
        }
        let layer = LAYERS.iter().position(|name| *name == module);
        let layer = layer.unwrap_or_else(|| panic!("{module} has no place in LAYERS: add it"));
        for (line, import) in imports(&fs::read_to_string(&file).unwrap()) {
            checked += 1;
            if LAYERS.iter().position(|name| *name == import).is_none_or(|imported| imported > layer) {
                upward.push(format!("{}:{line} imports crate::{import}", inside.display()));
            }
        }
    }
    assert!(checked > 50, "only {checked} imports found: the test no longer sees them");
    assert!(upward.is_empty(), "imports that do not go downwards:\n{}", upward.join("\n"));
}

#[test]
fn every_module_of_the_crate_has_a_layer() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let declared: Vec<_> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod ")))
        .map(|name| name.trim_end_matches(';'))
        .collect();
    assert_eq!(declared.len(), LAYERS.len());
    for name in declared {
        assert!(LAYERS.contains(&name), "{name} has no place in LAYERS: add it");
    }
}
