//! Parses Python's pattern syntax. Also accepts `(?<name>…)`, `\k<name>`, `\p{…}`, `\P{…}` and `\z` from
//! other dialects: Python refuses them, and they have only one meaning.

mod escape;
mod flags;
mod group;
mod set;
mod tokens;

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use self::flags::Flags;
use self::group::Groups;
use self::tokens::{Token, Tokens};
use crate::characters::{self, Cases};
use crate::error::{PatternError, SyntaxError};
use crate::limits::MAX_GROUP_DEPTH;
use crate::syntax::{Assertion, Case, Mode, Node, Repetition, Syntax};

pub(super) fn parse(pattern: &str) -> Result<Syntax, PatternError> {
    let mut parser = Parser {
        tokens: Tokens::new(pattern)?,
        groups: Groups::default(),
        sets: Vec::new(),
        ascii_cases: None,
        unicode_cases: None,
        pattern_flags: String::new(),
        depth: 0,
    };
    let root = parser.whole_pattern()?;
    let referenced = parser.groups.referenced()?;
    Ok(Syntax { root, sets: parser.sets, referenced })
}

struct Parser {
    tokens: Tokens,
    groups: Groups,
    sets: Vec<ClassUnicode>,
    /// Made at the first use.
    ascii_cases: Option<Cases>,
    /// Made at the first use.
    unicode_cases: Option<Cases>,
    /// The letters of all flags that are on for the whole pattern.
    pattern_flags: String,
    /// Number of groups around the current position.
    depth: usize,
}

/// Kind of the item before a quantifier.
#[derive(Clone, Copy)]
enum Previous {
    Nothing,
    Assertion,
    Repetition,
    Item,
}

/// How often a quantifier repeats. A maximum of `None` means unlimited.
struct Times {
    min: u32,
    max: Option<u32>,
}

impl Parser {
    fn whole_pattern(&mut self) -> Result<Node, PatternError> {
        let mut flags = Flags::default();
        let mut items = vec![self.sequence(&mut flags, true)?];
        while self.tokens.eat('|') {
            items.push(self.sequence(&mut flags, false)?);
        }
        match self.tokens.peek() {
            Some(token) => Err(token.error(SyntaxError::UnopenedGroup)),
            None => Ok(alternation(items)),
        }
    }

    /// Reads the alternatives inside a group.
    fn alternatives(&mut self, flags: Flags) -> Result<Node, PatternError> {
        let mut items = Vec::new();
        loop {
            items.push(self.branch(flags)?);
            if !self.tokens.eat('|') {
                return Ok(alternation(items));
            }
        }
    }

    /// Reads one alternative inside a group.
    fn branch(&mut self, mut flags: Flags) -> Result<Node, PatternError> {
        if self.depth == MAX_GROUP_DEPTH {
            return Err(self.tokens.error(SyntaxError::GroupsTooDeep));
        }
        self.depth += 1;
        let node = self.sequence(&mut flags, false)?;
        self.depth -= 1;
        Ok(node)
    }

    /// Reads one alternative. If it begins the pattern, it may set flags for the whole pattern.
    fn sequence(&mut self, flags: &mut Flags, begins_pattern: bool) -> Result<Node, PatternError> {
        let mut items = Vec::new();
        let mut previous = Previous::Nothing;
        let mut groups_before = 0;
        while let Some(token) = self.tokens.peek()
            && !token.is('|')
            && !token.is(')')
        {
            self.tokens.next();
            if flags.verbose && self.skip_ignored(token) {
                continue;
            }
            if let Some(times) = self.quantifier(token)? {
                let body = match previous {
                    Previous::Item => items.pop(),
                    Previous::Repetition => return Err(token.error(SyntaxError::MultipleQuantifiers)),
                    Previous::Nothing | Previous::Assertion => None,
                };
                let body = body.ok_or_else(|| token.error(SyntaxError::NothingToRepeat))?;
                let mode = self.mode();
                if mode == Mode::Possessive {
                    self.groups.repeat_possessively(groups_before, token);
                }
                let Times { min, max } = times;
                items.push(Node::Repetition(Box::new(Repetition { body, min, max, mode })));
                previous = Previous::Repetition;
                continue;
            }
            groups_before = self.groups.count();
            if token.is('(') {
                if let Some(node) = self.group(token, flags, begins_pattern && items.is_empty())? {
                    items.push(node);
                    // A group can be repeated even if it contains only an assertion.
                    previous = Previous::Item;
                }
            } else {
                let node = self.item(token, *flags)?;
                let is_assertion = matches!(node, Node::Assertion(_));
                previous = if is_assertion { Previous::Assertion } else { Previous::Item };
                items.push(node);
            }
        }
        Ok(if items.len() == 1 { items.remove(0) } else { Node::Concatenation(items) })
    }

