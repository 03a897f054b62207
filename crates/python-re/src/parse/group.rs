//! Groups, in parentheses, and references to them.

use super::Parser;
use super::flags::{Flags, Scope};
use super::tokens::Token;
use crate::error::{PatternError, SyntaxError};
use crate::syntax::{Backreference, Condition, Look, Node, Width};

/// The capturing groups that the parser has seen.
#[derive(Default)]
pub(super) struct Groups {
    /// The first entry is group 1.
    all: Vec<Group>,
    /// Inside a look-behind: the number of groups before the outermost one.
    before_look_behind: Option<usize>,
    /// The conditions of the pattern. Their groups may come later.
    conditions: Vec<ConditionReference>,
}

/// The group that a condition tests, and the position of the condition.
struct ConditionReference {
    group: usize,
    token: Token,
}

struct Group {
    name: Option<String>,
    /// `None` until the group is closed.
    width: Option<Width>,
    referenced: bool,
    /// The possessive quantifier that repeats the group or something around it.
    possessive: Option<Token>,
}

impl Groups {
    fn open(&mut self, name: Option<String>) -> usize {
        self.all.push(Group { name, width: None, referenced: false, possessive: None });
        self.all.len()
    }

    fn close(&mut self, number: usize, width: Width) {
        if let Some(group) = self.get(number) {
            group.width = Some(width);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// Marks the groups after the first `before` as repeated by a possessive quantifier.
    pub(super) fn repeat_possessively(&mut self, before: usize, quantifier: Token) {
        for group in self.all.iter_mut().skip(before) {
            group.possessive = Some(quantifier);
        }
    }

    fn get(&mut self, number: usize) -> Option<&mut Group> {
        self.all.get_mut(number.checked_sub(1)?)
    }

    fn named(&self, name: &str) -> Option<usize> {
        let index = self.all.iter().position(|group| group.name.as_deref() == Some(name))?;
        Some(index + 1)
    }

    /// Refuses references in a look-behind to groups inside it or after it. The width of a look-behind must
    /// be known.
    fn check_look_behind(&self, number: usize, token: Token) -> Result<(), PatternError> {
        match self.before_look_behind {
            Some(before) if number > before => Err(token.error(SyntaxError::ReferenceInsideLookBehind)),
            _ => Ok(()),
        }
    }

    /// Returns, by group number from 0, whether a back-reference or a condition uses the group.
    pub(super) fn referenced(mut self) -> Result<Vec<bool>, PatternError> {
        for ConditionReference { group, token } in std::mem::take(&mut self.conditions) {
            self.get(group).ok_or_else(|| unknown(token, &group))?.referenced = true;
        }
        // CPython does not always restore such groups when it backtracks, so their content is not defined.
        let undefined = self.all.iter().filter(|group| group.referenced).find_map(|group| group.possessive);
        if let Some(quantifier) = undefined {
            return Err(quantifier.error(SyntaxError::PossessiveReferencedGroup));
        }
        Ok([false].into_iter().chain(self.all.iter().map(|group| group.referenced)).collect())
    }
}

fn unknown(token: Token, group: &impl ToString) -> PatternError {
    token.error(SyntaxError::UnknownGroup(group.to_string()))
}

impl Parser {
    /// Reads a group after its opening parenthesis. Returns `None` for a comment and for flags of the whole
    /// pattern.
    pub(super) fn group(
        &mut self,
        open: Token,
        flags: &mut Flags,
        begins_pattern: bool,
    ) -> Result<Option<Node>, PatternError> {
        if !self.tokens.eat('?') {
            return self.capture(open, None, *flags).map(Some);
        }
        let kind = self.tokens.next().ok_or_else(|| open.error(SyntaxError::UnclosedGroup))?;
        let node = match kind.plain() {
            Some(':') => self.body(open, *flags)?,
            Some('>') => Node::Atomic(Box::new(self.body(open, *flags)?)),
            Some('=') => self.look(open, *flags, false, false)?,
            Some('!') => self.look(open, *flags, false, true)?,
            Some('<') if self.tokens.eat('=') => self.look(open, *flags, true, false)?,
            Some('<') if self.tokens.eat('!') => self.look(open, *flags, true, true)?,
            Some('<') => self.named_capture(open, *flags)?,
            Some('P') if self.tokens.eat('<') => self.named_capture(open, *flags)?,
            Some('P') if self.tokens.eat('=') => self.reference_by_name(open, ')', *flags)?,
            Some('(') => self.condition(open, *flags)?,
            Some('#') => {
                self.tokens.eat_until(')').ok_or_else(|| open.error(SyntaxError::UnclosedComment))?;
                return Ok(None);
            }
            Some('a' | 'i' | 'L' | 'm' | 's' | 'u' | 'x' | '-') => {
                let mut inner = *flags;
                match self.flags(kind, &mut inner)? {
                    Scope::Group => self.body(open, inner)?,
                    Scope::Pattern if begins_pattern => {
                        *flags = inner;
                        return Ok(None);
                    }
                    Scope::Pattern => return Err(open.error(SyntaxError::LateFlags)),
                }
            }
            _ => return Err(open.error(SyntaxError::UnknownGroupSyntax(kind.source()))),
        };
        Ok(Some(node))
    }

    /// Reads the rest of a group, including its closing parenthesis.
    fn body(&mut self, open: Token, flags: Flags) -> Result<Node, PatternError> {
        let node = self.alternatives(flags)?;
        self.close(open)?;
        Ok(node)
    }

    fn close(&mut self, open: Token) -> Result<(), PatternError> {
        if self.tokens.eat(')') { Ok(()) } else { Err(open.error(SyntaxError::UnclosedGroup)) }
    }

    fn capture(&mut self, open: Token, name: Option<String>, flags: Flags) -> Result<Node, PatternError> {
        let group = self.groups.open(name);
        let body = self.body(open, flags)?;
        self.groups.close(group, body.width());
        Ok(Node::Capture { group, body: Box::new(body) })
    }

    fn named_capture(&mut self, open: Token, flags: Flags) -> Result<Node, PatternError> {
        let name = self.name(open, '>')?;
        if self.groups.named(&name).is_some() {
            return Err(open.error(SyntaxError::DuplicateName(name)));
        }
        self.capture(open, Some(name), flags)
    }

    fn look(&mut self, open: Token, flags: Flags, behind: bool, negated: bool) -> Result<Node, PatternError> {
        let is_outermost = behind && self.groups.before_look_behind.is_none();
        if is_outermost {
            self.groups.before_look_behind = Some(self.groups.count());
        }
        let body = self.body(open, flags)?;
        if is_outermost {
            self.groups.before_look_behind = None;
        }
        let behind = if behind {
            Some(body.width().fixed().ok_or_else(|| open.error(SyntaxError::VariableLookBehind))?)
        } else {
            None
        };
        Ok(Node::Look(Box::new(Look { body, behind, negated })))
    }

    /// Reads a condition after `(?(`.
    fn condition(&mut self, open: Token, flags: Flags) -> Result<Node, PatternError> {
        let name = self.tokens.eat_until(')').ok_or_else(|| open.error(SyntaxError::UnclosedName(')')))?;
        let group = if !name.is_empty() && name.chars().all(|c| c.is_ascii_digit()) {
            name.parse().ok().filter(|&number| number > 0)
        } else {
            self.groups.named(&name)
        }
        .ok_or_else(|| unknown(open, &name))?;
        self.groups.check_look_behind(group, open)?;
        if self.groups.get(group).is_some_and(|group| group.width.is_none()) {
            return Err(open.error(SyntaxError::ConditionInsideItsGroup));
        }
        self.groups.conditions.push(ConditionReference { group, token: open });
        let then = self.branch(flags)?;
        let otherwise = if self.tokens.eat('|') { self.branch(flags)? } else { Node::Empty };
        if self.tokens.eat('|') {
            return Err(open.error(SyntaxError::TooManyBranches));
        }
        self.close(open)?;
        Ok(Node::Condition(Box::new(Condition { group, then, otherwise })))
    }

    /// Reads a name and its terminator, and returns a reference to the group of this name.
    pub(super) fn reference_by_name(
        &mut self,
        open: Token,
        terminator: char,
        flags: Flags,
    ) -> Result<Node, PatternError> {
        let name = self.name(open, terminator)?;
        let group = self.groups.named(&name).ok_or_else(|| unknown(open, &name))?;
        self.reference(open, group, flags)
    }

    pub(super) fn reference(
        &mut self,
        token: Token,
        number: usize,
        flags: Flags,
    ) -> Result<Node, PatternError> {
        self.groups.check_look_behind(number, token)?;
        let group = self.groups.get(number).ok_or_else(|| unknown(token, &number))?;
        let width = group.width.ok_or_else(|| token.error(SyntaxError::ReferenceInsideItsGroup))?;
        group.referenced = true;
        Ok(Node::Backreference(Backreference { group: number, case: flags.case(), width }))
    }

    fn name(&mut self, open: Token, terminator: char) -> Result<String, PatternError> {
        let name = self
            .tokens
            .eat_until(terminator)
            .ok_or_else(|| open.error(SyntaxError::UnclosedName(terminator)))?;
        let is_allowed = |c: char| c == '_' || c.is_alphanumeric();
        let begins_well = name.starts_with(|c| is_allowed(c) && !c.is_numeric());
        if begins_well && name.chars().all(is_allowed) {
            Ok(name)
        } else {
            Err(open.error(SyntaxError::InvalidName(name)))
        }
    }
}
