//! What `GET /v1/config` answers: sampling rates, and which governance rules' cohorts an entity is in.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde_json::value::RawValue;

use crate::lenient::{array, excerpt, number, object, present, text};

/// Remote configuration. Every part of it is optional, and a part that cannot be read costs itself only.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Share of calls to keep, when nothing more specific applies.
    pub sample_rate: Option<Percent>,
    /// The same by user id.
    pub user_sample_rate: HashMap<String, Percent>,
    /// The same by company id.
    pub company_sample_rate: HashMap<String, Percent>,
    /// The same by what is asked for: the first entry that matches counts.
    pub regex_config: Vec<RegexConfig>,
    /// Which governance rules users' cohorts refer to.
    pub user_rules: Cohorts,
    /// Which governance rules companies' cohorts refer to.
    pub company_rules: Cohorts,
}

/// The rules whose cohorts entities are in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cohorts {
    /// By the entity's id, in order.
    pub entries: HashMap<String, Vec<RuleEntry>>,
    /// Ids of entities that have entries which cannot be read: they may be in other cohorts as well.
    pub incomplete: HashSet<String>,
    /// There are cohorts, and nothing of them can be read.
    pub is_unreadable: bool,
}

/// A share in percent, from 0 to 100, exact to a millionth of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

impl Percent {
    /// Everything.
    pub const ALL: Self = Self(100_000_000);

    /// `None` outside of 0 to 100. What is more than nothing stays more than nothing.
    #[must_use]
    pub fn new(percent: f64) -> Option<Self> {
        // The sign of -0 would be part of its text.
        let millionths = (0.0..=100.0).contains(&percent).then_some((percent.abs() * 1e6).ceil())?;
        millionths.to_string().parse().ok().map(Self)
    }

    /// The share, where [`Percent::ALL`] is 100,000,000.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

/// Conditions all of which must hold. In a list of these, one that holds is enough.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegexConfig {
    /// Each is a field and a pattern.
    pub conditions: Vec<Condition>,
    /// The share of matching calls to keep, where this is about sampling.
    pub sample_rate: Option<Percent>,
}

/// A pattern that a field must match somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Such as `request.route`.
    pub path: String,
    /// A regular expression.
    pub value: String,
}

/// A rule an entity's cohorts refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleEntry {
    /// The rule's id.
    pub rule: String,
    /// What this entity's merge tags stand for, by the name of the variable.
    pub values: HashMap<String, String>,
}

/// A part of a remote document that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where it is, such as `user_sample_rate.u-17`.
    pub path: String,
    /// What was found.
    pub found: String,
    /// What belongs there.
    pub expected: &'static str,
}

impl fmt::Display for Complaint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, found, expected } = self;
        write!(formatter, "{path} is {found}, expected {expected}")
    }
}

impl Config {
    /// Reads a document as far as it can be read. `None` when it is no JSON object.
    #[must_use]
    pub fn parse(document: &[u8]) -> Option<(Self, Vec<Complaint>)> {
        let members = object(serde_json::from_slice::<&RawValue>(document).ok()?)?;
        let mut complaints = Complaints::default();
        let mut config = Self::default();
        if let Some(rate) = present(&members, "sample_rate") {
            config.sample_rate = complaints.percent("sample_rate", rate);
        }
        config.user_sample_rate = complaints.map(&members, "user_sample_rate", Complaints::percent);
        config.company_sample_rate = complaints.map(&members, "company_sample_rate", Complaints::percent);
        config.user_rules = complaints.cohorts(&members, "user_rules");
        config.company_rules = complaints.cohorts(&members, "company_rules");
        if let Some(list) = present(&members, "regex_config") {
            config.regex_config = complaints.regex_config("regex_config", list);
        }
        Some((config, complaints.0))
    }
}

/// Collects what could not be read.
#[derive(Default)]
pub(crate) struct Complaints(pub(crate) Vec<Complaint>);

impl Complaints {
    pub(crate) fn add(&mut self, path: impl Into<String>, found: &RawValue, expected: &'static str) {
        self.0.push(Complaint { path: path.into(), found: excerpt(found), expected });
    }

    fn percent(&mut self, path: &str, json: &RawValue) -> Option<Percent> {
        let percent = number(json).and_then(Percent::new);
        if percent.is_none() {
            self.add(path, json, "a number from 0 to 100");
        }
        percent
    }

