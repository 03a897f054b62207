//! What stands in parentheses, and what refers to it.

use super::Parser;
use super::flags::{Flags, Scope};
use super::tokens::Token;
use crate::PatternError;
use crate::syntax::{Condition, Look, Node, Reference, Width};

/// The groups that capture, so far.
#[derive(Default)]
pub(super) struct Groups {
    /// The first is number 1.
    all: Vec<Group>,
    /// Inside of a look-behind: how many groups there were where the outermost one began.
    before_look_behind: Option<usize>,
    /// The groups that conditions are about, by number, and where. They may come later in the pattern.
    conditions: Vec<(usize, Token)>,
}

struct Group {
    name: Option<String>,
    /// Known once it is closed.
    width: Option<Width>,
    referenced: bool,
    /// The quantifier, if it is in something that is repeated possessively.
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

    /// Says that all the groups after the first few are in something that is repeated possessively.
    pub(super) fn repeat_possessively(&mut self, first: usize, quantifier: Token) {
        for group in self.all.iter_mut().skip(first) {
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

    /// A look-behind must know how wide it is, so what it refers to must be over before it begins.
    fn check_look_behind(&self, number: usize, token: Token) -> Result<(), PatternError> {
        match self.before_look_behind {
            Some(before) if number > before => {
                Err(token.error("a reference, in a look-behind, to a group that is in it or comes later"))
            }
            _ => Ok(()),
        }
    }

    /// By number, from 0: whether the group is referred to.
    pub(super) fn referenced(mut self) -> Result<Vec<bool>, PatternError> {
        for (number, token) in std::mem::take(&mut self.conditions) {
            self.get(number).ok_or_else(|| unknown(token, number))?.referenced = true;
        }
        // CPython forgets to restore such groups when it tries another way, so that nobody can say what they hold.
        let lost = self.all.iter().filter(|group| group.referenced).find_map(|group| group.possessive);
        if let Some(quantifier) = lost {
            return Err(quantifier.error("a possessive quantifier of a group that is referred to"));
        }
        Ok([false].into_iter().chain(self.all.iter().map(|group| group.referenced)).collect())
    }
}

fn unknown(token: Token, group: impl std::fmt::Display) -> PatternError {
    token.error(format!("a reference to a group that does not exist: {group}"))
}

impl Parser {
    /// Reads a group, whose parenthesis has been read. `None` for a comment, and for flags for everything that follows.
    pub(super) fn group(
        &mut self,
        open: Token,
        flags: &mut Flags,
        begins_pattern: bool,
    ) -> Result<Option<Node>, PatternError> {
        if !self.tokens.eat('?') {
            return self.capture(open, None, *flags).map(Some);
        }
        let kind = self.extension(open)?;
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
                self.tokens.eat_until(')').ok_or_else(|| open.error("a comment without an end"))?;
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
                    Scope::Pattern => {
                        return Err(open.error("flags for the whole pattern that are not at its start"));
                    }
                }
            }
            _ => return Err(open.error(format!("an unknown kind of group: (?{}", kind.source()))),
        };
        Ok(Some(node))
    }

    fn extension(&mut self, open: Token) -> Result<Token, PatternError> {
        self.tokens.next().ok_or_else(|| open.error("a group without an end"))
    }

    /// What is in the parentheses, and the closing one.
    fn body(&mut self, open: Token, flags: Flags) -> Result<Node, PatternError> {
        let node = self.alternatives(flags)?;
        self.close(open)?;
        Ok(node)
    }

    fn close(&mut self, open: Token) -> Result<(), PatternError> {
        if self.tokens.eat(')') { Ok(()) } else { Err(open.error("a group without an end")) }
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
            return Err(open.error(format!("a second group with the name {name}")));
        }
        self.capture(open, Some(name), flags)
    }

    fn look(&mut self, open: Token, flags: Flags, behind: bool, negated: bool) -> Result<Node, PatternError> {
        let outermost = behind && self.groups.before_look_behind.is_none();
        if outermost {
            self.groups.before_look_behind = Some(self.groups.count());
        }
        let body = self.body(open, flags)?;
        if outermost {
            self.groups.before_look_behind = None;
        }
        let behind = if behind {
            let width =
                body.width().fixed().ok_or_else(|| open.error("a look-behind that is not of one width"))?;
            Some(width)
        } else {
            None
        };
        Ok(Node::Look(Box::new(Look { body, behind, negated })))
    }

    fn condition(&mut self, open: Token, flags: Flags) -> Result<Node, PatternError> {
        let name = self.tokens.eat_until(')').ok_or_else(|| open.error("a name without an end"))?;
        let group = if !name.is_empty() && name.chars().all(|c| c.is_ascii_digit()) {
            name.parse().ok().filter(|&number| number > 0)
        } else {
            self.groups.named(&name)
        }
        .ok_or_else(|| unknown(open, &name))?;
        self.groups.check_look_behind(group, open)?;
        if self.groups.get(group).is_some_and(|group| group.width.is_none()) {
            return Err(open.error("a condition about the group it is in"));
        }
        self.groups.conditions.push((group, open));
        let then = self.branch(flags)?;
        let otherwise = if self.tokens.eat('|') { self.branch(flags)? } else { Node::Empty };
        if self.tokens.eat('|') {
            return Err(open.error("a condition with more than two branches"));
        }
        self.close(open)?;
        Ok(Node::Condition(Box::new(Condition { group, then, otherwise })))
    }

    /// Reads a name up to and with its terminator, and refers to the group that has it.
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
        let group = self.groups.get(number).ok_or_else(|| unknown(token, number))?;
        let width = group.width.ok_or_else(|| token.error("a reference to the group it is in"))?;
        group.referenced = true;
        Ok(Node::Reference(Reference { group: number, case: flags.case(), width }))
    }

    fn name(&mut self, open: Token, terminator: char) -> Result<String, PatternError> {
        let name = self.tokens.eat_until(terminator).ok_or_else(|| open.error("a name without an end"))?;
        let is_part = |c: char| c == '_' || c.is_alphanumeric();
        let begins_well = name.starts_with(|c| is_part(c) && !c.is_numeric());
        if begins_well && name.chars().all(is_part) {
            Ok(name)
        } else {
            Err(open.error(format!("a name that is not of letters, digits and underscores: {name:?}")))
        }
    }
}
