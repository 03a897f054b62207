//! What a search has done: the ways it has not tried, and what must be undone on the way back to them.

use super::Program;
use crate::GaveUp;

/// Most steps of a search. A step is three to twelve nanoseconds.
const MOST_STEPS: usize = 1_000_000;
/// Most frames, of 32 bytes each.
const MOST_FRAMES: usize = 128 * 1024;

/// An instruction, and where in the text it is to be followed.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub instruction: usize,
    pub position: usize,
}

/// What is to be done when a way leads nowhere: try another way, or first undo what was done on this one.
#[derive(Clone, Copy)]
pub(super) enum Frame {
    Way(Place),
    /// A run that can be shorter, down to a position, before it goes on at the place.
    Shorter {
        place: Place,
        least: usize,
    },
    /// A run, at its instruction, that can be longer by so many characters.
    Longer {
        place: Place,
        more: u32,
    },
    Slot {
        slot: usize,
        before: Option<usize>,
    },
    Loop {
        id: usize,
        before: Loop,
    },
}

/// How far a loop is.
#[derive(Clone, Copy, Default)]
pub(super) struct Loop {
    pub rounds: u32,
    /// Where the last round that was not necessary started: another one there would be the same.
    pub entered: Option<usize>,
}

/// The start of a cut. It need not be undone: on the way back, no instruction between start and cut is met without the start.
#[derive(Clone, Copy, Default)]
struct Cut {
    frames: usize,
    position: usize,
}

pub(super) struct Trail {
    steps_left: usize,
    frames: Vec<Frame>,
    /// Where each group starts and ends, one after the other.
    slots: Vec<Option<usize>>,
    loops: Vec<Loop>,
    cuts: Vec<Cut>,
}

impl Trail {
    pub(super) fn new(program: &Program) -> Self {
        Self {
            steps_left: MOST_STEPS,
            frames: Vec::new(),
            slots: vec![None; 2 * program.groups],
            loops: vec![Loop::default(); program.loops],
            cuts: vec![Cut::default(); program.cuts],
        }
    }

    /// Takes steps from those that are left.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), GaveUp> {
        self.steps_left = self.steps_left.checked_sub(steps).ok_or(GaveUp)?;
        Ok(())
    }

    pub(super) fn push(&mut self, frame: Frame) -> Result<(), GaveUp> {
        if self.frames.len() == MOST_FRAMES {
            return Err(GaveUp);
        }
        self.frames.push(frame);
        Ok(())
    }

    /// Takes the last frame, and undoes what it says is to be undone.
    pub(super) fn pop(&mut self) -> Result<Option<Frame>, GaveUp> {
        self.spend(1)?;
        let frame = self.frames.pop();
        match frame {
            Some(Frame::Slot { slot, before }) => {
                if let Some(current) = self.slots.get_mut(slot) {
                    *current = before;
                }
            }
            Some(Frame::Loop { id, before }) => {
                if let Some(current) = self.loops.get_mut(id) {
                    *current = before;
                }
            }
            _ => {}
        }
        Ok(frame)
    }

    pub(super) fn start_group(&mut self, group: usize, position: usize) -> Result<(), GaveUp> {
        self.set_slot(2 * group, position)
    }

    pub(super) fn end_group(&mut self, group: usize, position: usize) -> Result<(), GaveUp> {
        self.set_slot(2 * group + 1, position)
    }

    fn set_slot(&mut self, slot: usize, position: usize) -> Result<(), GaveUp> {
        let Some(current) = self.slots.get_mut(slot) else { return Ok(()) };
        let before = current.replace(position);
        self.push(Frame::Slot { slot, before })
    }

    /// Where the group has last started and ended.
    pub(super) fn group(&self, group: usize) -> Option<(usize, usize)> {
        let slot = |slot| self.slots.get(slot).copied().flatten();
        Some((slot(2 * group)?, slot(2 * group + 1)?))
    }

    pub(super) fn loop_state(&self, id: usize) -> Loop {
        self.loops.get(id).copied().unwrap_or_default()
    }

    pub(super) fn set_loop(&mut self, id: usize, state: Loop) -> Result<(), GaveUp> {
        let Some(current) = self.loops.get_mut(id) else { return Ok(()) };
        let before = std::mem::replace(current, state);
        self.push(Frame::Loop { id, before })
    }

    pub(super) fn start_cut(&mut self, id: usize, position: usize) {
        if let Some(cut) = self.cuts.get_mut(id) {
            *cut = Cut { frames: self.frames.len(), position };
        }
    }

    /// Forgets the ways since the start of a cut, but not what must be undone on the way back beyond it. Returns the position
    /// of the start.
    pub(super) fn cut(&mut self, id: usize) -> Result<usize, GaveUp> {
        let Cut { frames, position } = self.cuts.get(id).copied().unwrap_or_default();
        let since = self.frames.split_off(frames.min(self.frames.len()));
        self.spend(since.len())?;
        let undoes = |frame: &Frame| matches!(frame, Frame::Slot { .. } | Frame::Loop { .. });
        self.frames.extend(since.into_iter().filter(undoes));
        Ok(position)
    }

    /// Undoes everything since the start of a cut.
    pub(super) fn undo(&mut self, id: usize) -> Result<(), GaveUp> {
        let frames = self.cuts.get(id).map_or(0, |cut| cut.frames);
        while self.frames.len() > frames {
            self.pop()?;
        }
        Ok(())
    }
}
