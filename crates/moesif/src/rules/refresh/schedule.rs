//! When remote configuration is fetched: at the start, every minute, and when a collector's answer shows a version that has
//! not been seen. Pure: time is an argument.

use std::time::{Duration, Instant};

use crate::http::Tags;

/// How old what is loaded may get.
const PERIOD: Duration = Duration::from_secs(60);
/// Versions that change with every answer cost one fetch per this time.
const SHORTEST: Duration = Duration::from_secs(1);
/// A version that was seen before the loaded one may be what the operator has gone back to, or another collector's.
const RETURN: Duration = Duration::from_secs(5);

/// What can be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    Config,
    Rules,
}

#[derive(Debug, Default)]
pub(super) struct Schedule {
    config: Versions,
    rules: Versions,
    /// When the last fetch ended.
    fetched: Option<Instant>,
    failures: u32,
}

/// The versions of a document. Two collectors behind one address that differ for a while must not cause a fetch per answer:
/// only a version that is not among the last two is urgent.
#[derive(Debug, Default)]
struct Versions {
    seen: [Option<String>; 2],
    loaded: Option<String>,
    wanted: Option<Wanted>,
}

/// A version other than the loaded one.
#[derive(Debug)]
struct Wanted {
    tag: String,
    is_new: bool,
}

impl Versions {
    /// An answer shows this version. Returns whether that asks for a fetch that nothing asked for before.
    fn observe(&mut self, tag: Option<&String>) -> bool {
        let Some(tag) = tag else {
            return false;
        };
        let is_new = self.see(tag);
        if self.loaded.as_ref() == Some(tag) {
            return false;
        }
        let asks = self.wanted.as_ref().is_none_or(|wanted| is_new && !wanted.is_new);
        if asks || is_new {
            self.wanted = Some(Wanted { tag: tag.clone(), is_new });
        }
        asks
    }

    /// A fetch has brought this version. An answer without one is of the version seen last.
    fn load(&mut self, tag: Option<&String>) {
        if let Some(tag) = tag {
            self.see(tag);
        }
        self.loaded = tag.or(self.seen[0].as_ref()).cloned();
        if self.wanted.as_ref().is_some_and(|wanted| self.loaded.as_ref() == Some(&wanted.tag)) {
            self.wanted = None;
        }
    }

    /// Whether the version is new.
    fn see(&mut self, tag: &String) -> bool {
        let [last, before] = &mut self.seen;
        if last.as_ref() == Some(tag) {
            return false;
        }
        let is_new = before.as_ref() != Some(tag);
        *before = last.replace(tag.clone());
        is_new
    }

    fn interval(&self) -> Option<Duration> {
        self.wanted.as_ref().map(|wanted| if wanted.is_new { SHORTEST } else { RETURN })
    }
}

impl Schedule {
    /// An answer shows these versions. Returns whether one of them asks for a fetch.
    pub(super) fn observe(&mut self, tags: &Tags) -> bool {
        let config_asks = self.config.observe(tags.config.as_ref());
        let rules_ask = self.rules.observe(tags.rules.as_ref());
        config_asks || rules_ask
    }

    /// How long to wait for the next fetch.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let Some(fetched) = self.fetched else {
            return Duration::ZERO;
        };
        let wanted = [self.config.interval(), self.rules.interval()].into_iter().flatten().min();
        let interval = match self.failures {
            0 => wanted.unwrap_or(PERIOD),
            failures => {
                let back_off = SHORTEST.saturating_mul(1 << failures.min(10)).min(PERIOD);
                wanted.map_or(back_off, |wanted| wanted.min(back_off))
            }
        };
        (fetched + interval).saturating_duration_since(now)
    }

    /// A fetch begins: what is seen from now on may be newer than what it brings.
    pub(super) fn begin(&mut self) {
        self.config.wanted = None;
        self.rules.wanted = None;
    }

    /// A fetch has brought a document of this version, if it has one.
    pub(super) fn loaded(&mut self, document: Document, tag: Option<&String>) {
        match document {
            Document::Config => self.config.load(tag),
            Document::Rules => self.rules.load(tag),
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
            schedule.observe(&tags("b", ""));
            schedule.observe(&tags("a", ""));
            assert_eq!(schedule.wait(now), RETURN);
        }
    }

    #[test]
    fn a_version_that_returns_is_fetched() {
        let mut now = Instant::now();
        let mut schedule = loaded("a", "", now);
        assert!(schedule.observe(&tags("b", "")));
        now += schedule.wait(now);
        schedule.begin();
        load(&mut schedule, &tags("b", ""));
        schedule.end(true, now);
        assert!(schedule.observe(&tags("a", "")) && !schedule.observe(&tags("a", "")));
        assert_eq!(schedule.wait(now), RETURN);
    }

    #[test]
    fn a_collector_that_names_versions_only_with_events_is_not_asked_for_ever() {
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
