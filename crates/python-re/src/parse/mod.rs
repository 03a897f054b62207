//! Reads Python's syntax of patterns, and of other dialects what Python refuses and has one meaning there: `(?<name>…)`,
//! `\k<name>`, `\p{…}`, `\P{…}` and `\z`.

mod escape;
mod flags;
mod group;
mod set;
mod tokens;

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use self::flags::Flags;
use self::group::Groups;
use self::tokens::{Token, Tokens};
use super::PatternError;
use super::characters::{self, Cases};
use super::syntax::{Assertion, Case, Mode, Node, Repetition, Syntax};

/// Groups within groups: every level is a few frames of the stack, here and wherever the tree is walked.
const DEEPEST: usize = 50;

/// Reads a pattern.
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
    let root = parser.whole()?;
    let referenced = parser.groups.referenced()?;
    Ok(Syntax { root, sets: parser.sets, referenced })
}

struct Parser {
    tokens: Tokens,
    groups: Groups,
    sets: Vec<ClassUnicode>,
    /// Made when they are first needed.
    ascii_cases: Option<Cases>,
    unicode_cases: Option<Cases>,
    /// The letters of all flags that were turned on for the whole pattern.
    pattern_flags: String,
    depth: usize,
}

/// What stands before a quantifier.
#[derive(Clone, Copy)]
enum Previous {
    Nothing,
    Assertion,
    Repetition,
    Item,
}

/// How often something is repeated; `None` is without end.
struct Times {
    least: u32,
    most: Option<u32>,
}

impl Parser {
    fn whole(&mut self) -> Result<Node, PatternError> {
        let mut flags = Flags::default();
        let mut items = vec![self.sequence(&mut flags, true)?];
        while self.tokens.eat('|') {
            items.push(self.sequence(&mut flags, false)?);
        }
        match self.tokens.peek() {
            Some(token) => Err(token.error("a closing parenthesis that nothing has opened")),
            None => Ok(alternation(items)),
        }
    }

    /// What stands between parentheses.
    fn alternatives(&mut self, flags: Flags) -> Result<Node, PatternError> {
        let mut items = Vec::new();
        loop {
            items.push(self.branch(flags)?);
            if !self.tokens.eat('|') {
                return Ok(alternation(items));
            }
        }
    }

    /// One of the alternatives between parentheses.
    fn branch(&mut self, mut flags: Flags) -> Result<Node, PatternError> {
        if self.depth == DEEPEST {
            return Err(self.tokens.error(format!("groups nested deeper than {DEEPEST}")));
        }
        self.depth += 1;
        let node = self.sequence(&mut flags, false)?;
        self.depth -= 1;
        Ok(node)
    }

    /// One alternative. Flags may be set for the whole pattern where it begins.
    fn sequence(&mut self, flags: &mut Flags, begins_pattern: bool) -> Result<Node, PatternError> {
        let mut items = Vec::new();
        let mut previous = Previous::Nothing;
        let mut groups_before = 0;
        while let Some(token) = self.tokens.peek()
            && !token.is('|')
            && !token.is(')')
        {
            self.tokens.next();
            if flags.verbose && self.is_commentary(token) {
                continue;
            }
            if let Some(times) = self.quantifier(token)? {
                let body = match previous {
                    Previous::Item => items.pop(),
                    Previous::Repetition => return Err(token.error("a quantifier of a quantifier")),
                    Previous::Nothing | Previous::Assertion => None,
                };
                let body = body.ok_or_else(|| token.error("a quantifier of nothing"))?;
                let mode = self.mode();
                if mode == Mode::Possessive {
                    self.groups.repeat_possessively(groups_before, token);
                }
                let Times { least, most } = times;
                items.push(Node::Repetition(Box::new(Repetition { body, least, most, mode })));
                previous = Previous::Repetition;
                continue;
            }
            groups_before = self.groups.count();
            if token.is('(') {
                if let Some(node) = self.group(token, flags, begins_pattern && items.is_empty())? {
                    items.push(node);
                    // Whatever it holds.
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

    /// What is neither a group nor a quantifier.
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

    /// Whether the token is ignored in verbose mode; goes past the rest of a comment.
    fn is_commentary(&mut self, token: Token) -> bool {
        match token.plain() {
            Some(' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') => true,
            Some('#') => {
                self.tokens.eat_until('\n');
                true
            }
            _ => false,
        }
    }

    /// How often, when the token begins a quantifier. A brace that does not is an ordinary character.
    fn quantifier(&mut self, token: Token) -> Result<Option<Times>, PatternError> {
        match token.plain() {
            Some('?') => return Ok(Some(Times { least: 0, most: Some(1) })),
            Some('*') => return Ok(Some(Times { least: 0, most: None })),
            Some('+') => return Ok(Some(Times { least: 1, most: None })),
            Some('{') => {}
            _ => return Ok(None),
        }
        let mark = self.tokens.mark();
        let is_digit = |c: char| c.is_ascii_digit();
        let least = self.tokens.eat_while(usize::MAX, is_digit);
        let most = self.tokens.eat(',').then(|| self.tokens.eat_while(usize::MAX, is_digit));
        if !self.tokens.eat('}') || (least.is_empty() && most.is_none()) {
            self.tokens.return_to(mark);
            return Ok(None);
        }
        // Python keeps the greatest number for "without end".
        let number = |digits: &str| match digits.parse() {
            Ok(u32::MAX) | Err(_) => Err(token.error("a number of repetitions that is too large")),
            Ok(number) => Ok(number),
        };
        let least = if least.is_empty() { 0 } else { number(&least)? };
        let most = match most.as_deref() {
            None => Some(least),
            Some("") => None,
            Some(digits) => Some(number(digits)?),
        };
        if most.is_some_and(|most| most < least) {
            return Err(token.error("a quantifier whose least is greater than its most"));
        }
        Ok(Some(Times { least, most }))
    }

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

    /// Adds to a set what the flags make equal to something in it.
    fn ignore_case(&mut self, set: &mut ClassUnicode, flags: Flags) {
        match flags.case() {
            Case::Exact => {}
            Case::IgnoreAscii => self.ascii_cases.get_or_insert_with(Cases::of_ascii).close(set),
            Case::Ignore => self.unicode_cases.get_or_insert_with(Cases::of_unicode).close(set),
        }
    }

    fn any_of(&mut self, set: ClassUnicode) -> Node {
        match characters::only(&set) {
            Some(character) => Node::Char(character),
            None => Node::Set(self.intern(set)),
        }
    }

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
