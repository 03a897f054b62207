//! Splits a pattern into characters and escapes.

use crate::error::{PatternError, SyntaxError};

/// A character, or a backslash together with the character after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub character: char,
    pub escaped: bool,
    /// Where the token begins, counted in characters from 0.
    pub position: usize,
}

impl Token {
    /// Returns whether the token is this character without a backslash.
    pub(super) fn is(self, character: char) -> bool {
        self.plain() == Some(character)
    }

    /// Returns the character, unless a backslash is before it.
    pub(super) fn plain(self) -> Option<char> {
        (!self.escaped).then_some(self.character)
    }

    /// Returns the token as it is written in the pattern.
    pub(super) fn source(self) -> String {
        if self.escaped { format!("\\{}", self.character) } else { self.character.to_string() }
    }

    /// Returns an error at the position of this token.
    pub(super) fn error(self, error: SyntaxError) -> PatternError {
        error.at(self.position)
    }
}

/// The tokens of a pattern, and the position of the next one to read.
pub(super) struct Tokens {
    all: Vec<Token>,
    next: usize,
    /// Length of the pattern, in characters.
    length: usize,
}

impl Tokens {
    pub(super) fn new(pattern: &str) -> Result<Self, PatternError> {
        let mut tokens = Vec::new();
        let mut characters = pattern.chars().enumerate();
        while let Some((position, character)) = characters.next() {
            let token = if character == '\\' {
                let (_, character) =
                    characters.next().ok_or_else(|| SyntaxError::TrailingBackslash.at(position))?;
                Token { character, escaped: true, position }
            } else {
                Token { character, escaped: false, position }
            };
            tokens.push(token);
        }
        Ok(Self { all: tokens, next: 0, length: pattern.chars().count() })
    }

    /// Returns the next token without reading it.
    pub(super) fn peek(&self) -> Option<Token> {
        self.all.get(self.next).copied()
    }

    /// Reads the next token.
    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.peek()?;
        self.next += 1;
        Some(token)
    }

    /// Reads the next token if it is this character. Returns whether it is.
    pub(super) fn eat(&mut self, character: char) -> bool {
        let found = self.peek().is_some_and(|token| token.is(character));
        self.next += usize::from(found);
        found
    }

    /// Reads up to `max` characters for which `wanted` is true.
    pub(super) fn eat_while(&mut self, max: usize, wanted: impl Fn(char) -> bool) -> String {
        let mut eaten = String::new();
        while eaten.len() < max
            && let Some(character) = self.peek().and_then(Token::plain).filter(|&c| wanted(c))
        {
            eaten.push(character);
            self.next += 1;
        }
        eaten
    }

    /// Reads the text before the terminator, and the terminator. Returns `None` if there is no terminator.
    pub(super) fn eat_until(&mut self, terminator: char) -> Option<String> {
        let mut eaten = String::new();
        loop {
            let token = self.next()?;
            if token.is(terminator) {
                return Some(eaten);
            }
            eaten.push_str(&token.source());
        }
    }

    /// Returns the current position, for [`Self::return_to`].
    pub(super) fn mark(&self) -> usize {
        self.next
    }

    /// Reads again from a position that [`Self::mark`] returned.
    pub(super) fn return_to(&mut self, mark: usize) {
        self.next = mark;
    }

    /// Returns an error at the position of the next token.
    pub(super) fn error(&self, error: SyntaxError) -> PatternError {
        error.at(self.peek().map_or(self.length, |token| token.position))
    }
}
