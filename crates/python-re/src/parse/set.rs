//! Character sets: `[…]`. Inside a set, `[`, `&&`, `--` and `~~` are ordinary characters.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::Parser;
use super::escape::Escape;
use super::flags::Flags;
use super::tokens::Token;
use crate::error::{PatternError, SyntaxError};
use crate::syntax::Node;

impl Parser {
    /// Reads a set after its opening bracket.
    pub(super) fn set(&mut self, open: Token, flags: Flags) -> Result<Node, PatternError> {
        let negated = self.tokens.eat('^');
        let mut characters = Vec::new();
        // Classes such as `\w` are kept apart: flag `i` does not change them.
        let mut classes = ClassUnicode::empty();
        let mut is_first = true;
        loop {
            let token = self.set_token(open)?;
            if token.is(']') && !is_first {
                break;
            }
            is_first = false;
            let item = self.set_item(token, flags)?;
            let end = if self.tokens.eat('-') { Some(self.set_token(open)?) } else { None };
            match (item, end) {
                (item, Some(end)) if !end.is(']') => match (item, self.set_item(end, flags)?) {
                    (Escape::Char(from), Escape::Char(to)) if from <= to => {
                        characters.extend(range(from, to));
                    }
                    _ => return Err(token.error(SyntaxError::InvalidRange(token.source(), end.source()))),
                },
                (Escape::Char(code), _) => characters.extend(range(code, code)),
                (Escape::Class(set), _) => classes.union(&set),
            }
            if end.is_some_and(|end| end.is(']')) {
                characters.extend(range('-'.into(), '-'.into()));
                break;
            }
        }
        let mut set = ClassUnicode::new(characters);
        self.ignore_case(&mut set, flags);
        set.union(&classes);
        if negated {
            set.negate();
        }
        Ok(self.any_of(set))
    }

    fn set_token(&mut self, open: Token) -> Result<Token, PatternError> {
        self.tokens.next().ok_or_else(|| open.error(SyntaxError::UnclosedSet))
    }

    fn set_item(&mut self, token: Token, flags: Flags) -> Result<Escape, PatternError> {
        if token.escaped {
            self.escape_of_set(token, flags)
        } else {
            Ok(Escape::Char(token.character.into()))
        }
    }
}

/// Returns the characters between two code points, without the surrogates.
fn range(from: u32, to: u32) -> impl Iterator<Item = ClassUnicodeRange> {
    const BEFORE_SURROGATES: u32 = 0xd7ff;
    const AFTER_SURROGATES: u32 = 0xe000;
    [(from, to.min(BEFORE_SURROGATES)), (from.max(AFTER_SURROGATES), to)]
        .into_iter()
        .filter(|(from, to)| from <= to)
        .filter_map(|(from, to)| Some(ClassUnicodeRange::new(char::from_u32(from)?, char::from_u32(to)?)))
}
