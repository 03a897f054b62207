//! What `GET /v1/rules` answers: the governance rules.

use serde_json::value::RawValue;

use crate::config::{Complaint, Complaints, RegexConfig};
use crate::lenient::{array, boolean, number, object, present, text};

/// A governance rule. How rules are applied is `docs/wire-contract.md`'s to say.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What a config's entries and an event's `blocked_by` refer to.
    pub id: String,
    /// What it looks at.
    pub kind: RuleKind,
    /// Whether it answers in the application's place; otherwise it only adds headers.
    pub block: bool,
    /// Whether it applies to the members of its cohorts, or to everybody else.
    pub applied_to: AppliedTo,
    /// Whether it applies to calls without an id of its kind.
    pub applied_to_unidentified: bool,
    /// Calls it is restricted to; empty means all.
    pub regex_config: Vec<RegexConfig>,
    /// The status of the answer, where it is one.
    pub status: Option<u16>,
    /// Headers of the answer, in order; for a rule that does not block, headers to add to the application's.
    pub headers: Vec<(String, String)>,
    /// The answer's body.
    pub body: Option<Box<RawValue>>,
    /// Names of the merge tags that may be replaced.
    pub variables: Vec<String>,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// The call.
    Regex,
    /// The company.
    Company,
    /// The user.
    User,
}

/// Whom a rule about users or companies applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppliedTo {
    /// Those whose entries name it.
    Matching,
    /// Those whose entries do not.
    NotMatching,
}

impl Rule {
    /// Reads a list of rules. A malformed one is left out, a rule of an unknown kind silently. `None` when the document is
    /// no JSON array.
    #[must_use]
    pub fn parse_list(document: &[u8]) -> Option<(Vec<Self>, Vec<Complaint>)> {
        let items = array(serde_json::from_slice::<&RawValue>(document).ok()?)?;
        let mut complaints = Complaints::default();
        let rules = items
            .into_iter()
            .enumerate()
            .filter_map(|(index, item)| Self::parse(&format!("rules[{index}]"), item, &mut complaints))
            .collect();
        Some((rules, complaints.0))
    }

    fn parse(path: &str, json: &RawValue, complaints: &mut Complaints) -> Option<Self> {
        let Some(members) = object(json) else {
            complaints.add(path, json, "a rule");
            return None;
        };
        let Some(id) = present(&members, "_id").and_then(text) else {
            complaints.add(path, json, "a rule with an _id");
            return None;
        };
        let path = &format!("{path} ({id})");
        let kind = match present(&members, "type").and_then(text).as_deref() {
            Some("regex") => RuleKind::Regex,
            Some("company") => RuleKind::Company,
            Some("user") => RuleKind::User,
            Some(_) => return None,
            None => {
                complaints.add(path, json, "a rule with a type");
                return None;
            }
        };
        let either = |name, other| present(&members, name).or_else(|| present(&members, other));
        // A rule that is read wrongly could block whom it is not meant for.
        let applied_to = match either("applied_to", "appliedTo") {
            None => AppliedTo::Matching,
            Some(value) => match text(value).as_deref() {
                Some("matching") => AppliedTo::Matching,
                Some("not_matching") => AppliedTo::NotMatching,
                _ => {
                    complaints.add(format!("{path}.applied_to"), value, "matching or not_matching");
                    return None;
                }
            },
        };
        let mut flag = |path: String, value: Option<&RawValue>| match value {
            None => Some(false),
            Some(value) => boolean(value).or_else(|| {
                complaints.add(path, value, "true or false");
                None
            }),
        };
        let block = flag(format!("{path}.block"), present(&members, "block"))?;
        let unidentified = either("applied_to_unidentified", "appliedToUnidentified");
        let applied_to_unidentified = flag(format!("{path}.applied_to_unidentified"), unidentified)?;
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
            // Without one of its restrictions, the rule would not be the one that was written.
            let before = complaints.0.len();
            rule.regex_config = complaints.regex_config(&format!("{path}.regex_config"), restrictions);
            if complaints.0.len() > before {
                return None;
            }
        }
        if let Some(response) = present(&members, "response") {
            rule.read_response(&format!("{path}.response"), response, complaints)?;
        }
        if let Some(variables) = present(&members, "variables") {
            let Some(items) = array(variables) else {
                complaints.add(format!("{path}.variables"), variables, "a list of objects with a name");
                return None;
            };
            let name = |item| object(item).and_then(|members| present(&members, "name").and_then(text));
            rule.variables = items.into_iter().filter_map(name).collect();
        }
        Some(rule)
    }

    fn read_response(&mut self, path: &str, json: &RawValue, complaints: &mut Complaints) -> Option<()> {
        let Some(members) = object(json) else {
            complaints.add(path, json, "an object with status, headers and body");
            return None;
        };
        // What is no status an answer can end with falls back to the one that blocked calls have.
        let status =
            |number: f64| number.to_string().parse().ok().filter(|status| (200..=599).contains(status));
        if let Some(value) = present(&members, "status") {
            self.status = number(value).and_then(status);
            if self.status.is_none() {
                complaints.add(format!("{path}.status"), value, "a status from 200 to 599");
            }
        }
        if let Some(headers) = present(&members, "headers") {
            let Ok(fields) = serde_json::from_str::<Fields<'_>>(headers.get()) else {
                complaints.add(format!("{path}.headers"), headers, "an object of texts");
                return None;
            };
            self.headers =
                fields.0.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect();
        }
        self.body = present(&members, "body").map(ToOwned::to_owned);
        Some(())
    }
}

