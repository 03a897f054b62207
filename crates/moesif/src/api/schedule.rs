//! Decides which API request is made next.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use super::job::Job;
use super::pool::MAX_UNDER_WAY;

/// Maximum number of requests under way to one collector. A collector that hangs must not block requests to
/// others.
const MAX_PER_COLLECTOR: usize = 6;

/// Requests that wait, and counts of those under way and of threads.
#[derive(Default)]
pub(super) struct Schedule {
    /// Requests in the order in which they are due. Those due at the same moment keep their order of arrival.
    pub(super) jobs: BTreeMap<JobKey, Job>,
    /// Number of requests added so far. Numbers the next key.
    added: u64,
    /// Requests under way, by base URI of the collector.
    under_way: HashMap<String, usize>,
    pub(super) threads: usize,
    /// Threads that wait for a request.
    pub(super) idle: usize,
}

/// Position of a request in the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct JobKey {
    due: Instant,
    number: u64,
}

/// What a thread without a request does next.
pub(super) enum Next {
    /// Run this request.
    Run(JobKey),
    /// Look again at this moment.
    WaitUntil(Instant),
    /// Wait until a request is added.
    WaitForJob,
}

impl Schedule {
    pub(super) fn push(&mut self, job: Job) {
        self.added += 1;
        self.jobs.insert(JobKey { due: job.due, number: self.added }, job);
    }

    /// Decides what to do at `now`. A request that is over is run regardless of the limits, because running
    /// it only settles it.
    pub(super) fn next(&self, now: Instant) -> Next {
        let is_full = self.under_way.values().sum::<usize>() >= MAX_UNDER_WAY;
        let mut earliest: Option<Instant> = None;
        for (key, job) in &self.jobs {
            let at = if job.due > now {
                job.due
            } else {
                let to_collector = self.under_way.get(job.delivery.endpoint.base_uri());
                let may_run = !is_full && to_collector.is_none_or(|count| *count < MAX_PER_COLLECTOR);
                if may_run || job.is_over(now) {
                    return Next::Run(*key);
                }
                job.deadline
            };
            earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
        }
        earliest.map_or(Next::WaitForJob, Next::WaitUntil)
    }

    /// Counts a request to a collector as under way.
    pub(super) fn enter(&mut self, base_uri: &str) {
        *self.under_way.entry(base_uri.to_owned()).or_default() += 1;
    }

    /// Counts a request to a collector as no longer under way.
    pub(super) fn leave(&mut self, base_uri: &str) {
        if let Some(count) = self.under_way.get_mut(base_uri) {
            *count -= 1;
            if *count == 0 {
                self.under_way.remove(base_uri);
            }
        }
    }
}
