//! Searches by trying one way after the other, as Python does: for what no automaton can decide. Every search has a number
//! of steps it may take, because the number of ways can grow exponentially with the text.

mod compile;
mod search;
mod trail;

use regex_syntax::hir::ClassUnicode;

use self::search::Search;
use super::GaveUp;
use super::syntax::{Assertion, Mode, Reference, Syntax};

/// A compiled pattern: instructions, of which the first is where a search begins; going past the last is a match.
pub(super) struct Program {
    instructions: Vec<Instruction>,
    sets: Vec<Set>,
    /// How many of each there are, group 0 included.
    groups: usize,
    loops: usize,
    cuts: usize,
    /// The characters that a match can begin with. `None` when it can be empty.
    first: Option<Set>,
}

enum Instruction {
    /// Takes a character.
    One(Characters),
    /// Takes many characters, one after the other.
    Run {
        of: Characters,
        least: u32,
        most: u32,
        mode: Mode,
    },
    Assert(Assertion),
    /// Goes on with the next instruction, and if that leads nowhere with another.
    OrElse(usize),
    Jump(usize),
    GroupStart(usize),
    GroupEnd(usize),
    /// Takes what a group has captured.
    Reference(Reference),
    /// Goes on with the next instruction if a group has captured something, else with another.
    IfGroup {
        group: usize,
        otherwise: usize,
    },
    /// Begins to count. The next instruction is the loop's `LoopTest`.
    LoopStart(usize),
    /// Goes through the body again, or beyond the loop. The next instruction is the loop's `LoopEnter`.
    LoopTest {
        id: usize,
        least: u32,
        most: u32,
        lazy: bool,
        beyond: usize,
    },
    /// Goes through the body although it need not. The next instruction is the first of the body.
    LoopEnter(usize),
    /// The end of the body.
    LoopAgain {
        id: usize,
        test: usize,
    },
    /// Remembers the position, and which ways there are.
    CutStart(usize),
    /// Forgets the ways that were found since the start.
    Cut(usize),
    /// As `Cut`, and returns to the position of the start.
    CutAndReturn(usize),
    /// Undoes everything since the start, and fails.
    CutAndFail(usize),
    /// Goes back by so many characters.
    Back(usize),
}

#[derive(Clone, Copy)]
enum Characters {
    Only(char),
    /// Of `Program::sets`.
    In(usize),
}

/// Some characters.
struct Set {
    /// A bit for each character of ASCII.
    ascii: u128,
    ranges: Vec<(char, char)>,
}

impl Program {
    pub(super) fn new(syntax: &Syntax) -> Self {
        compile::compile(syntax)
    }

    pub(super) fn is_match(&self, text: &str) -> Result<bool, GaveUp> {
        Search::new(self, text).anywhere()
    }

    /// Whether a match can only begin where the text does.
    fn is_anchored(&self) -> bool {
        matches!(self.instructions.first(), Some(Instruction::Assert(Assertion::TextStart)))
    }
}

impl Set {
    fn new(set: &ClassUnicode) -> Self {
        let ranges: Vec<_> = set.iter().map(|range| (range.start(), range.end())).collect();
        let ascii = (0..128u8)
            .filter(|&byte| within(&ranges, byte.into()))
            .fold(0, |bits, byte| bits | 1u128 << byte);
        Self { ascii, ranges }
    }

    fn contains(&self, character: char) -> bool {
        if character.is_ascii() {
            self.ascii >> u32::from(character) & 1 == 1
        } else {
            within(&self.ranges, character)
        }
    }
}

fn within(ranges: &[(char, char)], character: char) -> bool {
    let index = ranges.partition_point(|&(_, end)| end < character);
    ranges.get(index).is_some_and(|&(start, _)| start <= character)
}
