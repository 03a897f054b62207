//! Runs a program. When an instruction fails, the search goes back to the last alternative that it has not
//! tried.

use super::state::{Cursor, Frame, Loop, State};
use super::{Instruction, Matcher, Program};
use crate::characters::lower;
use crate::error::LimitExceeded;
use crate::syntax::{Assertion, Backreference, Case, Mode};

pub(super) struct Search<'a> {
    program: &'a Program,
    text: &'a str,
    state: State,
}

impl<'a> Search<'a> {
    pub(super) fn new(program: &'a Program, text: &'a str) -> Self {
        Self { program, text, state: State::new(program) }
    }

    /// Returns whether the program matches anywhere in the text.
    pub(super) fn search(mut self) -> Result<bool, LimitExceeded> {
        if self.program.is_anchored() {
            return self.matches_at(0);
        }
        let mut next = Some(0);
        while let Some(start) = next.and_then(|from| self.next_start(from)) {
            if self.matches_at(start)? {
                return Ok(true);
            }
            next = self.char_after(start).map(|character| start + character.len_utf8());
        }
        Ok(false)
    }

    /// Returns the first position, at or after `from`, where a match can begin.
    fn next_start(&self, from: usize) -> Option<usize> {
        let Some(first) = &self.program.first else { return Some(from) };
        let (offset, _) = self.text.get(from..)?.char_indices().find(|&(_, c)| first.contains(c))?;
        Some(from + offset)
    }

