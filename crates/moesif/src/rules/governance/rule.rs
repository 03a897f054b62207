//! Compiled rules and the calls they are restricted to.

use moesif_wire::{AppliedTo, RegexConfig, Rule};

use super::answer::Answer;
use super::template::Values;
use crate::rules::call_view::CallView;
use crate::rules::condition::{AllOf, Purpose};

/// A rule, compiled.
#[derive(Debug)]
pub(super) struct CompiledRule {
    pub(super) id: String,
    pub(super) applied_to: AppliedTo,
    pub(super) applied_to_unidentified: bool,
    calls: CallFilter,
    pub(super) answer: Answer,
}

/// A rule that applies to a call, and the values of its merge tags.
pub(super) struct AppliedRule<'a> {
    pub(super) rule: &'a CompiledRule,
    pub(super) values: Option<&'a Values>,
}

/// Calls that a rule is restricted to.
#[derive(Debug)]
enum CallFilter {
    All,
    /// Calls that meet one of these alternatives. If the list is empty, because no alternative could be used,
    /// the rule applies to no call.
    AnyOf(Vec<AllOf>),
}

impl CompiledRule {
    /// Compiles a rule. Adds a message to `problems` for each part that cannot be used.
    pub(super) fn new(rule: &Rule, problems: &mut Vec<String>) -> Self {
        let name = format!("rule {}", rule.id);
        let mut report = |problem: String| problems.push(format!("{name}: {problem}"));
        Self {
            id: rule.id.clone(),
            applied_to: rule.applied_to,
            applied_to_unidentified: rule.applied_to_unidentified,
            calls: CallFilter::new(&name, &rule.regex_config, &mut report),
            answer: Answer::new(rule, &mut report),
        }
    }

    /// Returns whether the call meets the conditions of this rule.
    pub(super) fn matches(&self, call: &CallView<'_>) -> bool {
        match &self.calls {
            CallFilter::All => true,
            CallFilter::AnyOf(alternatives) => alternatives.iter().any(|conditions| conditions.are_met(call)),
        }
    }

    /// Returns the members of request bodies that the conditions use.
    pub(super) fn body_keys(&self) -> impl Iterator<Item = &str> {
        let alternatives = match &self.calls {
            CallFilter::All => &[][..],
            CallFilter::AnyOf(alternatives) => alternatives,
        };
        alternatives.iter().flat_map(AllOf::body_keys)
    }
}

impl CallFilter {
    /// Compiles alternatives. Leaves out and reports those with a condition that cannot be used.
    fn new(rule: &str, alternatives: &[RegexConfig], report: &mut impl FnMut(String)) -> Self {
        if alternatives.is_empty() {
            return Self::All;
        }
        let compile = |alternative: &RegexConfig| {
            AllOf::new(&alternative.conditions, Purpose::Governance, rule)
                .map_err(|error| report(error.to_string()))
                .ok()
        };
        Self::AnyOf(alternatives.iter().filter_map(compile).collect())
    }
}
