//! A pattern cut into characters and escapes.

use crate::PatternError;

/// A character, or a backslash with the character behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub character: char,
    pub escaped: bool,
    /// Where it begins, counted in characters from 0.
    pub position: usize,
}

impl Token {
    /// Whether it is this character, without a backslash.
    pub(super) fn is(self, character: char) -> bool {
        self.plain() == Some(character)
    }

    /// The character, unless there is a backslash before it.
    pub(super) fn plain(self) -> Option<char> {
        (!self.escaped).then_some(self.character)
    }

    /// As it is written in the pattern.
    pub(super) fn source(self) -> String {
        if self.escaped { format!("\\{}", self.character) } else { self.character.to_string() }
    }

    /// An error that begins here.
    pub(super) fn error(self, what: impl Into<String>) -> PatternError {
        PatternError::at(self.position, what)
    }
}

/// The tokens of a pattern, and how far they have been read.
pub(super) struct Tokens {
    all: Vec<Token>,
    next: usize,
    length: usize,
}

impl Tokens {
    pub(super) fn new(pattern: &str) -> Result<Self, PatternError> {
        let mut tokens = Vec::new();
        let mut characters = pattern.chars().enumerate();
        while let Some((position, character)) = characters.next() {
            let token = if character == '\\' {
                let (_, character) = characters
                    .next()
                    .ok_or_else(|| PatternError::at(position, "a backslash with nothing behind it"))?;
                Token { character, escaped: true, position }
            } else {
                Token { character, escaped: false, position }
            };
            tokens.push(token);
        }
        Ok(Self { all: tokens, next: 0, length: pattern.chars().count() })
    }

    pub(super) fn peek(&self) -> Option<Token> {
        self.all.get(self.next).copied()
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.peek()?;
        self.next += 1;
        Some(token)
    }

    /// Goes past this character, if it is next.
    pub(super) fn eat(&mut self, character: char) -> bool {
        let found = self.peek().is_some_and(|token| token.is(character));
        self.next += usize::from(found);
        found
    }

    /// Goes past characters of a kind, as many as there are and as are wanted.
    pub(super) fn eat_while(&mut self, most: usize, wanted: impl Fn(char) -> bool) -> String {
        let mut eaten = String::new();
        while eaten.len() < most
            && let Some(character) = self.peek().and_then(Token::plain).filter(|&c| wanted(c))
        {
            eaten.push(character);
            self.next += 1;
        }
        eaten
    }

    /// Goes past everything up to and with this character. `None` when it does not come.
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

    /// A mark for [`Self::return_to`].
    pub(super) fn mark(&self) -> usize {
        self.next
    }

    /// Reads on from where a mark was made.
    pub(super) fn return_to(&mut self, mark: usize) {
        self.next = mark;
    }

    /// An error at the next token.
    pub(super) fn error(&self, what: impl Into<String>) -> PatternError {
        PatternError::at(self.peek().map_or(self.length, |token| token.position), what)
    }
}
