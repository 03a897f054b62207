//! The reply to `GET /v1/rules`: the governance rules.

use serde_json::value::RawValue;

use crate::{
    config::RegexConfig,
    document::{InvalidField, InvalidFields, array, boolean, number, object, present, text},
    raw::RawObject,
};

/// A governance rule. `docs/wire-contract.md` describes how rules are applied.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Id that a config's entries and an event's `blocked_by` refer to.
    pub id: String,
    /// What the rule is about.
    pub kind: RuleKind,
    /// Whether the rule answers instead of the application. If not, it only adds headers.
    pub block: bool,
    /// Whether the rule applies to the members of its cohorts, or to all others.
    pub applied_to: AppliedTo,
    /// Whether a rule about users (or companies) applies to calls without a user id (or company id).
    pub applied_to_unidentified: bool,
    /// Calls the rule is restricted to. Empty means all calls.
    pub regex_config: Vec<RegexConfig>,
    /// Status of the answer, if the rule sets a valid one.
    pub status: Option<u16>,
    /// Headers of the answer, in order. If the rule does not block, headers to add to the application's
    /// response.
    pub headers: Vec<(String, String)>,
    /// Body of the answer.
    pub body: Option<Box<RawValue>>,
    /// Names of the merge tags that are replaced.
    pub variables: Vec<String>,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// The call.
    Regex,
    /// The company.
    Company,
    /// The user.
    User,
}

/// Which users or companies a rule applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppliedTo {
    /// Those that have an entry for the rule.
    Matching,
    /// Those that have no entry for the rule.
    NotMatching,
}

impl Rule {
    /// Parses a list of rules. An invalid rule is left out and reported. A rule of an unknown type is left
    /// out silently. `None` if the document is not a JSON array.
    #[must_use]
    pub fn parse_list(document: &[u8]) -> Option<(Vec<Self>, Vec<InvalidField>)> {
        let items = array(serde_json::from_slice::<&RawValue>(document).ok()?)?;
        let mut invalid = InvalidFields::default();
        let rules = items
            .into_iter()
            .enumerate()
            .filter_map(|(index, item)| Self::parse(&format!("rules[{index}]"), item, &mut invalid))
            .collect();
        Some((rules, invalid.0))
    }

    fn parse(path: &str, json: &RawValue, invalid: &mut InvalidFields) -> Option<Self> {
        let Some(members) = object(json) else {
            invalid.add(path, json, "a rule");
            return None;
        };
        let Some(id) = present(&members, "_id").and_then(text) else {
            invalid.add(path, json, "a rule with an _id");
            return None;
        };
        let path = &format!("{path} ({id})");
        let kind = match present(&members, "type").and_then(text).as_deref() {
            Some("regex") => RuleKind::Regex,
            Some("company") => RuleKind::Company,
            Some("user") => RuleKind::User,
            Some(_) => return None,
            None => {
                invalid.add(path, json, "a rule with a type");
                return None;
            }
        };
        let either = |name, other| present(&members, name).or_else(|| present(&members, other));
        // An invalid value makes the whole rule invalid, because a default could block other calls.
        let applied_to = match either("applied_to", "appliedTo") {
            None => AppliedTo::Matching,
            Some(value) => AppliedTo::parse(&format!("{path}.applied_to"), value, invalid)?,
        };
        let block = flag(&format!("{path}.block"), present(&members, "block"), invalid)?;
        let applied_to_unidentified = flag(
            &format!("{path}.applied_to_unidentified"),
            either("applied_to_unidentified", "appliedToUnidentified"),
            invalid,
        )?;
        let mut rule = Self {
            id,
            kind,
            block,
            applied_to,
            applied_to_unidentified,
            regex_config: Vec::new(),
            status: None,
            headers: Vec::new(),
            body: None,
            variables: Vec::new(),
        };
        if let Some(restrictions) = present(&members, "regex_config") {
            // Without one of its restrictions, the rule would apply to too many calls.
            let invalid_before = invalid.len();
            rule.regex_config =
                RegexConfig::parse_list(&format!("{path}.regex_config"), restrictions, invalid);
            if invalid.len() > invalid_before {
                return None;
            }
        }
        if let Some(response) = present(&members, "response") {
            rule.read_response(&format!("{path}.response"), response, invalid)?;
        }
        if let Some(variables) = present(&members, "variables") {
            let Some(items) = array(variables) else {
                invalid.add(format!("{path}.variables"), variables, "a list of objects with a name");
                return None;
            };
            let name = |item| object(item).and_then(|members| present(&members, "name").and_then(text));
            rule.variables = items.into_iter().filter_map(name).collect();
        }
        Some(rule)
    }

