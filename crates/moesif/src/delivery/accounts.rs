//! Counts what happened to each event. The ledger counts queued events and events in flight.

use super::batch::{Attempt, Conclusion};
use super::notice::Notice;
use super::stats::{DropReason, Stats};

/// Counts of a pipeline since it was created.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    captured: u64,
    skipped: u64,
    sampled_out: u64,
    sent: u64,
    bodies_removed: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl Accounts {
    pub(super) fn count_queued(&mut self) {
        self.captured += 1;
    }

    pub(super) fn count_skipped(&mut self) {
        self.captured += 1;
        self.skipped += 1;
    }

    pub(super) fn count_sampled_out(&mut self) {
        self.captured += 1;
        self.sampled_out += 1;
    }

    /// Counts an event that was dropped instead of being queued. Returns what to log, if anything.
    pub(super) fn count_dropped(&mut self, reason: DropReason) -> Option<Notice> {
        self.captured += 1;
        let before = self.dropped_by_full_queue();
        self.drop_events(reason, 1);
        let now = self.dropped_by_full_queue();
        is_worth_logging(before, now).then_some(Notice::Dropped(now))
    }

    /// Counts the events that an upload has settled. Returns what to log, if anything.
    pub(super) fn count_upload(&mut self, attempt: &Attempt, conclusion: &Conclusion) -> Option<Notice> {
        let before = self.refused_by_collector();
        self.sent += to_u64(conclusion.sent);
        self.drop_events(DropReason::Rejected, to_u64(conclusion.rejected));
        self.drop_events(DropReason::Refused, to_u64(conclusion.refused));
        self.drop_events(DropReason::Unserializable, to_u64(attempt.unserializable));
        if conclusion.sent > 0 {
            self.bodies_removed += to_u64(attempt.bodies_removed);
        }
        let now = self.refused_by_collector();
        is_worth_logging(before, now).then_some(Notice::Refused(now))
    }

    /// Counts queued events that were lost because of a bug in this package.
    pub(super) fn count_lost(&mut self, events: u64) {
        self.drop_events(DropReason::Internal, events);
    }

    pub(super) fn stats(&self) -> Stats {
        let dropped = DropReason::ALL.into_iter().zip(self.dropped).filter(|(_, events)| *events > 0);
        Stats {
            captured: self.captured,
            sent: self.sent,
            sampled_out: self.sampled_out,
            skipped: self.skipped,
            dropped: dropped.collect(),
            bodies_removed: self.bodies_removed,
            ..Stats::default()
        }
    }

    fn drop_events(&mut self, reason: DropReason, count: u64) {
        for (counted, events) in DropReason::ALL.into_iter().zip(&mut self.dropped) {
            if counted == reason {
                *events += count;
            }
        }
    }

    fn dropped_by_full_queue(&self) -> u64 {
        self.dropped_for(&[DropReason::QueueFull, DropReason::QueueBytes])
    }

    fn refused_by_collector(&self) -> u64 {
        self.dropped_for(&[DropReason::Refused, DropReason::Rejected])
    }

    fn dropped_for(&self, reasons: &[DropReason]) -> u64 {
        let counts = DropReason::ALL.into_iter().zip(self.dropped);
        counts.filter(|(reason, _)| reasons.contains(reason)).map(|(_, events)| events).sum()
    }
}

/// Returns whether a count that has grown is logged: at 1, and whenever it has one more digit.
fn is_worth_logging(before: u64, now: u64) -> bool {
    let digits = |count: u64| count.checked_ilog10().map_or(0, |digits| digits + 1);
    digits(now) > digits(before)
}

pub(super) fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
