//! Searches for any pattern in any text. The README of the crate says how to run it.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use python_re::{Pattern, PatternError};

/// A search takes milliseconds. Sanitizers and a busy machine make it slower.
const MAX_TIME: Duration = Duration::from_secs(5);

fuzz_target!(|input: (&str, &str)| {
    let (source, text) = input;
    let started = Instant::now();
    match Pattern::new(source) {
        Ok(pattern) => {
            let found = pattern.is_match(text);
            assert_eq!(pattern.is_match(text), found, "a second search must have the same result");
            compare_engines(source, text, found.ok());
        }
        Err(PatternError::Syntax { position, .. }) => {
            assert!(position <= source.chars().count(), "position {position} is outside of the pattern");
        }
        Err(PatternError::TooLong) => {}
    }
    assert!(started.elapsed() < MAX_TIME, "compiling and searching took {:?}", started.elapsed());
});

/// Searches again with the backtracking engine. An empty look-ahead always matches, and the automaton does
/// not support it.
fn compare_engines(source: &str, text: &str, found: Option<bool>) {
    let Ok(pattern) = Pattern::new(&format!("{source}(?=)")) else { return };
    if let (Some(found), Ok(found_again)) = (found, pattern.is_match(text)) {
        assert_eq!(found, found_again, "the engines disagree");
    }
}
