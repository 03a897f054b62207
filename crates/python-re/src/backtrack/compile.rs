//! Compiles a syntax tree into a program. Its size grows with the length of the pattern, not with its
//! repetition counts.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::{CharSet, Instruction, Matcher, Program};
use crate::syntax::{Look, Mode, Node, Repetition, Syntax};

pub(super) fn compile(syntax: &Syntax) -> Program {
    let mut compiler =
        Compiler { referenced: &syntax.referenced, instructions: Vec::new(), loops: 0, regions: 0 };
    compiler.node(&syntax.root);
    Program {
        instructions: compiler.instructions,
        sets: syntax.sets.iter().map(CharSet::new).collect(),
        groups: syntax.referenced.len(),
        loops: compiler.loops,
        regions: compiler.regions,
        first: first(syntax),
    }
}

/// Returns the characters that a match can begin with. Returns `None` if the pattern can match the empty
/// string.
fn first(syntax: &Syntax) -> Option<CharSet> {
    let mut characters = ClassUnicode::empty();
    let can_be_empty = add_first(&syntax.root, &syntax.sets, &mut characters);
    (!can_be_empty).then(|| CharSet::new(&characters))
}

/// Adds the characters that a node can begin with. Returns whether the node can match the empty string.
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
        Node::Repetition(repetition) => add_first(&repetition.body, sets, to) || repetition.min == 0,
        Node::Capture { body, .. } | Node::Atomic(body) => add_first(body, sets, to),
        Node::Backreference(_) => {
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
    /// By group number: whether the search must remember what the group captures.
    referenced: &'s [bool],
    instructions: Vec<Instruction>,
    loops: usize,
    regions: usize,
}

impl Compiler<'_> {
    fn node(&mut self, node: &Node) {
        match node {
            Node::Empty => {}
            Node::Char(character) => self.add(Instruction::Char(Matcher::Char(*character))),
            Node::Set(set) => self.add(Instruction::Char(Matcher::Set(*set))),
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
            Node::Atomic(body) => self.region(|compiler| compiler.node(body)),
            Node::Look(look) => self.look(look),
            Node::Backreference(reference) => self.add(Instruction::Backreference(*reference)),
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
            let split = self.reserve();
            self.node(item);
            ends.push(self.reserve());
            self.fill(split, Instruction::Split(self.here()));
        }
        self.node(last);
        for end in ends {
            self.fill(end, Instruction::Jump(self.here()));
        }
    }

    fn repetition(&mut self, repetition: &Repetition) {
        let Repetition { body, min, max, mode } = repetition;
        let (min, max, mode) = (*min, max.unwrap_or(u32::MAX), *mode);
        if let Some(matcher) = self.single_char(body) {
            self.add(Instruction::Run { matcher, min, max, mode });
        } else if mode == Mode::Possessive {
            // As in Python, each round is a region of its own, inside the region of the whole repetition.
            self.region(|compiler| {
                compiler.repeat(min, max, false, |compiler| {
                    compiler.region(|compiler| compiler.node(body));
                });
            });
        } else {
            self.repeat(min, max, mode == Mode::Lazy, |compiler| compiler.node(body));
        }
    }

    fn repeat(&mut self, min: u32, max: u32, lazy: bool, body: impl FnOnce(&mut Self)) {
        let id = self.loops;
        self.loops += 1;
        self.add(Instruction::LoopStart(id));
        let test = self.reserve();
        self.add(Instruction::LoopOptional(id));
        body(self);
        self.add(Instruction::LoopEnd { id, test });
        self.fill(test, Instruction::LoopTest { id, min, max, lazy, exit: self.here() });
    }

    fn region(&mut self, body: impl FnOnce(&mut Self)) {
        let region = self.start_region();
        body(self);
        self.add(Instruction::RegionEnd(region));
    }

    fn look(&mut self, look: &Look) {
        let region = self.start_region();
        let split = look.negated.then(|| self.reserve());
        if let Some(width) = look.behind {
            self.add(Instruction::StepBack(usize::try_from(width).unwrap_or(usize::MAX)));
        }
        self.node(&look.body);
        if let Some(split) = split {
            self.add(Instruction::NegativeLookEnd(region));
            self.fill(split, Instruction::Split(self.here()));
        } else {
            self.add(Instruction::LookEnd(region));
        }
    }

    fn start_region(&mut self) -> usize {
        let region = self.regions;
        self.regions += 1;
        self.add(Instruction::RegionStart(region));
        region
    }

    /// Returns the test for a node that always consumes exactly one character.
    fn single_char(&self, node: &Node) -> Option<Matcher> {
        match node {
            Node::Char(character) => Some(Matcher::Char(*character)),
            Node::Set(set) => Some(Matcher::Set(*set)),
            Node::Capture { group, body } if !self.is_referenced(*group) => self.single_char(body),
            _ => None,
        }
    }

    fn is_referenced(&self, group: usize) -> bool {
        self.referenced.get(group).copied().unwrap_or(false)
    }

    /// Returns the index of the next instruction.
    fn here(&self) -> usize {
        self.instructions.len()
    }

    fn add(&mut self, instruction: Instruction) {
        self.instructions.push(instruction);
    }

    /// Adds a placeholder for an instruction that depends on later ones. Returns its index, for
    /// [`Self::fill`].
    fn reserve(&mut self) -> usize {
        self.add(Instruction::Jump(usize::MAX));
        self.here() - 1
    }

    fn fill(&mut self, index: usize, instruction: Instruction) {
        if let Some(reserved) = self.instructions.get_mut(index) {
            *reserved = instruction;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readme_shows_the_program_of_its_example() {
        let program = compile(&crate::parse::parse(r"(a|b)*\1").unwrap());
        let name = |text: String| text.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
        let names: Vec<_> = program.instructions.iter().map(|each| name(format!("{each:?}"))).collect();
        let listing =
            include_str!("../../README.md").split("```").find_map(|block| block.strip_prefix("text\n"));
        let shown: Vec<_> =
            listing.unwrap().lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert_eq!(names, shown);
    }
}