/// An object's members in their order.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Fields<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(document: &str) -> (Vec<Rule>, Vec<String>) {
        let (rules, complaints) = Rule::parse_list(document.as_bytes()).unwrap();
        (rules, complaints.iter().map(Complaint::to_string).collect())
    }

    #[test]
    fn the_least_of_a_rule_has_defaults() {
        let (rules, complaints) = parse(r#"[{"_id":"a","type":"user","regex_config":null}]"#);
        assert_eq!(complaints, [""; 0]);
        let [rule] = &rules[..] else { panic!("{rules:?}") };
        assert_eq!((rule.kind, rule.block, rule.applied_to), (RuleKind::User, false, AppliedTo::Matching));
        assert!(!rule.applied_to_unidentified && rule.regex_config.is_empty() && rule.body.is_none());
    }

    #[test]
    fn a_whole_rule_is_read() {
        let (rules, complaints) = parse(
            r#"[{"_id":"b","type":"company","name":"n","block":true,"appliedTo":"not_matching",
            "appliedToUnidentified":true,"state":2,"cohorts":[{"id":"c"}],
            "regex_config":[{"conditions":[{"path":"request.body.n","value":1}]}],
            "variables":[{"name":"0","path":"body.x"},{}],
            "response":{"status":402,"headers":{"B":"1","A":2,"C":null},"body":{"z":1,"a":"{{0}}"}}}]"#,
        );
        assert_eq!(complaints, [""; 0]);
        let [rule] = &rules[..] else { panic!("{rules:?}") };
        assert_eq!((rule.applied_to, rule.applied_to_unidentified), (AppliedTo::NotMatching, true));
        assert_eq!(rule.regex_config[0].conditions[0].value, "1");
        assert_eq!(rule.headers, [("B".into(), "1".into()), ("A".into(), "2".into())]);
        assert_eq!(rule.body.as_ref().unwrap().get(), r#"{"z":1,"a":"{{0}}"}"#);
        assert_eq!((rule.status, &rule.variables[..]), (Some(402), &["0".to_owned()][..]));
    }

    #[test]
    fn only_the_malformed_rule_is_left_out() {
        let (rules, complaints) = parse(
            r#"[7,{"type":"user"},{"_id":"x"},{"_id":"u","type":"plan"},
            {"_id":"y","type":"user","applied_to":"some"},{"_id":"z","type":"user","block":"maybe"},
            {"_id":"r","type":"regex","regex_config":[{"conditions":[{"path":"request.verb"}]}]},
            {"_id":"s","type":"regex","block":true,"response":{"status":9999}},{"_id":"ok","type":"regex"}]"#,
        );
        let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(ids, ["s", "ok"]);
        assert_eq!(rules[0].status, None);
        assert_eq!(complaints.len(), 7, "{complaints:#?}");
        assert!(Rule::parse_list(b"{}").is_none() && Rule::parse_list(b"[").is_none());
    }
}
