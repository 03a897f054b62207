//! The reply to `GET /v1/config`: sampling rates, and the rule cohorts of users and companies.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use crate::{
    document::{InvalidField, InvalidFields, array, number, object, present, text},
    text::is_null,
};

/// Remote configuration. Every part is optional. An invalid part is skipped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Share of calls to keep if no other rate applies.
    pub sample_rate: Option<Percent>,
    /// Share of calls to keep, by user id.
    pub user_sample_rate: HashMap<String, Percent>,
    /// Share of calls to keep, by company id.
    pub company_sample_rate: HashMap<String, Percent>,
    /// Share of calls to keep, by properties of the call. The first entry that matches is used.
    pub regex_config: Vec<RegexConfig>,
    /// Governance rules for cohorts of users.
    pub user_rules: Cohorts,
    /// Governance rules for cohorts of companies.
    pub company_rules: Cohorts,
}

/// Users or companies in the cohorts of governance rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cohorts {
    /// Rules by the id of the user or company, in the order of the document.
    pub entries: HashMap<String, Vec<RuleEntry>>,
    /// Ids with entries that cannot be read. These ids may be in other cohorts too.
    pub incomplete: HashSet<String>,
    /// The document has cohorts, but none of them can be read.
    pub is_unreadable: bool,
}

/// A share from 0 to 100 percent, in millionths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

impl Percent {
    /// 100 percent.
    pub const ALL: Self = Self(100_000_000);

    /// Converts a percentage. Rounds up, so that a share above 0 stays above 0. `None` outside of 0 to 100.
    #[must_use]
    pub fn new(percent: f64) -> Option<Self> {
        // `abs`: the text of -0 has a sign, which an unsigned integer cannot have.
        let millionths = (0.0..=100.0).contains(&percent).then_some((percent.abs() * 1e6).ceil())?;
        millionths.to_string().parse().ok().map(Self)
    }

    /// Returns millionths of a percent: 100,000,000 for [`Percent::ALL`].
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

/// A group of conditions that must all hold. A list of groups matches if one group does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegexConfig {
    /// The conditions.
    pub conditions: Vec<Condition>,
    /// Share of matching calls to keep. Used for sampling only.
    pub sample_rate: Option<Percent>,
}

/// A field and a pattern that must match somewhere in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The field, such as `request.route`.
    pub path: String,
    /// The pattern.
    pub value: String,
}

/// A governance rule that applies to one user or company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleEntry {
    /// Id of the rule.
    pub rule: String,
    /// Values of the rule's merge tags for this user or company, by name.
    pub values: HashMap<String, String>,
}

impl Config {
    /// Parses a document and skips its invalid parts. `None` if it is not a JSON object.
    #[must_use]
    pub fn parse(document: &[u8]) -> Option<(Self, Vec<InvalidField>)> {
        let members = object(serde_json::from_slice::<&RawValue>(document).ok()?)?;
        let mut invalid = InvalidFields::default();
        let mut config = Self::default();
        if let Some(rate) = present(&members, "sample_rate") {
            config.sample_rate = percent("sample_rate", rate, &mut invalid);
        }
        config.user_sample_rate = map_by_id(&members, "user_sample_rate", &mut invalid, percent);
        config.company_sample_rate = map_by_id(&members, "company_sample_rate", &mut invalid, percent);
        config.user_rules = Cohorts::parse(&members, "user_rules", &mut invalid);
        config.company_rules = Cohorts::parse(&members, "company_rules", &mut invalid);
        if let Some(list) = present(&members, "regex_config") {
            config.regex_config = RegexConfig::parse_list("regex_config", list, &mut invalid);
        }
        Some((config, invalid.0))
    }
}

fn percent(path: &str, json: &RawValue, invalid: &mut InvalidFields) -> Option<Percent> {
    let percent = number(json).and_then(Percent::new);
    if percent.is_none() {
        invalid.add(path, json, "a number from 0 to 100");
    }
    percent
}

/// Reads an object with an id as the name of each member. Leaves out a member if `parse` returns `None`.
fn map_by_id<T>(
    members: &HashMap<String, &RawValue>,
    name: &str,
    invalid: &mut InvalidFields,
    mut parse: impl FnMut(&str, &RawValue, &mut InvalidFields) -> Option<T>,
) -> HashMap<String, T> {
    let Some(json) = present(members, name) else {
        return HashMap::new();
    };
    let Some(entries) = object(json) else {
        invalid.add(name, json, "an object with an id as the name of each member");
        return HashMap::new();
    };
    let entries = entries.into_iter().filter(|(_, value)| !is_null(value));
    entries
        .filter_map(|(id, value)| {
            let parsed = parse(&format!("{name}.{id}"), value, invalid)?;
            Some((id, parsed))
        })
        .collect()
}

impl Cohorts {
    fn parse(members: &HashMap<String, &RawValue>, name: &str, invalid: &mut InvalidFields) -> Self {
        let mut incomplete = HashSet::new();
        let invalid_before = invalid.len();
        let entries = map_by_id(members, name, invalid, |path, json, invalid| {
            let invalid_before = invalid.len();
            let entries = RuleEntry::parse_list(path, json, invalid);
            if entries.is_none() || invalid.len() > invalid_before {
                incomplete
                    .extend(path.strip_prefix(name).and_then(|id| id.strip_prefix('.')).map(str::to_owned));
            }
            entries
        });
        // Some services write an empty object as an empty list.
        let is_empty_list = present(members, name).and_then(array).is_some_and(|items| items.is_empty());
        let is_unreadable =
            entries.is_empty() && incomplete.is_empty() && invalid.len() > invalid_before && !is_empty_list;
        Self { entries, incomplete, is_unreadable }
    }
}

