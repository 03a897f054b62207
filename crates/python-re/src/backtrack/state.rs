//! The state of a search: stack, groups, loops, and remaining steps.

use super::Program;
use crate::error::LimitExceeded;
use crate::limits::{MAX_FRAMES, MAX_STEPS};

/// An instruction, and the position in the text where the search runs it.
#[derive(Clone, Copy)]
pub(super) struct Cursor {
    pub instruction: usize,
    pub position: usize,
}

/// An entry of the stack. When the search fails, it pops frames until one of them offers an alternative.
#[derive(Clone, Copy)]
pub(super) enum Frame {
    /// Alternative: continue here.
    Resume(Cursor),
    /// Alternative: a greedy run gives back one character. `next` is where it ended. It never ends before
    /// `min_end`.
    GiveBack { next: Cursor, min_end: usize },
    /// Alternative: a lazy run consumes one more character, up to `more`. `run` is where it ended, at its
    /// instruction.
    TakeMore { run: Cursor, more: u32 },
    /// No alternative: restores a slot.
    RestoreSlot { slot: usize, old: Option<usize> },
    /// No alternative: restores a loop.
    RestoreLoop { id: usize, old: Loop },
}

/// The state of a loop.
#[derive(Clone, Copy, Default)]
pub(super) struct Loop {
    /// Number of rounds that have ended.
    pub rounds: u32,
    /// Where the last round beyond the minimum began. Another round from there would change nothing.
    pub last_start: Option<usize>,
}

/// The start of an atomic region.
///
/// It needs no frame that restores it. An alternative inside a region is on the stack only while the search
/// is inside that region. So when the search resumes there, the value is still the one that `RegionStart`
/// set.
#[derive(Clone, Copy, Default)]
struct Region {
    /// Height of the stack.
    frames: usize,
    position: usize,
}

pub(super) struct State {
    steps_left: usize,
    frames: Vec<Frame>,
    /// Start and end of each group: slots `2 * group` and `2 * group + 1`.
    slots: Vec<Option<usize>>,
    loops: Vec<Loop>,
    regions: Vec<Region>,
}

impl State {
    pub(super) fn new(program: &Program) -> Self {
        Self {
            steps_left: MAX_STEPS,
            frames: Vec::new(),
            slots: vec![None; 2 * program.groups],
            loops: vec![Loop::default(); program.loops],
            regions: vec![Region::default(); program.regions],
        }
    }

    /// Charges steps to the search. Call this before the work.
    pub(super) fn charge(&mut self, steps: usize) -> Result<(), LimitExceeded> {
        self.steps_left = self.steps_left.checked_sub(steps).ok_or(LimitExceeded)?;
        Ok(())
    }

    pub(super) fn push(&mut self, frame: Frame) -> Result<(), LimitExceeded> {
        if self.frames.len() == MAX_FRAMES {
            return Err(LimitExceeded);
        }
        self.frames.push(frame);
        Ok(())
    }

    /// Charges one step, then pops a frame. If it is a frame that restores, applies it.
    pub(super) fn pop(&mut self) -> Result<Option<Frame>, LimitExceeded> {
        self.charge(1)?;
        let frame = self.frames.pop();
        match frame {
            Some(Frame::RestoreSlot { slot, old }) => {
                if let Some(current) = self.slots.get_mut(slot) {
                    *current = old;
                }
            }
            Some(Frame::RestoreLoop { id, old }) => {
                if let Some(current) = self.loops.get_mut(id) {
                    *current = old;
                }
            }
            _ => {}
        }
        Ok(frame)
    }

    pub(super) fn start_group(&mut self, group: usize, position: usize) -> Result<(), LimitExceeded> {
        self.set_slot(2 * group, position)
    }

    pub(super) fn end_group(&mut self, group: usize, position: usize) -> Result<(), LimitExceeded> {
        self.set_slot(2 * group + 1, position)
    }

    fn set_slot(&mut self, slot: usize, position: usize) -> Result<(), LimitExceeded> {
        let Some(current) = self.slots.get_mut(slot) else { return Ok(()) };
        let old = current.replace(position);
        self.push(Frame::RestoreSlot { slot, old })
    }

    /// Returns where the group last started and ended.
    pub(super) fn group(&self, group: usize) -> Option<(usize, usize)> {
        let slot = |slot| self.slots.get(slot).copied().flatten();
        Some((slot(2 * group)?, slot(2 * group + 1)?))
    }

    pub(super) fn loop_state(&self, id: usize) -> Loop {
        self.loops.get(id).copied().unwrap_or_default()
    }

    pub(super) fn set_loop(&mut self, id: usize, state: Loop) -> Result<(), LimitExceeded> {
        let Some(current) = self.loops.get_mut(id) else { return Ok(()) };
        let old = std::mem::replace(current, state);
        self.push(Frame::RestoreLoop { id, old })
    }

    pub(super) fn start_region(&mut self, id: usize, position: usize) {
        if let Some(region) = self.regions.get_mut(id) {
            *region = Region { frames: self.frames.len(), position };
        }
    }

    /// Drops the alternatives inside a region, but keeps the frames that restore. Charges one step for each
    /// frame inside. Returns the position where the region began.
    pub(super) fn end_region(&mut self, id: usize) -> Result<usize, LimitExceeded> {
        let Region { frames, position } = self.regions.get(id).copied().unwrap_or_default();
        let start = frames.min(self.frames.len());
        self.charge(self.frames.len() - start)?;
        let restores = |frame: &Frame| matches!(frame, Frame::RestoreSlot { .. } | Frame::RestoreLoop { .. });
        self.frames.extract_if(start.., |frame| !restores(frame)).for_each(drop);
        Ok(position)
    }

    /// Undoes everything since the start of a region. Charges one step for each frame inside.
    pub(super) fn undo_region(&mut self, id: usize) -> Result<(), LimitExceeded> {
        let frames = self.regions.get(id).map_or(0, |region| region.frames);
        while self.frames.len() > frames {
            self.pop()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_takes_32_bytes() {
        assert_eq!(size_of::<Frame>(), 32);
    }
}
