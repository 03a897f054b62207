//! Flags: `(?ims)` at the start of a pattern, `(?i-s:…)` for a group.

use super::Parser;
use super::tokens::Token;
use crate::error::{PatternError, SyntaxError};
use crate::syntax::Case;

/// The flags that are on at one place of a pattern.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a letter of its own in a pattern")]
pub(super) struct Flags {
    pub ascii: bool,
    pub ignore_case: bool,
    pub multi_line: bool,
    pub dot_all: bool,
    pub verbose: bool,
}

impl Flags {
    pub(super) fn case(self) -> Case {
        match (self.ignore_case, self.ascii) {
            (false, _) => Case::Exact,
            (true, true) => Case::IgnoreAscii,
            (true, false) => Case::Ignore,
        }
    }

    fn set(&mut self, letter: char, on: bool) {
        match letter {
            'a' => self.ascii = on,
            'u' => self.ascii = !on,
            'i' => self.ignore_case = on,
            'm' => self.multi_line = on,
            's' => self.dot_all = on,
            'x' => self.verbose = on,
            _ => {}
        }
    }
}

/// The part of a pattern that flags apply to.
pub(super) enum Scope {
    /// Everything that follows. The parentheses contain only flags.
    Pattern,
    /// The rest of the group.
    Group,
}

impl Parser {
    /// Reads flags, from the first letter or minus to the `)` or `:` after them.
    pub(super) fn flags(&mut self, first: Token, flags: &mut Flags) -> Result<Scope, PatternError> {
        let mut on = String::new();
        let mut off = String::new();
        let mut after_minus = false;
        let mut token = first;
        loop {
            let letters = if after_minus { &mut off } else { &mut on };
            match token.plain() {
                Some(letter @ ('a' | 'u' | 'i' | 'm' | 's' | 'x')) => letters.push(letter),
                Some('L') => return Err(token.error(SyntaxError::BytesFlag)),
                Some('-') if !after_minus => after_minus = true,
                Some(':') if !after_minus || !off.is_empty() => break,
                Some(')') if !after_minus => break,
                _ => return Err(token.error(SyntaxError::UnknownFlag(token.source()))),
            }
            token = self.tokens.next().ok_or_else(|| self.tokens.error(SyntaxError::UnclosedFlags))?;
        }
        if off.contains(['a', 'u']) {
            return Err(first.error(SyntaxError::RemovedAsciiFlag));
        }
        let scope = if token.is(')') { Scope::Pattern } else { Scope::Group };
        let combined = match scope {
            Scope::Group => &on,
            Scope::Pattern => {
                self.pattern_flags.push_str(&on);
                &self.pattern_flags
            }
        };
        if combined.contains('a') && combined.contains('u') {
            return Err(first.error(SyntaxError::AsciiAndUnicodeFlags));
        }
        if on.contains(|letter| off.contains(letter)) {
            return Err(first.error(SyntaxError::ContradictoryFlag));
        }
        for letter in on.chars() {
            flags.set(letter, true);
        }
        for letter in off.chars() {
            flags.set(letter, false);
        }
        Ok(scope)
    }
}
