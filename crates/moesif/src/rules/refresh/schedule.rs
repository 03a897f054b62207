//! Schedule of the fetches: at the start, every minute, and when an answer of the collector names another
//! version.
//!
//! Uses no clock: the current time is an argument.

use std::time::{Duration, Instant};

use super::Document;
use crate::http::Tags;

/// Time between fetches if no answer names another version.
const PERIOD: Duration = Duration::from_secs(60);
/// Minimum time between fetches if an answer names a version that is not among the last two.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// Minimum time between fetches if an answer names the version before the last. The operator may have
/// restored it, or another collector at the same address may still have it.
const EARLIER_VERSION_INTERVAL: Duration = Duration::from_secs(5);

/// Decides when the documents are fetched.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    config: Versions,
    rules: Versions,
    /// When the last fetch ended.
    fetched: Option<Instant>,
    /// Number of failed fetches since the last successful one.
    failures: u32,
}

/// Versions of a document.
///
/// Two collectors at one address may differ for a while. That must not cause a fetch for each answer, so only
/// a version that is not among the last two is urgent.
#[derive(Debug, Default)]
struct Versions {
    /// The last two versions that answers have named, the newer one first.
    seen: [Option<String>; 2],
    loaded: Option<String>,
    wanted: Option<Wanted>,
}

/// A version to fetch: an answer has named it, and it is not loaded.
#[derive(Debug)]
struct Wanted {
    tag: String,
    /// It was not among the last two.
    is_new: bool,
}

impl Versions {
    /// Records the version in an answer. Returns whether a fetch is now due earlier.
    fn observe(&mut self, tag: Option<&String>) -> bool {
        let Some(tag) = tag else {
            return false;
        };
        let is_new = self.see(tag);
        if self.loaded.as_ref() == Some(tag) {
            return false;
        }
        let is_due_earlier = self.wanted.as_ref().is_none_or(|wanted| is_new && !wanted.is_new);
        if is_due_earlier || is_new {
            self.wanted = Some(Wanted { tag: tag.clone(), is_new });
        }
        is_due_earlier
    }

    /// Records the version that was fetched. If the answer names no version, assumes the one seen last.
    fn load(&mut self, tag: Option<&String>) {
        if let Some(tag) = tag {
            self.see(tag);
        }
        self.loaded = tag.or(self.seen[0].as_ref()).cloned();
        if self.wanted.as_ref().is_some_and(|wanted| self.loaded.as_ref() == Some(&wanted.tag)) {
            self.wanted = None;
        }
    }

    /// Adds a version to the last two. Returns whether it was not among them.
    fn see(&mut self, tag: &String) -> bool {
        let [last, before] = &mut self.seen;
        if last.as_ref() == Some(tag) {
            return false;
        }
        let is_new = before.as_ref() != Some(tag);
        *before = last.replace(tag.clone());
        is_new
    }

    /// Returns the minimum time between fetches. `None` if there is no version to fetch.
    fn interval(&self) -> Option<Duration> {
        self.wanted.as_ref().map(|wanted| if wanted.is_new { MIN_INTERVAL } else { EARLIER_VERSION_INTERVAL })
    }
}

impl Schedule {
    /// Records the versions in an answer. Returns whether a fetch is now due earlier.
    pub(super) fn observe(&mut self, tags: &Tags) -> bool {
        let config_is_due = self.config.observe(tags.config.as_ref());
        let rules_are_due = self.rules.observe(tags.rules.as_ref());
        config_is_due || rules_are_due
    }

