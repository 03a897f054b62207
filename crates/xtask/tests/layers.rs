//! Checks that the modules of each crate import only from lower layers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends if its files cannot be read")]

use std::fs;
use std::path::{Path, PathBuf};

/// The top-level modules of a crate in layers, lowest layer first. A module may import itself and modules of
/// lower layers, but no other module of its own layer.
type Layers = [&'static [&'static str]];

const MOESIF: &Layers = &[
    &["memory"],
    &["process"],
    &["diagnostics"],
    &["http"],
    &["call"],
    &["rules"],
    &["delivery"],
    &["api"],
    &["settings"],
    &["runtime"],
    &["client"],
];

const MOESIF_PYTHON: &Layers = &[
    &["once"],
    &["environment", "gc", "guard", "python"],
    &["interruption"],
    &["convert", "log"],
    &["json"],
    &["settings"],
    &["api", "callbacks", "lifecycle"],
    &["as_written", "request"],
    &["django", "outgoing", "wsgi"],
];

const MOESIF_COLLECTOR: &Layers = &[
    &["body", "cli", "clock", "log", "reply", "signal"],
    &["remote", "store"],
    &["state"],
    &["ingest", "query", "web"],
    &["server"],
    &["main"],
];

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let sources = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    sources.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
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

/// Fails if a module of the crate imports from its own layer or a higher one. Returns how many imports it
/// found.
fn check(crate_name: &str, layers: &Layers) -> usize {
    let layer_of = |module: &str| {
        let layer = layers.iter().position(|layer| layer.contains(&module));
        layer.unwrap_or_else(|| panic!("module {module} of {crate_name} has no layer: add it to this test"))
    };
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(crate_name).join("src");
    let mut checked = 0;
    let mut upward = Vec::new();
    for file in sources(&src) {
        let inside = file.strip_prefix(&src).unwrap().to_str().unwrap();
        let module = first_name(inside);
        if module == "lib" {
            continue;
        }
        let layer = layer_of(&module);
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            checked += 1;
            if import != module && layer_of(&import) >= layer {
                upward.push(format!("{inside} imports crate::{import}"));
            }
        }
    }
    assert!(upward.is_empty(), "imports that do not go downwards:\n{}", upward.join("\n"));
    checked
}

#[test]
fn modules_import_only_from_lower_layers() {
    for (crate_name, layers, fewest) in [
        ("moesif", MOESIF, 80),
        ("moesif-python", MOESIF_PYTHON, 80),
        ("moesif-collector", MOESIF_COLLECTOR, 25),
    ] {
        let checked = check(crate_name, layers);
        assert!(
            checked > fewest,
            "only {checked} imports found in {crate_name}: the test no longer sees them"
        );
    }
}

#[test]
fn imports_are_found_in_groups_and_paths() {
    let source = "use crate::{a::{b, c}, d};\nfn f() { crate::e::g() } // crate::h\n";
    assert_eq!(imports(source), ["a", "d", "e"]);
}