    /// Reads an item that is neither a group nor a quantifier.
    fn item(&mut self, token: Token, flags: Flags) -> Result<Node, PatternError> {
        let node = match token.plain() {
            None => return self.escape(token, flags),
            Some('[') => return self.set(token, flags),
            Some('.') => self.any_of(characters::any(flags.dot_all)),
            Some('^') if flags.multi_line => Node::Assertion(Assertion::LineStart),
            Some('^') => Node::Assertion(Assertion::TextStart),
            Some('$') if flags.multi_line => Node::Assertion(Assertion::LineEnd),
            Some('$') => Node::Assertion(Assertion::LastLineEnd),
            Some(character) => self.literal(character, flags),
        };
        Ok(node)
    }

    /// Returns whether verbose mode ignores the token. If it begins a comment, skips the comment.
    fn skip_ignored(&mut self, token: Token) -> bool {
        match token.plain() {
            Some(' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') => true,
            Some('#') => {
                self.tokens.eat_until('\n');
                true
            }
            _ => false,
        }
    }

    /// Reads a quantifier if the token begins one. A brace that does not is an ordinary character.
    fn quantifier(&mut self, token: Token) -> Result<Option<Times>, PatternError> {
        match token.plain() {
            Some('?') => return Ok(Some(Times { min: 0, max: Some(1) })),
            Some('*') => return Ok(Some(Times { min: 0, max: None })),
            Some('+') => return Ok(Some(Times { min: 1, max: None })),
            Some('{') => {}
            _ => return Ok(None),
        }
        let mark = self.tokens.mark();
        let is_digit = |c: char| c.is_ascii_digit();
        let min = self.tokens.eat_while(usize::MAX, is_digit);
        let max = self.tokens.eat(',').then(|| self.tokens.eat_while(usize::MAX, is_digit));
        if !self.tokens.eat('}') || (min.is_empty() && max.is_none()) {
            self.tokens.return_to(mark);
            return Ok(None);
        }
        // Python refuses the largest number, because it means "unlimited" there.
        let number = |digits: &str| match digits.parse() {
            Ok(u32::MAX) | Err(_) => Err(token.error(SyntaxError::TooManyRepetitions)),
            Ok(number) => Ok(number),
        };
        let min = if min.is_empty() { 0 } else { number(&min)? };
        let max = match max.as_deref() {
            None => Some(min),
            Some("") => None,
            Some(digits) => Some(number(digits)?),
        };
        if max.is_some_and(|max| max < min) {
            return Err(token.error(SyntaxError::MinimumAboveMaximum));
        }
        Ok(Some(Times { min, max }))
    }

    /// Reads the mode of a quantifier: nothing, `?` or `+` after it.
    fn mode(&mut self) -> Mode {
        if self.tokens.eat('?') {
            Mode::Lazy
        } else if self.tokens.eat('+') {
            Mode::Possessive
        } else {
            Mode::Greedy
        }
    }

    fn literal(&mut self, character: char, flags: Flags) -> Node {
        if flags.case() == Case::Exact {
            return Node::Char(character);
        }
        let mut set = ClassUnicode::new([ClassUnicodeRange::new(character, character)]);
        self.ignore_case(&mut set, flags);
        self.any_of(set)
    }

    /// If the flags ignore case, adds the other cases of the characters in the set.
    fn ignore_case(&mut self, set: &mut ClassUnicode, flags: Flags) {
        match flags.case() {
            Case::Exact => {}
            Case::IgnoreAscii => self.ascii_cases.get_or_insert_with(Cases::of_ascii).close(set),
            Case::Ignore => self.unicode_cases.get_or_insert_with(Cases::of_unicode).close(set),
        }
    }

    fn any_of(&mut self, set: ClassUnicode) -> Node {
        match characters::single(&set) {
            Some(character) => Node::Char(character),
            None => Node::Set(self.intern(set)),
        }
    }

    /// Returns the index of a set, which it adds if it is new.
    fn intern(&mut self, set: ClassUnicode) -> usize {
        self.sets.iter().position(|known| *known == set).unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        })
    }
}

fn alternation(mut items: Vec<Node>) -> Node {
    if items.len() == 1 { items.remove(0) } else { Node::Alternation(items) }
}