    /// Returns the time until the next fetch is due.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let Some(fetched) = self.fetched else {
            return Duration::ZERO;
        };
        let for_version = [self.config.interval(), self.rules.interval()].into_iter().flatten().min();
        let interval = match self.failures {
            0 => for_version.unwrap_or(PERIOD),
            failures => {
                let backoff = MIN_INTERVAL.saturating_mul(1 << failures.min(10)).min(PERIOD);
                for_version.map_or(backoff, |interval| interval.min(backoff))
            }
        };
        (fetched + interval).saturating_duration_since(now)
    }

    /// Begins a fetch. Forgets the versions to fetch, because answers from now on may name newer ones.
    pub(super) fn begin(&mut self) {
        self.config.wanted = None;
        self.rules.wanted = None;
    }

    /// Records that a document was fetched, with the version that the answer named.
    pub(super) fn loaded(&mut self, document: Document, tag: Option<&String>) {
        match document {
            Document::Config => self.config.load(tag),
            Document::Rules => self.rules.load(tag),
        }
    }

    /// Ends a fetch.
    pub(super) fn end(&mut self, succeeded: bool, now: Instant) {
        self.fetched = Some(now);
        self.failures = if succeeded { 0 } else { self.failures.saturating_add(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(config: &str, rules: &str) -> Tags {
        let tag = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Tags { config: tag(config), rules: tag(rules) }
    }

    fn load(schedule: &mut Schedule, tags: &Tags) {
        schedule.loaded(Document::Config, tags.config.as_ref());
        schedule.loaded(Document::Rules, tags.rules.as_ref());
    }

    /// Returns a schedule that has loaded these versions.
    fn loaded(config: &str, rules: &str, now: Instant) -> Schedule {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.wait(now), Duration::ZERO);
        schedule.begin();
        load(&mut schedule, &tags(config, rules));
        schedule.end(true, now);
        schedule
    }

    #[test]
    fn documents_are_fetched_every_minute() {
        let now = Instant::now();
        let mut schedule = loaded("a", "r", now);
        assert_eq!(schedule.wait(now), PERIOD);
        assert!(!schedule.observe(&tags("a", "r")) && !schedule.observe(&tags("", "")));
        assert_eq!(schedule.wait(now + PERIOD), Duration::ZERO);
    }

    #[test]
    fn new_version_of_either_document_is_fetched() {
        let now = Instant::now();
        for new in [tags("b", "r"), tags("a", "s"), tags("", "s"), tags("b", "")] {
            let mut schedule = loaded("a", "r", now);
            assert!(schedule.observe(&new), "{new:?}");
            assert_eq!(schedule.wait(now + MIN_INTERVAL), Duration::ZERO);
            assert!(!schedule.observe(&new));
        }
    }

    #[test]
    fn two_collectors_that_differ_do_not_cause_a_fetch_per_answer() {
        let now = Instant::now();
        let mut schedule = loaded("a", "", now);
        assert!(schedule.observe(&tags("b", "")));
        schedule.begin();
        load(&mut schedule, &tags("a", ""));
        schedule.end(true, now);
        for _ in 0..10 {
            schedule.observe(&tags("b", ""));
            schedule.observe(&tags("a", ""));
            assert_eq!(schedule.wait(now), EARLIER_VERSION_INTERVAL);
        }
    }

    #[test]
    fn earlier_version_is_fetched_when_it_returns() {
        let mut now = Instant::now();
        let mut schedule = loaded("a", "", now);
        assert!(schedule.observe(&tags("b", "")));
        now += schedule.wait(now);
        schedule.begin();
        load(&mut schedule, &tags("b", ""));
        schedule.end(true, now);
        assert!(schedule.observe(&tags("a", "")) && !schedule.observe(&tags("a", "")));
        assert_eq!(schedule.wait(now), EARLIER_VERSION_INTERVAL);
    }

    #[test]
    fn version_that_only_answers_to_events_show_is_fetched_once() {
        let now = Instant::now();
        let mut schedule = loaded("", "", now);
        assert!(schedule.observe(&tags("b", "")));
        schedule.begin();
        load(&mut schedule, &tags("", ""));
        schedule.end(true, now);
        assert!(!schedule.observe(&tags("b", "")));
        assert_eq!(schedule.wait(now), PERIOD);
    }

    #[test]
    fn version_seen_during_a_fetch_is_fetched_next() {
        let now = Instant::now();
        let mut schedule = loaded("a", "", now);
        schedule.begin();
        assert!(schedule.observe(&tags("b", "")));
        load(&mut schedule, &tags("a", ""));
        schedule.end(true, now);
        assert_eq!(schedule.wait(now), MIN_INTERVAL);
        // But not if it is the fetched one.
        schedule.loaded(Document::Config, Some(&"b".to_owned()));
        assert_eq!(schedule.wait(now), PERIOD);
    }

    #[test]
    fn failed_fetches_back_off() {
        let mut now = Instant::now();
        let mut schedule = Schedule::default();
        let mut waits = Vec::new();
        for _ in 0..8 {
            schedule.begin();
            schedule.end(false, now);
            let wait = schedule.wait(now);
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
        schedule.end(true, now);
        assert_eq!(schedule.wait(now), PERIOD);
    }
}
