//! One search: follows the instructions, and goes back to the last way not tried when they lead nowhere.

use super::trail::{Frame, Loop, Place, Trail};
use super::{Characters, Instruction, Program};
use crate::GaveUp;
use crate::characters::lower;
use crate::syntax::{Assertion, Case, Mode, Reference};

pub(super) struct Search<'a> {
    program: &'a Program,
    text: &'a str,
    trail: Trail,
}

impl<'a> Search<'a> {
    pub(super) fn new(program: &'a Program, text: &'a str) -> Self {
        Self { program, text, trail: Trail::new(program) }
    }

    /// Whether there is a match that begins anywhere.
    pub(super) fn anywhere(mut self) -> Result<bool, GaveUp> {
        if self.program.is_anchored() {
            return self.at(0);
        }
        let mut next = Some(0);
        while let Some(start) = next.and_then(|from| self.candidate(from)) {
            if self.at(start)? {
                return Ok(true);
            }
            next = self.after(start).map(|character| start + character.len_utf8());
        }
        Ok(false)
    }

    /// The first position, from one on, where a match can begin.
    fn candidate(&self, from: usize) -> Option<usize> {
        let Some(first) = &self.program.first else { return Some(from) };
        let (offset, _) = self.text.get(from..)?.char_indices().find(|&(_, c)| first.contains(c))?;
        Some(from + offset)
    }

