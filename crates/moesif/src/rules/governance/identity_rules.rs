//! Finds the rules that apply to a user or a company.

use std::collections::{HashMap, HashSet};

use moesif_wire::{AppliedTo, RuleEntry};

use super::rule::{AppliedRule, CompiledRule};
use super::template::Values;
use crate::rules::call_view::CallView;

/// Rules about users or about companies, and the cohorts that they refer to.
#[derive(Debug, Default)]
pub(super) struct IdentityRules {
    rules: Vec<CompiledRule>,
    /// Memberships in cohorts, by user or company id.
    memberships: HashMap<String, Vec<Membership>>,
    /// Ids with cohorts that could not be read.
    incomplete: HashSet<String>,
    /// No cohort could be read.
    is_unreadable: bool,
}

/// Membership in the cohort of a rule.
#[derive(Debug)]
struct Membership {
    /// Index of the rule.
    rule: usize,
    values: Values,
}

impl IdentityRules {
    /// Connects rules and cohorts. Leaves out memberships for unknown rules, which may be turned off or not
    /// loaded yet.
    pub(super) fn new(rules: Vec<CompiledRule>, cohorts: &moesif_wire::Cohorts) -> Self {
        let index: HashMap<&str, usize> =
            rules.iter().enumerate().map(|(index, rule)| (&*rule.id, index)).collect();
        let membership = |entry: &RuleEntry| {
            let rule = *index.get(&*entry.rule)?;
            Some(Membership { rule, values: entry.values.clone() })
        };
        let memberships = cohorts
            .entries
            .iter()
            .map(|(id, entries)| (id.clone(), entries.iter().filter_map(membership).collect()))
            .collect();
        let incomplete = cohorts.incomplete.clone();
        Self { rules, memberships, incomplete, is_unreadable: cohorts.is_unreadable }
    }

    pub(super) fn rules(&self) -> &[CompiledRule] {
        &self.rules
    }

    /// Adds the rules that apply to a call by this user or company. An empty id counts as none.
    pub(super) fn apply<'a>(
        &'a self,
        id: Option<&str>,
        call: &CallView<'_>,
        applied: &mut Vec<AppliedRule<'a>>,
    ) {
        match id.filter(|id| !id.is_empty()) {
            None => self.apply_unidentified(call, applied),
            Some(id) => {
                let memberships = self.memberships.get(id).map_or(&[][..], |memberships| memberships);
                self.apply_matching(memberships, call, applied);
                // If some cohorts could not be read, this id may be in the cohort of a `not_matching` rule.
                if !self.is_unreadable && !self.incomplete.contains(id) {
                    self.apply_not_matching(memberships, call, applied);
                }
            }
        }
    }

    /// Adds the rules that apply to calls without an id.
    fn apply_unidentified<'a>(&'a self, call: &CallView<'_>, applied: &mut Vec<AppliedRule<'a>>) {
        let rules = self.rules.iter().filter(|rule| rule.applied_to_unidentified && rule.matches(call));
        applied.extend(rules.map(|rule| AppliedRule { rule, values: None }));
    }

    /// Adds the `matching` rules of these cohorts, in the order of the memberships.
    fn apply_matching<'a>(
        &'a self,
        memberships: &'a [Membership],
        call: &CallView<'_>,
        applied: &mut Vec<AppliedRule<'a>>,
    ) {
        for Membership { rule, values } in memberships {
            if let Some(rule) = self.rules.get(*rule)
                && rule.applied_to == AppliedTo::Matching
                && rule.matches(call)
            {
                applied.push(AppliedRule { rule, values: Some(values) });
            }
        }
    }

    /// Adds the `not_matching` rules of all other cohorts, in the order of the rules.
    fn apply_not_matching<'a>(
        &'a self,
        memberships: &[Membership],
        call: &CallView<'_>,
        applied: &mut Vec<AppliedRule<'a>>,
    ) {
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.applied_to == AppliedTo::NotMatching
                && !memberships.iter().any(|membership| membership.rule == index)
                && rule.matches(call)
            {
                applied.push(AppliedRule { rule, values: None });
            }
        }
    }
}
