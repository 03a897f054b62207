//! Search by backtracking, for patterns that the automaton does not support.
//!
//! A program tries one alternative after the other, as Python does. The number of alternatives can grow
//! exponentially with the length of the text, so every search has a limit of steps and a limit of memory. The
//! README of this crate explains the engine and proves that its cost is bounded.

mod compile;
mod search;
mod state;

use regex_syntax::hir::ClassUnicode;

use self::search::Search;
use crate::error::LimitExceeded;
use crate::syntax::{Assertion, Backreference, Mode, Syntax};

/// A compiled pattern. A search begins at the first instruction. It has found a match when it passes the last
/// one.
pub(super) struct Program {
    instructions: Vec<Instruction>,
    sets: Vec<CharSet>,
    /// Number of groups, including group 0.
    groups: usize,
    loops: usize,
    regions: usize,
    /// The characters that a match can begin with. `None` if the pattern matches the empty string.
    first: Option<CharSet>,
}

/// One instruction. Unless its documentation says otherwise, the search continues with the next instruction.
#[derive(Debug)]
enum Instruction {
    /// Consumes one character.
    Char(Matcher),
    /// Consumes `min` to `max` characters.
    Run {
        matcher: Matcher,
        min: u32,
        max: u32,
        mode: Mode,
    },
    Assert(Assertion),
    /// Continues with the next instruction. If that fails, continues with the other one.
    Split(usize),
    Jump(usize),
    GroupStart(usize),
    GroupEnd(usize),
    /// Consumes the text that a group has captured.
    Backreference(Backreference),
    /// Continues with the next instruction if a group has captured something, else with the other one.
    IfGroup {
        group: usize,
        otherwise: usize,
    },
    /// Resets the counter of a loop. The next instruction is its `LoopTest`.
    LoopStart(usize),
    /// Begins another round of the loop, or leaves it. The next instruction is its `LoopOptional`.
    LoopTest {
        id: usize,
        min: u32,
        max: u32,
        lazy: bool,
        exit: usize,
    },
    /// Begins a round beyond the minimum. The next instruction is the first one of the body.
    LoopOptional(usize),
    /// Ends a round: counts it and goes back to the test.
    LoopEnd {
        id: usize,
        test: usize,
    },
    /// Begins an atomic region: remembers the position and the height of the stack.
    RegionStart(usize),
    /// Ends an atomic region: drops the alternatives inside it.
    RegionEnd(usize),
    /// Ends a look-around: as `RegionEnd`, and returns to the position where the region began.
    LookEnd(usize),
    /// Ends the body of a negative look-around: undoes everything since the region began, then fails.
    NegativeLookEnd(usize),
    /// Goes back by a number of characters.
    StepBack(usize),
}

/// A test for one character.
#[derive(Clone, Copy, Debug)]
enum Matcher {
    Char(char),
    /// An index into `Program::sets`.
    Set(usize),
}

/// A set of characters.
struct CharSet {
    /// One bit for each character of ASCII.
    ascii: u128,
    /// Sorted ranges of all characters, without overlaps.
    ranges: Vec<(char, char)>,
}

impl Program {
    pub(super) fn new(syntax: &Syntax) -> Self {
        compile::compile(syntax)
    }

    pub(super) fn is_match(&self, text: &str) -> Result<bool, LimitExceeded> {
        Search::new(self, text).search()
    }

    /// Returns whether a match can begin only at the start of the text.
    fn is_anchored(&self) -> bool {
        matches!(self.instructions.first(), Some(Instruction::Assert(Assertion::TextStart)))
    }
}

impl CharSet {
    fn new(set: &ClassUnicode) -> Self {
        let ranges: Vec<_> = set.iter().map(|range| (range.start(), range.end())).collect();
        let ascii = (0..128u8)
            .filter(|&byte| contains(&ranges, byte.into()))
            .fold(0, |bits, byte| bits | 1u128 << byte);
        Self { ascii, ranges }
    }

    fn contains(&self, character: char) -> bool {
        if character.is_ascii() {
            self.ascii >> u32::from(character) & 1 == 1
        } else {
            contains(&self.ranges, character)
        }
    }
}

fn contains(ranges: &[(char, char)], character: char) -> bool {
    let index = ranges.partition_point(|&(_, end)| end < character);
    ranges.get(index).is_some_and(|&(start, _)| start <= character)
}