    fn at(&mut self, start: usize) -> Result<bool, GaveUp> {
        let program = self.program;
        let mut place = Place { instruction: 0, position: start };
        while let Some(instruction) = program.instructions.get(place.instruction) {
            self.trail.spend(1)?;
            let next = match self.follow(instruction, place)? {
                Some(next) => Some(next),
                None => self.another_way()?,
            };
            match next {
                Some(next) => place = next,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Follows one instruction. `None`: it leads nowhere.
    fn follow(&mut self, instruction: &Instruction, place: Place) -> Result<Option<Place>, GaveUp> {
        let position = place.position;
        let next = Place { instruction: place.instruction + 1, position };
        let to = |instruction| Some(Place { instruction, position });
        let behind = |position| Place { position, ..next };
        let next = match *instruction {
            Instruction::One(characters) => self.take(characters, position).map(behind),
            Instruction::Run { of, least, most, mode } => return self.run(place, of, least, most, mode),
            Instruction::Assert(assertion) => self.holds(assertion, position).then_some(next),
            Instruction::OrElse(instruction) => {
                self.trail.push(Frame::Way(Place { instruction, position }))?;
                Some(next)
            }
            Instruction::Jump(instruction) => to(instruction),
            Instruction::GroupStart(group) => {
                self.trail.start_group(group, position)?;
                Some(next)
            }
            Instruction::GroupEnd(group) => {
                self.trail.end_group(group, position)?;
                Some(next)
            }
            Instruction::Reference(reference) => self.repeat(reference, position)?.map(behind),
            Instruction::IfGroup { group, otherwise } => {
                if self.trail.group(group).is_some() {
                    Some(next)
                } else {
                    to(otherwise)
                }
            }
            Instruction::LoopStart(id) => {
                self.trail.set_loop(id, Loop::default())?;
                Some(next)
            }
            Instruction::LoopTest { id, least, most, lazy, beyond } => {
                let Loop { rounds, entered } = self.trail.loop_state(id);
                let beyond = Place { instruction: beyond, position };
                if rounds < least {
                    // A round that is necessary does not count as one that was entered.
                    to(next.instruction + 1)
                } else if rounds == most || entered == Some(position) {
                    Some(beyond)
                } else {
                    let (first, second) = if lazy { (beyond, next) } else { (next, beyond) };
                    self.trail.push(Frame::Way(second))?;
                    Some(first)
                }
            }
            Instruction::LoopEnter(id) => {
                let state = self.trail.loop_state(id);
                self.trail.set_loop(id, Loop { entered: Some(position), ..state })?;
                Some(next)
            }
            Instruction::LoopAgain { id, test } => {
                let state = self.trail.loop_state(id);
                self.trail.set_loop(id, Loop { rounds: state.rounds.saturating_add(1), ..state })?;
                to(test)
            }
            Instruction::CutStart(id) => {
                self.trail.start_cut(id, position);
                Some(next)
            }
            Instruction::Cut(id) => {
                self.trail.cut(id)?;
                Some(next)
            }
            Instruction::CutAndReturn(id) => Some(behind(self.trail.cut(id)?)),
            Instruction::CutAndFail(id) => {
                self.trail.undo(id)?;
                None
            }
            Instruction::Back(characters) => {
                self.trail.spend(characters.min(position))?;
                self.back(position, characters).map(behind)
            }
        };
        Ok(next)
    }

    /// Goes back to the last way that was not tried.
    fn another_way(&mut self) -> Result<Option<Place>, GaveUp> {
        while let Some(frame) = self.trail.pop()? {
            match frame {
                Frame::Way(place) => return Ok(Some(place)),
                Frame::Shorter { mut place, least } => {
                    place.position -= self.before(place.position).map_or(0, char::len_utf8);
                    if place.position > least {
                        self.trail.push(Frame::Shorter { place, least })?;
                    }
                    return Ok(Some(place));
                }
                Frame::Longer { place, more } => {
                    if let Some(Instruction::Run { of, .. }) =
                        self.program.instructions.get(place.instruction)
                        && let Some(position) = self.take(*of, place.position)
                    {
                        if more > 1 {
                            let place = Place { position, ..place };
                            self.trail.push(Frame::Longer { place, more: more - 1 })?;
                        }
                        return Ok(Some(Place { instruction: place.instruction + 1, position }));
                    }
                }
                Frame::Slot { .. } | Frame::Loop { .. } => {}
            }
        }
        Ok(None)
    }

    fn run(
        &mut self,
        place: Place,
        of: Characters,
        least: u32,
        most: u32,
        mode: Mode,
    ) -> Result<Option<Place>, GaveUp> {
        let wanted = if mode == Mode::Lazy { least } else { most };
        let mut position = place.position;
        let mut shortest = position;
        let mut taken = 0;
        while taken < wanted
            && let Some(behind) = self.take(of, position)
        {
            self.trail.spend(1)?;
            position = behind;
            taken += 1;
            if taken == least {
                shortest = position;
            }
        }
        if taken < least {
            return Ok(None);
        }
        let next = Place { instruction: place.instruction + 1, position };
        match mode {
            Mode::Greedy if position > shortest => {
                self.trail.push(Frame::Shorter { place: next, least: shortest })?;
            }
            Mode::Lazy if most > least => {
                self.trail.push(Frame::Longer { place: Place { position, ..place }, more: most - least })?;
            }
            _ => {}
        }
        Ok(Some(next))
    }

    /// The position behind a character, if it is one of these.
    fn take(&self, characters: Characters, position: usize) -> Option<usize> {
        let character = self.after(position)?;
        let found = match characters {
            Characters::Only(only) => only == character,
            Characters::In(set) => self.is_in(set, character),
        };
        found.then(|| position + character.len_utf8())
    }

    /// The position behind a repetition of what the group has captured.
    fn repeat(&mut self, reference: Reference, position: usize) -> Result<Option<usize>, GaveUp> {
        let captured = self.trail.group(reference.group).and_then(|(start, end)| self.text.get(start..end));
        let Some(captured) = captured else { return Ok(None) };
        let rest = self.text.get(position..).unwrap_or_default();
        let fold: fn(char) -> char = match reference.case {
            Case::Exact => {
                self.trail.spend(captured.len() / 8)?;
                return Ok(rest.starts_with(captured).then(|| position + captured.len()));
            }
            Case::IgnoreAscii => |character| character.to_ascii_lowercase(),
            Case::Ignore => lower,
        };
        self.trail.spend(captured.len())?;
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
        let (before, after) = (self.before(position), self.after(position));
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

    fn before(&self, position: usize) -> Option<char> {
        self.text.get(..position)?.chars().next_back()
    }

    fn after(&self, position: usize) -> Option<char> {
        self.text.get(position..)?.chars().next()
    }

    /// The position so many characters before another.
    fn back(&self, position: usize, characters: usize) -> Option<usize> {
        let Some(index) = characters.checked_sub(1) else { return Some(position) };
        let (position, _) = self.text.get(..position)?.char_indices().rev().nth(index)?;
        Some(position)
    }

    fn is_in(&self, set: usize, character: char) -> bool {
        self.program.sets.get(set).is_some_and(|set| set.contains(character))
    }
}