    fn map<T>(
        &mut self,
        members: &HashMap<String, &RawValue>,
        name: &str,
        mut read: impl FnMut(&mut Self, &str, &RawValue) -> Option<T>,
    ) -> HashMap<String, T> {
        let Some(json) = present(members, name) else {
            return HashMap::new();
        };
        let Some(entries) = object(json) else {
            self.add(name, json, "an object by id");
            return HashMap::new();
        };
        let entries = entries.into_iter().filter(|(_, value)| value.get() != "null");
        entries
            .filter_map(|(id, value)| {
                let path = format!("{name}.{id}");
                read(self, &path, value).map(|read| (id, read))
            })
            .collect()
    }

    fn cohorts(&mut self, members: &HashMap<String, &RawValue>, name: &str) -> Cohorts {
        let mut incomplete = HashSet::new();
        let complaints = self.0.len();
        let entries = self.map(members, name, |complaints, path, json| {
            let before = complaints.0.len();
            let entries = complaints.entries(path, json);
            if entries.is_none() || complaints.0.len() > before {
                incomplete
                    .extend(path.strip_prefix(name).and_then(|id| id.strip_prefix('.')).map(str::to_owned));
            }
            entries
        });
        // No members are written as a list by some.
        let is_empty = present(members, name).and_then(array).is_some_and(|items| items.is_empty());
        let is_unreadable =
            entries.is_empty() && incomplete.is_empty() && self.0.len() > complaints && !is_empty;
        Cohorts { entries, incomplete, is_unreadable }
    }

