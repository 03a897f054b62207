#![doc = include_str!("../README.md")]

mod automaton;
mod backtrack;
mod characters;
mod error;
pub mod limits;
mod parse;
mod syntax;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use self::automaton::Automaton;
use self::backtrack::Program;
pub use self::error::{LimitExceeded, PatternError, SyntaxError};
use self::limits::MAX_PATTERN_BYTES;

/// A compiled pattern. Clones share the compiled form. Many threads can use a pattern at the same time.
#[derive(Clone)]
pub struct Pattern {
    compiled: Arc<Compiled>,
}

struct Compiled {
    source: Box<str>,
    /// `None` if the automaton does not support the pattern.
    automaton: Option<Automaton>,
    program: Program,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// If the pattern is invalid, not supported or too long.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        if source.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong);
        }
        let syntax = parse::parse(source)?;
        let automaton = Automaton::new(&syntax);
        let program = Program::new(&syntax);
        Ok(Self { compiled: Arc::new(Compiled { source: source.into(), automaton, program }) })
    }

    /// Returns whether the pattern matches anywhere in the text, as `re.search` does.
    ///
    /// # Errors
    ///
    /// If the search reached its limit of steps or memory. This happens after some milliseconds.
    pub fn is_match(&self, text: &str) -> Result<bool, LimitExceeded> {
        let Compiled { automaton, program, .. } = &*self.compiled;
        match automaton {
            Some(automaton) if automaton.decides(text) => {
                automaton.is_match(text).or_else(|LimitExceeded| program.is_match(text))
            }
            _ => program.is_match(text),
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Pattern").field(&self.compiled.source).finish()
    }
}
