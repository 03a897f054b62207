//! Escapes: a backslash and the character after it.

use regex_syntax::hir::ClassUnicode;

use super::Parser;
use super::flags::Flags;
use super::tokens::Token;
use crate::characters;
use crate::error::{PatternError, SyntaxError};
use crate::syntax::{Assertion, Node};

/// An escape that means the same inside and outside of a set.
pub(super) enum Escape {
    /// A code point. A pattern may name surrogates, although no text contains them.
    Char(u32),
    /// A class of characters.
    Class(ClassUnicode),
}

impl Parser {
    /// Reads an escape outside of a set.
    pub(super) fn escape(&mut self, token: Token, flags: Flags) -> Result<Node, PatternError> {
        let boundary = |parser: &mut Self, negated| {
            let words = parser.intern(characters::words(flags.ascii));
            Node::Assertion(Assertion::WordBoundary { words, ascii: flags.ascii, negated })
        };
        let node = match token.character {
            'A' => Node::Assertion(Assertion::TextStart),
            'Z' | 'z' => Node::Assertion(Assertion::TextEnd),
            'b' => boundary(self, false),
            'B' => boundary(self, true),
            'k' if self.tokens.eat('<') => self.reference_by_name(token, '>', flags)?,
            '1'..='9' => self.number(token, flags)?,
            _ => match self.escape_of_set(token, flags)? {
                Escape::Char(code) => self.code_point(code, flags),
                Escape::Class(set) => self.any_of(set),
            },
        };
        Ok(node)
    }

    /// Reads an escape that can also be part of a set.
    pub(super) fn escape_of_set(&mut self, token: Token, flags: Flags) -> Result<Escape, PatternError> {
        let class = |mut set: ClassUnicode| {
            if token.character.is_ascii_uppercase() {
                set.negate();
            }
            Escape::Class(set)
        };
        let escape = match token.character {
            'd' | 'D' => class(characters::digits(flags.ascii)),
            'w' | 'W' => class(characters::words(flags.ascii)),
            's' | 'S' => class(characters::spaces(flags.ascii)),
            'p' | 'P' => class(self.property(token, flags)?),
            'a' => Escape::Char(0x07),
            'b' => Escape::Char(0x08),
            'f' => Escape::Char(0x0c),
            'n' => Escape::Char(0x0a),
            'r' => Escape::Char(0x0d),
            't' => Escape::Char(0x09),
            'v' => Escape::Char(0x0b),
            'x' => self.hexadecimal(token, 2)?,
            'u' => self.hexadecimal(token, 4)?,
            'U' => self.hexadecimal(token, 8)?,
            'N' => return Err(token.error(SyntaxError::NamedCharacter)),
            '0'..='7' => {
                let mut digits = token.character.to_string();
                digits.push_str(&self.tokens.eat_while(2, is_octal));
                Escape::Char(octal(token, &digits)?)
            }
            character if character.is_ascii_alphanumeric() => {
                return Err(token.error(SyntaxError::UnknownEscape(character)));
            }
            character => Escape::Char(character.into()),
        };
        Ok(escape)
    }

    /// Reads an octal code of three digits, or else a reference to a group by number.
    fn number(&mut self, token: Token, flags: Flags) -> Result<Node, PatternError> {
        let mut digits = token.character.to_string();
        digits.push_str(&self.tokens.eat_while(1, |c| c.is_ascii_digit()));
        if digits.len() == 2 && digits.chars().all(is_octal) {
            digits.push_str(&self.tokens.eat_while(1, is_octal));
        }
        if digits.len() == 3 {
            let code = octal(token, &digits)?;
            return Ok(self.code_point(code, flags));
        }
        self.reference(token, digits.parse().unwrap_or(usize::MAX), flags)
    }

    /// Reads `\p{Lu}` or `\pL`. With flag `i`, a property includes the other case of its characters.
    fn property(&mut self, token: Token, flags: Flags) -> Result<ClassUnicode, PatternError> {
        let name = if self.tokens.eat('{') {
            self.tokens.eat_until('}').unwrap_or_default()
        } else {
            self.tokens.eat_while(1, |c| c.is_ascii_alphabetic())
        };
        let mut set =
            characters::property(&name).ok_or_else(|| token.error(SyntaxError::UnknownProperty(name)))?;
        self.ignore_case(&mut set, flags);
        Ok(set)
    }

    fn hexadecimal(&mut self, token: Token, length: usize) -> Result<Escape, PatternError> {
        let digits = self.tokens.eat_while(length, |c| c.is_ascii_hexdigit());
        match u32::from_str_radix(&digits, 16) {
            Ok(code) if digits.len() == length => {
                if code > char::MAX.into() {
                    return Err(token.error(SyntaxError::CodePointTooLarge));
                }
                Ok(Escape::Char(code))
            }
            _ => Err(token.error(SyntaxError::MissingDigits(token.character, length))),
        }
    }

    fn code_point(&mut self, code: u32, flags: Flags) -> Node {
        match char::from_u32(code) {
            Some(character) => self.literal(character, flags),
            None => self.any_of(ClassUnicode::empty()),
        }
    }
}

fn is_octal(character: char) -> bool {
    matches!(character, '0'..='7')
}

fn octal(token: Token, digits: &str) -> Result<u32, PatternError> {
    match u32::from_str_radix(digits, 8) {
        Ok(code) if code <= 0o377 => Ok(code),
        _ => Err(token.error(SyntaxError::OctalTooLarge)),
    }
}