    fn entries(&mut self, path: &str, json: &RawValue) -> Option<Vec<RuleEntry>> {
        let Some(items) = array(json) else {
            self.add(path, json, "a list of rules");
            return None;
        };
        let mut entries = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let members = object(item);
            let rule = members.as_ref().and_then(|members| present(members, "rules")).and_then(text);
            let (Some(members), Some(rule)) = (members, rule) else {
                self.add(format!("{path}[{index}]"), item, "an object with the id of a rule in \"rules\"");
                continue;
            };
            let values = present(&members, "values").map_or_else(HashMap::new, |values| {
                let read = object(values);
                if read.is_none() {
                    self.add(format!("{path}[{index}].values"), values, "an object of texts");
                }
                let read = read.unwrap_or_default().into_iter();
                read.filter_map(|(name, value)| text(value).map(|text| (name, text))).collect()
            });
            entries.push(RuleEntry { rule, values });
        }
        Some(entries)
    }

    /// Alternatives of conditions; one that cannot be read is left out.
    pub(crate) fn regex_config(&mut self, path: &str, json: &RawValue) -> Vec<RegexConfig> {
        let Some(items) = array(json) else {
            self.add(path, json, "a list of conditions");
            return Vec::new();
        };
        let mut alternatives = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            if let Some(alternative) = self.alternative(&path, item) {
                alternatives.push(alternative);
            }
        }
        alternatives
    }

    fn alternative(&mut self, path: &str, json: &RawValue) -> Option<RegexConfig> {
        let Some(members) = object(json) else {
            self.add(path, json, "an object with conditions");
            return None;
        };
        let sample_rate = match present(&members, "sample_rate") {
            Some(rate) => Some(self.percent(&format!("{path}.sample_rate"), rate)?),
            None => None,
        };
        let mut conditions = Vec::new();
        if let Some(json) = present(&members, "conditions") {
            let Some(items) = array(json) else {
                self.add(format!("{path}.conditions"), json, "a list of conditions");
                return None;
            };
            for (index, item) in items.into_iter().enumerate() {
                let members = object(item).unwrap_or_default();
                let part = |name| present(&members, name).and_then(text);
                let (Some(path_text), Some(value)) = (part("path"), part("value")) else {
                    self.add(format!("{path}.conditions[{index}]"), item, "an object with path and value");
                    return None;
                };
                conditions.push(Condition { path: path_text, value });
            }
        }
        Some(RegexConfig { conditions, sample_rate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(document: &str) -> (Config, Vec<String>) {
        let (config, complaints) = Config::parse(document.as_bytes()).unwrap();
        (config, complaints.iter().map(Complaint::to_string).collect())
    }

    #[test]
    fn a_whole_document_is_read() {
        let (config, complaints) = parse(
            r#"{"org_id":"1:2","app_id":"3:4","sample_rate":80,"block_bot_traffic":false,
            "user_sample_rate":{"u-17":10},"company_sample_rate":{"acme":50},
            "user_rules":{"u-17":[{"rules":"r-quota","values":{"0":"Basic","1":1000,"2":null}}]},
            "company_rules":{"acme":[{"rules":"r-overdue"}]},
            "ip_addresses_blocked_by_name":{},
            "regex_config":[{"conditions":[{"path":"request.route","value":"^/health"}],"sample_rate":0}]}"#,
        );
        assert_eq!(complaints, [""; 0]);
        assert_eq!(config.sample_rate, Percent::new(80.0));
        assert_eq!(Some(config.user_sample_rate["u-17"]), Percent::new(10.0));
        assert_eq!(Some(config.company_sample_rate["acme"]), Percent::new(50.0));
        let [entry] = &config.user_rules.entries["u-17"][..] else { panic!("{:?}", config.user_rules) };
        assert_eq!(entry.rule, "r-quota");
        assert_eq!(entry.values["0"], "Basic");
        assert_eq!(entry.values["1"], "1000");
        assert!(!entry.values.contains_key("2"));
        assert_eq!(config.company_rules.entries["acme"][0].values, HashMap::new());
        let condition = Condition { path: "request.route".into(), value: "^/health".into() };
        assert_eq!(
            config.regex_config,
            [RegexConfig { conditions: vec![condition], sample_rate: Percent::new(0.0) }]
        );
    }

    #[test]
    fn what_cannot_be_read_costs_itself_only() {
        let (config, complaints) = parse(
            r#"{"sample_rate":"40","user_sample_rate":{"a":-1,"b":5,"c":null},"company_sample_rate":7,
            "regex_config":[{"conditions":[{"path":"request.verb"}]},7,{"conditions":null,"sample_rate":1}],
            "user_rules":{"u":[{"values":{}},{"rules":9,"values":3}]},"company_rules":null}"#,
        );
        assert_eq!(config.sample_rate, Percent::new(40.0));
        assert_eq!(config.user_sample_rate.len(), 1);
        assert_eq!(config.regex_config.len(), 1);
        assert_eq!(config.user_rules.entries["u"], [RuleEntry { rule: "9".into(), values: HashMap::new() }]);
        assert_eq!(config.user_rules.incomplete, HashSet::from(["u".to_owned()]));
        assert!(!config.user_rules.is_unreadable);
        let mut complaints = complaints;
        complaints.sort();
        assert_eq!(
            complaints,
            [
                "company_sample_rate is 7, expected an object by id",
                r#"regex_config[0].conditions[0] is {"path":"request.verb"}, expected an object with path and value"#,
                "regex_config[1] is 7, expected an object with conditions",
                "user_rules.u[0] is {\"values\":{}}, expected an object with the id of a rule in \"rules\"",
                "user_rules.u[1].values is 3, expected an object of texts",
                "user_sample_rate.a is -1, expected a number from 0 to 100",
            ]
        );
    }

    #[test]
    fn whoever_may_be_in_a_cohort_that_cannot_be_read_is_known() {
        let cohorts = |json: &str| parse(&format!(r#"{{"user_rules":{json}}}"#)).0.user_rules;
        for json in ["null", "{}", "[]", r#"{"u":null}"#, r#"{"u":[]}"#] {
            let cohorts = cohorts(json);
            assert!(cohorts.incomplete.is_empty() && !cohorts.is_unreadable, "{json}");
        }
        for json in [r#"{"u":{"rules":"r"}}"#, r#"{"u":[{"rule":"r"}],"v":[{"rules":"r"}]}"#] {
            let cohorts = cohorts(json);
            assert_eq!(cohorts.incomplete, HashSet::from(["u".to_owned()]), "{json}");
            assert!(!cohorts.is_unreadable, "{json}");
        }
        for json in ["7", "[7]", r#"{"\ud800":[],"u":[{"rules":"r"}]}"#] {
            assert!(cohorts(json).is_unreadable, "{json}");
        }
    }

    #[test]
    fn a_share_is_exact_and_within_bounds() {
        let millionths = |percent| Percent::new(percent).map(Percent::millionths);
        assert_eq!(millionths(100.0), Some(100_000_000));
        assert_eq!(millionths(12.5), Some(12_500_000));
        assert_eq!((millionths(0.0), millionths(-0.0), millionths(1e-12)), (Some(0), Some(0), Some(1)));
        for outside in [-1e-9, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(millionths(outside), None);
        }
    }

    #[test]
    fn what_is_no_object_is_no_config() {
        for document in ["", "[]", "null", "7", "{", "\"a\""] {
            assert!(Config::parse(document.as_bytes()).is_none(), "{document}");
        }
        assert_eq!(parse("{}"), (Config::default(), Vec::new()));
    }
}