    fn matches_at(&mut self, start: usize) -> Result<bool, LimitExceeded> {
        let program = self.program;
        let mut cursor = Cursor { instruction: 0, position: start };
        while let Some(instruction) = program.instructions.get(cursor.instruction) {
            self.state.charge(1)?;
            let next = match self.execute(instruction, cursor)? {
                Some(next) => Some(next),
                None => self.backtrack()?,
            };
            match next {
                Some(next) => cursor = next,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Executes one instruction. Returns where to continue, or `None` if the instruction fails.
    fn execute(
        &mut self,
        instruction: &Instruction,
        cursor: Cursor,
    ) -> Result<Option<Cursor>, LimitExceeded> {
        let position = cursor.position;
        let next = Cursor { instruction: cursor.instruction + 1, position };
        let jump = |instruction| Some(Cursor { instruction, position });
        let next_at = |position| Cursor { position, ..next };
        let next = match *instruction {
            Instruction::Char(matcher) => self.consume(matcher, position).map(next_at),
            Instruction::Run { matcher, min, max, mode } => return self.run(cursor, matcher, min, max, mode),
            Instruction::Assert(assertion) => self.holds(assertion, position).then_some(next),
            Instruction::Split(instruction) => {
                self.state.push(Frame::Resume(Cursor { instruction, position }))?;
                Some(next)
            }
            Instruction::Jump(instruction) => jump(instruction),
            Instruction::GroupStart(group) => {
                self.state.start_group(group, position)?;
                Some(next)
            }
            Instruction::GroupEnd(group) => {
                self.state.end_group(group, position)?;
                Some(next)
            }
            Instruction::Backreference(reference) => self.consume_captured(reference, position)?.map(next_at),
            Instruction::IfGroup { group, otherwise } => {
                if self.state.group(group).is_some() {
                    Some(next)
                } else {
                    jump(otherwise)
                }
            }
            Instruction::LoopStart(id) => {
                self.state.set_loop(id, Loop::default())?;
                Some(next)
            }
            Instruction::LoopTest { id, min, max, lazy, exit } => {
                let Loop { rounds, last_start } = self.state.loop_state(id);
                let exit = Cursor { instruction: exit, position };
                if rounds < min {
                    // Skips `LoopOptional`.
                    jump(next.instruction + 1)
                } else if rounds == max || last_start == Some(position) {
                    Some(exit)
                } else {
                    let (first, second) = if lazy { (exit, next) } else { (next, exit) };
                    self.state.push(Frame::Resume(second))?;
                    Some(first)
                }
            }
            Instruction::LoopOptional(id) => {
                let state = self.state.loop_state(id);
                self.state.set_loop(id, Loop { last_start: Some(position), ..state })?;
                Some(next)
            }
            Instruction::LoopEnd { id, test } => {
                let state = self.state.loop_state(id);
                self.state.set_loop(id, Loop { rounds: state.rounds.saturating_add(1), ..state })?;
                jump(test)
            }
            Instruction::RegionStart(id) => {
                self.state.start_region(id, position);
                Some(next)
            }
            Instruction::RegionEnd(id) => {
                self.state.end_region(id)?;
                Some(next)
            }
            Instruction::LookEnd(id) => Some(next_at(self.state.end_region(id)?)),
            Instruction::NegativeLookEnd(id) => {
                self.state.undo_region(id)?;
                None
            }
            Instruction::StepBack(characters) => {
                self.state.charge(characters.min(position))?;
                self.step_back(position, characters).map(next_at)
            }
        };
        Ok(next)
    }

    /// Pops frames until one of them offers an alternative. Returns where to continue, or `None` if nothing
    /// is left.
    fn backtrack(&mut self) -> Result<Option<Cursor>, LimitExceeded> {
        while let Some(frame) = self.state.pop()? {
            match frame {
                Frame::Resume(cursor) => return Ok(Some(cursor)),
                Frame::GiveBack { mut next, min_end } => {
                    next.position -= self.char_before(next.position).map_or(0, char::len_utf8);
                    if next.position > min_end {
                        self.state.push(Frame::GiveBack { next, min_end })?;
                    }
                    return Ok(Some(next));
                }
                Frame::TakeMore { run, more } => {
                    if let Some(Instruction::Run { matcher, .. }) =
                        self.program.instructions.get(run.instruction)
                        && let Some(position) = self.consume(*matcher, run.position)
                    {
                        if more > 1 {
                            let run = Cursor { position, ..run };
                            self.state.push(Frame::TakeMore { run, more: more - 1 })?;
                        }
                        return Ok(Some(Cursor { instruction: run.instruction + 1, position }));
                    }
                }
                Frame::RestoreSlot { .. } | Frame::RestoreLoop { .. } => {}
            }
        }
        Ok(None)
    }

    /// Executes `Instruction::Run`. Charges one step for each character that it consumes.
    fn run(
        &mut self,
        cursor: Cursor,
        matcher: Matcher,
        min: u32,
        max: u32,
        mode: Mode,
    ) -> Result<Option<Cursor>, LimitExceeded> {
        let wanted = if mode == Mode::Lazy { min } else { max };
        let mut position = cursor.position;
        let mut min_end = position;
        let mut consumed = 0;
        while consumed < wanted
            && let Some(after) = self.consume(matcher, position)
        {
            self.state.charge(1)?;
            position = after;
            consumed += 1;
            if consumed == min {
                min_end = position;
            }
        }
        if consumed < min {
            return Ok(None);
        }
        let next = Cursor { instruction: cursor.instruction + 1, position };
        match mode {
            Mode::Greedy if position > min_end => {
                self.state.push(Frame::GiveBack { next, min_end })?;
            }
            Mode::Lazy if max > min => {
                self.state.push(Frame::TakeMore { run: Cursor { position, ..cursor }, more: max - min })?;
            }
            _ => {}
        }
        Ok(Some(next))
    }

    /// Returns the position after the next character, if the character matches.
    fn consume(&self, matcher: Matcher, position: usize) -> Option<usize> {
        let character = self.char_after(position)?;
        let found = match matcher {
            Matcher::Char(expected) => expected == character,
            Matcher::Set(set) => self.is_in(set, character),
        };
        found.then(|| position + character.len_utf8())
    }

    /// Returns the position after the text that a group has captured, if that text comes next.
    fn consume_captured(
        &mut self,
        reference: Backreference,
        position: usize,
    ) -> Result<Option<usize>, LimitExceeded> {
        let captured = self.state.group(reference.group).and_then(|(start, end)| self.text.get(start..end));
        let Some(captured) = captured else { return Ok(None) };
        let rest = self.text.get(position..).unwrap_or_default();
        let fold: fn(char) -> char = match reference.case {
            Case::Exact => {
                // Comparing eight bytes takes less time than a step.
                self.state.charge(captured.len() / 8)?;
                return Ok(rest.starts_with(captured).then(|| position + captured.len()));
            }
            Case::IgnoreAscii => |character| character.to_ascii_lowercase(),
            Case::Ignore => lower,
        };
        self.state.charge(captured.len())?;
        let mut end = position;
        let mut rest = rest.chars();
        for expected in captured.chars() {
            match rest.next() {
                Some(character) if fold(character) == fold(expected) => end += character.len_utf8(),
                _ => return Ok(None),
            }
        }
        Ok(Some(end))
    }

    fn holds(&self, assertion: Assertion, position: usize) -> bool {
        let (before, after) = (self.char_before(position), self.char_after(position));
        match assertion {
            Assertion::TextStart => before.is_none(),
            Assertion::TextEnd => after.is_none(),
            Assertion::LastLineEnd => matches!(self.text.get(position..), Some("" | "\n")),
            Assertion::LineStart => matches!(before, None | Some('\n')),
            Assertion::LineEnd => matches!(after, None | Some('\n')),
            Assertion::WordBoundary { words, negated, .. } => {
                let is_word = |character: Option<char>| character.is_some_and(|c| self.is_in(words, c));
                (is_word(before) == is_word(after)) == negated
            }
        }
    }

    fn char_before(&self, position: usize) -> Option<char> {
        self.text.get(..position)?.chars().next_back()
    }

    fn char_after(&self, position: usize) -> Option<char> {
        self.text.get(position..)?.chars().next()
    }

    /// Returns the position that is a number of characters before another one.
    fn step_back(&self, position: usize, characters: usize) -> Option<usize> {
        let Some(index) = characters.checked_sub(1) else { return Some(position) };
        let (position, _) = self.text.get(..position)?.char_indices().rev().nth(index)?;
        Some(position)
    }

    fn is_in(&self, set: usize, character: char) -> bool {
        self.program.sets.get(set).is_some_and(|set| set.contains(character))
    }
}