impl RuleEntry {
    fn parse_list(path: &str, json: &RawValue, invalid: &mut InvalidFields) -> Option<Vec<Self>> {
        let Some(items) = array(json) else {
            invalid.add(path, json, "a list of rules");
            return None;
        };
        let parse = |(index, item)| Self::parse(&format!("{path}[{index}]"), item, invalid);
        Some(items.into_iter().enumerate().filter_map(parse).collect())
    }

    fn parse(path: &str, json: &RawValue, invalid: &mut InvalidFields) -> Option<Self> {
        let members = object(json);
        let rule = members.as_ref().and_then(|members| present(members, "rules")).and_then(text);
        let (Some(members), Some(rule)) = (members, rule) else {
            invalid.add(path, json, "an object with the id of a rule in \"rules\"");
            return None;
        };
        let values = present(&members, "values").map_or_else(HashMap::new, |values| {
            let texts = object(values);
            if texts.is_none() {
                invalid.add(format!("{path}.values"), values, "an object of strings");
            }
            let texts = texts.unwrap_or_default().into_iter();
            texts.filter_map(|(name, value)| text(value).map(|text| (name, text))).collect()
        });
        Some(Self { rule, values })
    }
}

impl RegexConfig {
    /// Reads a list of groups of conditions. An invalid group is left out.
    pub(crate) fn parse_list(path: &str, json: &RawValue, invalid: &mut InvalidFields) -> Vec<Self> {
        let Some(items) = array(json) else {
            invalid.add(path, json, "a list of conditions");
            return Vec::new();
        };
        let parse = |(index, item)| Self::parse(&format!("{path}[{index}]"), item, invalid);
        items.into_iter().enumerate().filter_map(parse).collect()
    }

    fn parse(path: &str, json: &RawValue, invalid: &mut InvalidFields) -> Option<Self> {
        let Some(members) = object(json) else {
            invalid.add(path, json, "an object with conditions");
            return None;
        };
        let sample_rate = match present(&members, "sample_rate") {
            Some(rate) => Some(percent(&format!("{path}.sample_rate"), rate, invalid)?),
            None => None,
        };
        let conditions = match present(&members, "conditions") {
            Some(conditions) => Condition::parse_list(&format!("{path}.conditions"), conditions, invalid)?,
            None => Vec::new(),
        };
        Some(Self { conditions, sample_rate })
    }
}

impl Condition {
    /// Reads a list of conditions. `None` if one of them is invalid: without it, the others would match more
    /// calls.
    fn parse_list(path: &str, json: &RawValue, invalid: &mut InvalidFields) -> Option<Vec<Self>> {
        let Some(items) = array(json) else {
            invalid.add(path, json, "a list of conditions");
            return None;
        };
        let parse = |(index, item)| {
            let condition = Self::parse(item);
            if condition.is_none() {
                invalid.add(format!("{path}[{index}]"), item, "an object with path and value");
            }
            condition
        };
        items.into_iter().enumerate().map(parse).collect()
    }

    fn parse(json: &RawValue) -> Option<Self> {
        let members = object(json)?;
        let member = |name| present(&members, name).and_then(text);
        Some(Self { path: member("path")?, value: member("value")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(document: &str) -> (Config, Vec<String>) {
        let (config, invalid) = Config::parse(document.as_bytes()).unwrap();
        (config, invalid.iter().map(InvalidField::to_string).collect())
    }

    #[test]
    fn parses_a_complete_document() {
        let (config, invalid) = parse(
            r#"{"org_id":"1:2","app_id":"3:4","sample_rate":80,"block_bot_traffic":false,
            "user_sample_rate":{"u-17":10},"company_sample_rate":{"acme":50},
            "user_rules":{"u-17":[{"rules":"r-quota","values":{"0":"Basic","1":1000,"2":null}}]},
            "company_rules":{"acme":[{"rules":"r-overdue"}]},
            "ip_addresses_blocked_by_name":{},
            "regex_config":[{"conditions":[{"path":"request.route","value":"^/health"}],"sample_rate":0}]}"#,
        );
        assert_eq!(invalid, [""; 0]);
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
    fn invalid_parts_are_skipped_and_reported() {
        let (config, mut invalid) = parse(
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
        invalid.sort();
        assert_eq!(
            invalid,
            [
                "company_sample_rate is 7, expected an object with an id as the name of each member",
                r#"regex_config[0].conditions[0] is {"path":"request.verb"}, expected an object with path and value"#,
                "regex_config[1] is 7, expected an object with conditions",
                "user_rules.u[0] is {\"values\":{}}, expected an object with the id of a rule in \"rules\"",
                "user_rules.u[1].values is 3, expected an object of strings",
                "user_sample_rate.a is -1, expected a number from 0 to 100",
            ]
        );
    }

    #[test]
    fn ids_with_unreadable_cohorts_are_incomplete() {
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
    fn percent_is_exact_and_within_bounds() {
        let millionths = |percent| Percent::new(percent).map(Percent::millionths);
        assert_eq!(millionths(100.0), Some(100_000_000));
        assert_eq!(millionths(12.5), Some(12_500_000));
        assert_eq!((millionths(0.0), millionths(-0.0), millionths(1e-12)), (Some(0), Some(0), Some(1)));
        for outside in [-1e-9, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(millionths(outside), None);
        }
    }

    #[test]
    fn document_that_is_not_an_object_is_no_config() {
        for document in ["", "[]", "null", "7", "{", "\"a\""] {
            assert!(Config::parse(document.as_bytes()).is_none(), "{document}");
        }
        assert_eq!(parse("{}"), (Config::default(), Vec::new()));
    }
}
