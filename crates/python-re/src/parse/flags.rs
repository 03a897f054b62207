//! Flags: `(?ims)` at the start of a pattern, `(?i-s:…)` for a group.

use super::Parser;
use super::tokens::Token;
use crate::PatternError;
use crate::syntax::Case;

/// The flags that are on at some place of a pattern.
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

    fn turn(&mut self, letter: char, on: bool) {
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

/// Whom flags are for.
pub(super) enum Scope {
    /// Everything that follows: the group holds flags only.
    Pattern,
    /// The group that follows.
    Group,
}

impl Parser {
    /// Reads flags from the first letter or the minus to the `)` or `:` behind them.
    pub(super) fn flags(&mut self, first: Token, flags: &mut Flags) -> Result<Scope, PatternError> {
        let mut on = String::new();
        let mut off = String::new();
        let mut minus = false;
        let mut token = first;
        loop {
            let letters = if minus { &mut off } else { &mut on };
            match token.plain() {
                Some(letter @ ('a' | 'u' | 'i' | 'm' | 's' | 'x')) => letters.push(letter),
                Some('L') => return Err(token.error("the flag L, which is for bytes")),
                Some('-') if !minus => minus = true,
                Some(':') if !minus || !off.is_empty() => break,
                Some(')') if !minus => break,
                _ => return Err(token.error(format!("an unknown flag {}", token.source()))),
            }
            token = self.tokens.next().ok_or_else(|| self.tokens.error("flags without an end"))?;
        }
        if off.contains(['a', 'u']) {
            return Err(first.error("the flags a and u, which cannot be turned off"));
        }
        let scope = if token.is(')') { Scope::Pattern } else { Scope::Group };
        let together = match scope {
            Scope::Group => &on,
            Scope::Pattern => {
                self.pattern_flags.push_str(&on);
                &self.pattern_flags
            }
        };
        if together.contains('a') && together.contains('u') {
            return Err(first.error("the flags a and u together"));
        }
        if on.contains(|letter| off.contains(letter)) {
            return Err(first.error("a flag that is turned on and off"));
        }
        for letter in on.chars() {
            flags.turn(letter, true);
        }
        for letter in off.chars() {
            flags.turn(letter, false);
        }
        Ok(scope)
    }
}
