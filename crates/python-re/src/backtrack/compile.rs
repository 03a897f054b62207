//! From the tree of a pattern to instructions: as many as the pattern has parts, however often they are repeated.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::{Characters, Instruction, Program, Set};
use crate::syntax::{Look, Mode, Node, Repetition, Syntax};

pub(super) fn compile(syntax: &Syntax) -> Program {
    let mut compiler =
        Compiler { referenced: &syntax.referenced, instructions: Vec::new(), loops: 0, cuts: 0 };
    compiler.node(&syntax.root);
    Program {
        instructions: compiler.instructions,
        sets: syntax.sets.iter().map(Set::new).collect(),
        groups: syntax.referenced.len(),
        loops: compiler.loops,
        cuts: compiler.cuts,
        first: first(syntax),
    }
}

/// The characters that a match can begin with. `None` when it can be empty.
fn first(syntax: &Syntax) -> Option<Set> {
    let mut characters = ClassUnicode::empty();
    let can_be_empty = add_first(&syntax.root, &syntax.sets, &mut characters);
    (!can_be_empty).then(|| Set::new(&characters))
}

/// Adds the characters that a node can begin with, and says whether it can be empty.
fn add_first(node: &Node, sets: &[ClassUnicode], to: &mut ClassUnicode) -> bool {
    match node {
        Node::Empty | Node::Assertion(_) | Node::Look(_) => true,
        Node::Char(character) => {
            to.push(ClassUnicodeRange::new(*character, *character));
            false
        }
        Node::Set(set) => {
            sets.get(*set).into_iter().for_each(|set| to.union(set));
            false
        }
        Node::Concatenation(items) => items.iter().all(|item| add_first(item, sets, to)),
        Node::Alternation(items) => {
            let mut can_be_empty = false;
            for item in items {
                can_be_empty |= add_first(item, sets, to);
            }
            can_be_empty
        }
        Node::Repetition(repetition) => add_first(&repetition.body, sets, to) || repetition.least == 0,
        Node::Capture { body, .. } | Node::Atomic(body) => add_first(body, sets, to),
        Node::Reference(_) => {
            to.push(ClassUnicodeRange::new('\0', char::MAX));
            true
        }
        Node::Condition(condition) => {
            let then = add_first(&condition.then, sets, to);
            add_first(&condition.otherwise, sets, to) || then
        }
    }
}

struct Compiler<'s> {
    /// By number: whether it must be known what the group has captured.
    referenced: &'s [bool],
    instructions: Vec<Instruction>,
    loops: usize,
    cuts: usize,
}

impl Compiler<'_> {
    fn node(&mut self, node: &Node) {
        match node {
            Node::Empty => {}
            Node::Char(character) => self.add(Instruction::One(Characters::Only(*character))),
            Node::Set(set) => self.add(Instruction::One(Characters::In(*set))),
            Node::Assertion(assertion) => self.add(Instruction::Assert(*assertion)),
            Node::Concatenation(items) => items.iter().for_each(|item| self.node(item)),
            Node::Alternation(items) => self.alternation(items),
            Node::Repetition(repetition) => self.repetition(repetition),
            Node::Capture { group, body } if self.is_referenced(*group) => {
                self.add(Instruction::GroupStart(*group));
                self.node(body);
                self.add(Instruction::GroupEnd(*group));
            }
            Node::Capture { body, .. } => self.node(body),
            Node::Atomic(body) => self.atomic(|compiler| compiler.node(body)),
            Node::Look(look) => self.look(look),
            Node::Reference(reference) => self.add(Instruction::Reference(*reference)),
            Node::Condition(condition) => {
                let test = self.reserve();
                self.node(&condition.then);
                let end = self.reserve();
                self.fill(test, Instruction::IfGroup { group: condition.group, otherwise: self.here() });
                self.node(&condition.otherwise);
                self.fill(end, Instruction::Jump(self.here()));
            }
        }
    }

    fn alternation(&mut self, items: &[Node]) {
        let Some((last, others)) = items.split_last() else { return };
        let mut ends = Vec::new();
        for item in others {
            let choice = self.reserve();
            self.node(item);
            ends.push(self.reserve());
            self.fill(choice, Instruction::OrElse(self.here()));
        }
        self.node(last);
        for end in ends {
            self.fill(end, Instruction::Jump(self.here()));
        }
    }

    fn repetition(&mut self, repetition: &Repetition) {
        let Repetition { body, least, most, mode } = repetition;
        let (least, most, mode) = (*least, most.unwrap_or(u32::MAX), *mode);
        if let Some(of) = self.one(body) {
            self.add(Instruction::Run { of, least, most, mode });
        } else if mode == Mode::Possessive {
            // Python keeps the first way through each round, not only the first through all of them.
            self.atomic(|compiler| {
                compiler
                    .repeat(least, most, false, |compiler| compiler.atomic(|compiler| compiler.node(body)));
            });
        } else {
            self.repeat(least, most, mode == Mode::Lazy, |compiler| compiler.node(body));
        }
    }

    fn repeat(&mut self, least: u32, most: u32, lazy: bool, body: impl FnOnce(&mut Self)) {
        let id = self.loops;
        self.loops += 1;
        self.add(Instruction::LoopStart(id));
        let test = self.reserve();
        self.add(Instruction::LoopEnter(id));
        body(self);
        self.add(Instruction::LoopAgain { id, test });
        self.fill(test, Instruction::LoopTest { id, least, most, lazy, beyond: self.here() });
    }

    fn atomic(&mut self, body: impl FnOnce(&mut Self)) {
        let cut = self.cut();
        body(self);
        self.add(Instruction::Cut(cut));
    }

    fn look(&mut self, look: &Look) {
        let cut = self.cut();
        let choice = look.negated.then(|| self.reserve());
        if let Some(width) = look.behind {
            self.add(Instruction::Back(usize::try_from(width).unwrap_or(usize::MAX)));
        }
        self.node(&look.body);
        if let Some(choice) = choice {
            self.add(Instruction::CutAndFail(cut));
            self.fill(choice, Instruction::OrElse(self.here()));
        } else {
            self.add(Instruction::CutAndReturn(cut));
        }
    }

    fn cut(&mut self) -> usize {
        let cut = self.cuts;
        self.cuts += 1;
        self.add(Instruction::CutStart(cut));
        cut
    }

    /// The characters of which the node is always exactly one.
    fn one(&self, node: &Node) -> Option<Characters> {
        match node {
            Node::Char(character) => Some(Characters::Only(*character)),
            Node::Set(set) => Some(Characters::In(*set)),
            Node::Capture { group, body } if !self.is_referenced(*group) => self.one(body),
            _ => None,
        }
    }

    fn is_referenced(&self, group: usize) -> bool {
        self.referenced.get(group).copied().unwrap_or(false)
    }

    fn here(&self) -> usize {
        self.instructions.len()
    }

    fn add(&mut self, instruction: Instruction) {
        self.instructions.push(instruction);
    }

    /// Leaves room for an instruction that depends on what comes after it.
    fn reserve(&mut self) -> usize {
        self.add(Instruction::Jump(usize::MAX));
        self.here() - 1
    }

    fn fill(&mut self, place: usize, instruction: Instruction) {
        if let Some(reserved) = self.instructions.get_mut(place) {
            *reserved = instruction;
        }
    }
}
