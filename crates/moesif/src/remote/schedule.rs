//! When remote configuration is fetched: at the start, every minute, and when a collector's answer shows a version that has
//! not been seen. Pure: time is an argument.

use std::time::{Duration, Instant};

/// How old what is loaded may get.
const PERIOD: Duration = Duration::from_secs(60);
/// Versions that change with every answer cost one fetch per this time.
const SHORTEST: Duration = Duration::from_secs(1);

/// The versions an answer shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Of the configuration.
    pub config: Option<String>,
    /// Of the governance rules.
    pub rules: Option<String>,
}

/// What can be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    Config,
    Rules,
}

#[derive(Debug, Default)]
pub(super) struct Schedule {
    config: Seen,
    rules: Seen,
    /// When the last fetch ended.
    fetched: Option<Instant>,
    failures: u32,
    /// Versions that had not been seen and ask for a fetch.
    wanted: Tags,
}

/// The last two versions seen: two collectors behind one address that differ for a while do not cause a fetch per answer.
#[derive(Debug, Default)]
struct Seen([Option<String>; 2]);

impl Seen {
    /// Whether the version is new.
    fn learn(&mut self, tag: Option<&String>) -> bool {
        let Some(tag) = tag else {
            return false;
        };
        let [last, before] = &mut self.0;
        if last.as_ref() == Some(tag) {
            return false;
        }
        let is_new = before.as_ref() != Some(tag);
        *before = last.replace(tag.clone());
        is_new
    }
}

impl Schedule {
    /// An answer shows these versions. Returns whether one of them asks for a fetch.
    pub(super) fn observe(&mut self, tags: &Tags) -> bool {
        let config_is_new = self.config.learn(tags.config.as_ref());
        let rules_are_new = self.rules.learn(tags.rules.as_ref());
        if config_is_new {
            self.wanted.config.clone_from(&tags.config);
        }
        if rules_are_new {
            self.wanted.rules.clone_from(&tags.rules);
        }
        config_is_new || rules_are_new
    }

    /// How long to wait for the next fetch.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let Some(fetched) = self.fetched else {
            return Duration::ZERO;
        };
        let interval = match self.failures {
            _ if self.wanted != Tags::default() => SHORTEST,
            0 => PERIOD,
            failures => SHORTEST.saturating_mul(1 << failures.min(10)).min(PERIOD),
        };
        (fetched + interval).saturating_duration_since(now)
    }

    /// A fetch begins: what is seen from now on may be newer than what it brings.
    pub(super) fn begin(&mut self) {
        self.wanted = Tags::default();
    }

    /// A fetch has brought a document of this version, if it has one.
    pub(super) fn loaded(&mut self, document: Document, tag: Option<&String>) {
        let (seen, wanted) = match document {
            Document::Config => (&mut self.config, &mut self.wanted.config),
            Document::Rules => (&mut self.rules, &mut self.wanted.rules),
        };
        seen.learn(tag);
        if wanted.as_ref() == tag {
            *wanted = None;
        }
    }

    /// A fetch has ended.
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

    /// A schedule that has loaded these versions.
    fn loaded(config: &str, rules: &str, now: Instant) -> Schedule {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.wait(now), Duration::ZERO);
        schedule.begin();
        load(&mut schedule, &tags(config, rules));
        schedule.end(true, now);
        schedule
    }

    #[test]
    fn what_is_loaded_lasts_a_minute() {
        let now = Instant::now();
        let mut schedule = loaded("a", "r", now);
        assert_eq!(schedule.wait(now), PERIOD);
        assert!(!schedule.observe(&tags("a", "r")) && !schedule.observe(&tags("", "")));
        assert_eq!(schedule.wait(now + PERIOD), Duration::ZERO);
    }

    #[test]
    fn either_version_asks_for_a_fetch() {
        let now = Instant::now();
        for new in [tags("b", "r"), tags("a", "s"), tags("", "s"), tags("b", "")] {
            let mut schedule = loaded("a", "r", now);
            assert!(schedule.observe(&new), "{new:?}");
            assert_eq!(schedule.wait(now + SHORTEST), Duration::ZERO);
            assert!(!schedule.observe(&new));
        }
    }

    #[test]
    fn two_collectors_that_differ_do_not_cause_a_fetch_each_time() {
        let now = Instant::now();
        let mut schedule = loaded("a", "", now);
        assert!(schedule.observe(&tags("b", "")));
        schedule.begin();
        load(&mut schedule, &tags("a", ""));
        schedule.end(true, now);
        for _ in 0..10 {
            assert!(!schedule.observe(&tags("b", "")) && !schedule.observe(&tags("a", "")));
        }
        assert_eq!(schedule.wait(now), PERIOD);
    }

    #[test]
    fn what_is_seen_during_a_fetch_is_not_lost() {
        let now = Instant::now();
        let mut schedule = loaded("a", "", now);
        schedule.begin();
        assert!(schedule.observe(&tags("b", "")));
        load(&mut schedule, &tags("a", ""));
        schedule.end(true, now);
        assert_eq!(schedule.wait(now), SHORTEST);
        // Unless it is what the fetch brings.
        schedule.loaded(Document::Config, Some(&"b".to_owned()));
        assert_eq!(schedule.wait(now), PERIOD);
    }

    #[test]
    fn failures_are_tried_again_less_and_less_often() {
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