    fn read_response(&mut self, path: &str, json: &RawValue, invalid: &mut InvalidFields) -> Option<()> {
        let Some(members) = object(json) else {
            invalid.add(path, json, "an object with status, headers and body");
            return None;
        };
        let status =
            |number: f64| number.to_string().parse().ok().filter(|status| (200..=599).contains(status));
        // A rule with an invalid status still applies, with the default status of blocked calls.
        if let Some(value) = present(&members, "status") {
            self.status = number(value).and_then(status);
            if self.status.is_none() {
                invalid.add(format!("{path}.status"), value, "a status from 200 to 599");
            }
        }
        if let Some(headers) = present(&members, "headers") {
            let Ok(fields) = serde_json::from_str::<RawObject<'_, String, { usize::MAX }>>(headers.get())
            else {
                invalid.add(format!("{path}.headers"), headers, "an object of strings");
                return None;
            };
            self.headers =
                fields.members.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect();
        }
        self.body = present(&members, "body").map(ToOwned::to_owned);
        Some(())
    }
}

impl AppliedTo {
    fn parse(path: &str, json: &RawValue, invalid: &mut InvalidFields) -> Option<Self> {
        match text(json).as_deref() {
            Some("matching") => Some(Self::Matching),
            Some("not_matching") => Some(Self::NotMatching),
            _ => {
                invalid.add(path, json, "matching or not_matching");
                None
            }
        }
    }
}

/// Reads a boolean that is false if absent.
fn flag(path: &str, json: Option<&RawValue>, invalid: &mut InvalidFields) -> Option<bool> {
    let Some(json) = json else {
        return Some(false);
    };
    let flag = boolean(json);
    if flag.is_none() {
        invalid.add(path, json, "true or false");
    }
    flag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(document: &str) -> (Vec<Rule>, Vec<String>) {
        let (rules, invalid) = Rule::parse_list(document.as_bytes()).unwrap();
        (rules, invalid.iter().map(InvalidField::to_string).collect())
    }

    #[test]
    fn minimal_rule_has_defaults() {
        let (rules, invalid) = parse(r#"[{"_id":"a","type":"user","regex_config":null}]"#);
        assert_eq!(invalid, [""; 0]);
        let [rule] = &rules[..] else { panic!("{rules:?}") };
        assert_eq!((rule.kind, rule.block, rule.applied_to), (RuleKind::User, false, AppliedTo::Matching));
        assert!(!rule.applied_to_unidentified && rule.regex_config.is_empty() && rule.body.is_none());
    }

    #[test]
    fn parses_a_complete_rule() {
        let (rules, invalid) = parse(
            r#"[{"_id":"b","type":"company","name":"n","block":true,"appliedTo":"not_matching",
            "appliedToUnidentified":true,"state":2,"cohorts":[{"id":"c"}],
            "regex_config":[{"conditions":[{"path":"request.body.n","value":1}]}],
            "variables":[{"name":"0","path":"body.x"},{}],
            "response":{"status":402,"headers":{"B":"1","A":2,"C":null},"body":{"z":1,"a":"{{0}}"}}}]"#,
        );
        assert_eq!(invalid, [""; 0]);
        let [rule] = &rules[..] else { panic!("{rules:?}") };
        assert_eq!((rule.applied_to, rule.applied_to_unidentified), (AppliedTo::NotMatching, true));
        assert_eq!(rule.regex_config[0].conditions[0].value, "1");
        assert_eq!(rule.headers, [("B".into(), "1".into()), ("A".into(), "2".into())]);
        assert_eq!(rule.body.as_ref().unwrap().get(), r#"{"z":1,"a":"{{0}}"}"#);
        assert_eq!((rule.status, &rule.variables[..]), (Some(402), &["0".to_owned()][..]));
    }

    #[test]
    fn only_invalid_rules_are_left_out() {
        let (rules, invalid) = parse(
            r#"[7,{"type":"user"},{"_id":"x"},{"_id":"u","type":"plan"},
            {"_id":"y","type":"user","applied_to":"some"},{"_id":"z","type":"user","block":"maybe"},
            {"_id":"r","type":"regex","regex_config":[{"conditions":[{"path":"request.verb"}]}]},
            {"_id":"s","type":"regex","block":true,"response":{"status":9999}},{"_id":"ok","type":"regex"}]"#,
        );
        let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(ids, ["s", "ok"]);
        assert_eq!(rules[0].status, None);
        assert_eq!(invalid.len(), 7, "{invalid:#?}");
        assert!(Rule::parse_list(b"{}").is_none() && Rule::parse_list(b"[").is_none());
    }
}
