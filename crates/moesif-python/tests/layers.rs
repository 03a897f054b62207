//! Imports between the modules of the binding go downwards only.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends if its files cannot be read")]

use std::fs;
use std::path::{Path, PathBuf};

/// The top-level modules, from the bottom up. A module imports from itself and from the layers before its
/// own, not from its neighbours.
const LAYERS: [&[&str]; 6] = [
    &["environment", "gc", "guard", "python"],
    &["convert", "json", "log"],
    &["settings"],
    &["api", "callbacks", "lifecycle"],
    &["request"],
    &["django", "outgoing", "wsgi"],
];

fn layer_of(module: &str) -> usize {
    let layer = LAYERS.iter().position(|layer| layer.contains(&module));
    layer.unwrap_or_else(|| panic!("{module} has no place in LAYERS: add it"))
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// Returns the top-level modules that a source imports from: `a` and `b` for `crate::{a, b::c}`.
fn imports(source: &str) -> Vec<String> {
    let code: String = source.lines().filter_map(|line| line.split("//").next()).collect();
    let mut found = Vec::new();
    for path in code.split("crate::").skip(1) {
        match path.strip_prefix('{').and_then(|group| group.split_once("};")) {
            None => found.push(first_name(path)),
            Some((group, _)) => {
                let mut depth = 0;
                let separates = |character| {
                    depth += i32::from(character == '{') - i32::from(character == '}');
                    character == ',' && depth == 0
                };
                found.extend(group.split(separates).map(|path| first_name(path.trim())));
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn modules_import_only_from_lower_layers() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    let mut wrong = Vec::new();
    for file in sources(&src) {
        let inside = file.strip_prefix(&src).unwrap().to_str().unwrap();
        let module = first_name(inside);
        if module == "lib" {
            continue;
        }
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            checked += 1;
            if import != module && layer_of(&import) >= layer_of(&module) {
                wrong.push(format!("{inside} imports crate::{import}"));
            }
        }
    }
    assert!(checked > 50, "only {checked} imports found: the test no longer sees them");
    assert!(wrong.is_empty(), "imports that do not go downwards:\n{}", wrong.join("\n"));
}

#[test]
fn imports_are_found_in_groups_and_paths() {
    let source = "use crate::{a::{b, c}, d};\nfn f() { crate::e::g() } // crate::h\n";
    assert_eq!(imports(source), ["a", "d", "e"]);
}
