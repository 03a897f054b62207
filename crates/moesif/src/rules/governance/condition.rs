//! The calls a rule is restricted to.

use moesif_wire::RegexConfig;

use super::call::{Call, Field};
use crate::diagnostics::Topic;
use crate::rules::pattern::RulePattern;

/// Conditions, compiled.
#[derive(Debug)]
pub(super) enum Restriction {
    None,
    /// One of these must hold. None of them may be left: a rule that cannot be understood applies to nothing.
    AnyOf(Vec<Vec<Condition>>),
}

/// A pattern that a field must match somewhere.
#[derive(Debug)]
pub(super) struct Condition {
    field: Field,
    pattern: RulePattern,
}

impl Restriction {
    /// Compiles alternatives. One with a condition that cannot be used never holds, and is left out.
    pub(super) fn new(rule: &str, alternatives: &[RegexConfig], complain: &mut impl FnMut(String)) -> Self {
        if alternatives.is_empty() {
            return Self::None;
        }
        let mut compile = |condition: &moesif_wire::Condition| {
            let moesif_wire::Condition { path, value } = condition;
            let Some(field) = Field::parse(path) else {
                complain(format!("{path} is nothing a rule can look at"));
                return None;
            };
            let name = format!("rule {rule}: the pattern of {path}");
            match RulePattern::new(value, name, Topic::Governance) {
                Ok(pattern) => Some(Condition { field, pattern }),
                Err(error) => {
                    complain(format!("the pattern of {path} cannot be used: {error}"));
                    None
                }
            }
        };
        let usable = |alternative: &RegexConfig| alternative.conditions.iter().map(&mut compile).collect();
        Self::AnyOf(alternatives.iter().filter_map(usable).collect())
    }

    pub(super) fn holds(&self, call: &Call<'_>) -> bool {
        match self {
            Self::None => true,
            Self::AnyOf(alternatives) => {
                alternatives.iter().any(|conditions| conditions.iter().all(|condition| condition.holds(call)))
            }
        }
    }

    /// The members of bodies that are looked at.
    pub(super) fn body_keys(&self) -> impl Iterator<Item = &str> {
        let alternatives = match self {
            Self::None => &[][..],
            Self::AnyOf(alternatives) => alternatives,
        };
        alternatives.iter().flatten().filter_map(|condition| match &condition.field {
            Field::Body(key) => Some(&**key),
            _ => None,
        })
    }
}

impl Condition {
    fn holds(&self, call: &Call<'_>) -> bool {
        call.has(&self.field, |text| self.pattern.is_in(text))
    }
}
