//! Governance rules: which calls are answered in the application's place, and which get headers of somebody else's.
//!
//! In: rules and the cohorts of users and companies, as a collector serves them, compiled once on the thread that fetched
//! them; then one call after the other, each before the application sees it. Out: a [`Decision`]. Nothing of a call is
//! kept and nothing compiled is ever changed, so that one user's values cannot reach another (`docs/guarantees.md`, I-31).
//! What cannot be used applies to nothing; `docs/wire-contract.md` says which rule counts when there is more than one.

mod answer;
mod call;
mod condition;
mod template;

use std::collections::{HashMap, HashSet};

use moesif_wire::{AppliedTo, Config, Rule, RuleEntry, RuleKind};

pub use answer::Block;

use crate::call::Exchange;
use answer::Answer;
use call::Call;
use condition::Restriction;
use template::Values;

/// The rules in force. [`Default`] is none.
#[derive(Debug, Default)]
pub struct Governance {
    /// Rules about the call itself.
    calls: Vec<Governed>,
    companies: Cohorts,
    users: Cohorts,
    /// The members of request bodies that rules look at.
    body_keys: HashSet<String>,
}

/// What rules make of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The application answers. These headers are set on its response, in place of those it gives the same names, except
    /// that a `Set-Cookie` is added. Names are unique in any case, and no value can end its header.
    Pass(Vec<(String, String)>),
    /// A rule answers, and the application is not asked.
    Block(Block),
}

/// A rule, compiled.
#[derive(Debug)]
struct Governed {
    id: String,
    applied_to: AppliedTo,
    applied_to_unidentified: bool,
    restriction: Restriction,
    answer: Answer,
}

/// Rules about users or about companies, and whose cohorts refer to them.
#[derive(Debug, Default)]
struct Cohorts {
    rules: Vec<Governed>,
    members: HashMap<String, Vec<Membership>>,
    /// Who may be in cohorts that are not in `members`.
    incomplete: HashSet<String>,
    /// Everybody may be.
    is_unreadable: bool,
}

/// That somebody is in a cohort of a rule.
#[derive(Debug)]
struct Membership {
    /// Index of the rule.
    rule: usize,
    values: Values,
}

/// A rule that applies to a call, and what its tags stand for.
type Applied<'a> = (&'a Governed, Option<&'a Values>);

impl Governance {
    /// Compiles rules. Also returns, as sentences for the log, what of them cannot be used.
    #[must_use]
    pub fn new(rules: &[Rule], config: &Config) -> (Self, Vec<String>) {
        let mut complaints = Vec::new();
        let mut of_kind = |kind| -> Vec<Governed> {
            let rules = rules.iter().filter(|rule| rule.kind == kind);
            rules.map(|rule| Governed::new(rule, &mut complaints)).collect()
        };
        let calls = of_kind(RuleKind::Regex);
        let companies = Cohorts::new(of_kind(RuleKind::Company), &config.company_rules);
        let users = Cohorts::new(of_kind(RuleKind::User), &config.user_rules);
        let all = calls.iter().chain(&companies.rules).chain(&users.rules);
        let body_keys = all.flat_map(|rule| rule.restriction.body_keys()).map(str::to_owned).collect();
        (Self { calls, companies, users, body_keys }, complaints)
    }

    /// Whether there are no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.companies.rules.is_empty() && self.users.rules.is_empty()
    }

    /// Whether it matters which user makes a call.
    #[must_use]
    pub fn needs_user_id(&self) -> bool {
        !self.users.rules.is_empty()
    }

    /// Whether it matters which company a call is made for.
    #[must_use]
    pub fn needs_company_id(&self) -> bool {
        !self.companies.rules.is_empty()
    }

    /// Whether it matters what is in a request's body.
    #[must_use]
    pub fn needs_request_body(&self) -> bool {
        !self.body_keys.is_empty()
    }

    /// What rules make of a call whose request is recorded, with the ids as far as they are known. A user who has not been
    /// named by the application is looked for in the request's headers, as for the event. About whom the application could not
    /// be asked ([`Exchange::doubt_user`]), no rule of that kind holds, whoever the headers name.
    #[must_use]
    pub fn decide(&self, exchange: &Exchange) -> Decision {
        let call = Call::new(exchange, &self.body_keys);
        // The last one counts: rules about users before those about companies before those about calls.
        let mut applied: Vec<Applied<'_>> =
            self.calls.iter().filter(|rule| rule.holds(&call)).map(|rule| (rule, None)).collect();
        if self.needs_company_id() && !exchange.is_company_in_doubt() {
            self.companies.apply(call.company_id(), &call, &mut applied);
        }
        if self.needs_user_id() && !exchange.is_user_in_doubt() {
            self.users.apply(call.user_id().as_deref(), &call, &mut applied);
        }
        let mut headers = Vec::new();
        for (rule, values) in &applied {
            rule.answer.merge_headers(*values, &mut headers);
        }
        let block = applied.iter().rev().find_map(|(rule, values)| Some((rule, rule.answer.block(*values)?)));
        match block {
            None => Decision::Pass(headers),
            Some((rule, (status, body))) => {
                Decision::Block(Block::new(&rule.id, status, headers, body, call.is_head()))
            }
        }
    }
}

impl Governed {
    fn new(rule: &Rule, complaints: &mut Vec<String>) -> Self {
        let mut complain = |found: String| complaints.push(format!("rule {}: {found}", rule.id));
        Self {
            id: rule.id.clone(),
            applied_to: rule.applied_to,
            applied_to_unidentified: rule.applied_to_unidentified,
            restriction: Restriction::new(&rule.id, &rule.regex_config, &mut complain),
            answer: Answer::new(rule, &mut complain),
        }
    }

    fn holds(&self, call: &Call<'_>) -> bool {
        self.restriction.holds(call)
    }
}

impl Cohorts {
    /// Entries for rules that are not there (turned off, or not loaded yet) are left out.
    fn new(rules: Vec<Governed>, cohorts: &moesif_wire::Cohorts) -> Self {
        let index: HashMap<&str, usize> =
            rules.iter().enumerate().map(|(index, rule)| (&*rule.id, index)).collect();
        let membership = |entry: &RuleEntry| {
            let rule = *index.get(&*entry.rule)?;
            Some(Membership { rule, values: entry.values.clone() })
        };
        let members = cohorts
            .entries
            .iter()
            .map(|(id, entries)| (id.clone(), entries.iter().filter_map(membership).collect()))
            .collect();
        let incomplete = cohorts.incomplete.clone();
        Self { rules, members, incomplete, is_unreadable: cohorts.is_unreadable }
    }

    /// Adds the rules that apply to somebody: those whose cohorts they are in, in the order of their entries, then those
    /// for everybody outside of the cohorts, in the order of the rules; of whom nobody knows all cohorts, nobody knows that.
    /// Without an id, those for the unidentified.
    fn apply<'a>(&'a self, id: Option<&str>, call: &Call<'_>, applied: &mut Vec<Applied<'a>>) {
        let Some(id) = id else {
            let unidentified =
                self.rules.iter().filter(|rule| rule.applied_to_unidentified && rule.holds(call));
            applied.extend(unidentified.map(|rule| (rule, None)));
            return;
        };
        let memberships = self.members.get(id).map_or(&[][..], |memberships| memberships);
        for Membership { rule, values } in memberships {
            if let Some(rule) = self.rules.get(*rule)
                && rule.applied_to == AppliedTo::Matching
                && rule.holds(call)
            {
                applied.push((rule, Some(values)));
            }
        }
        if self.is_unreadable || self.incomplete.contains(id) {
            return;
        }
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.applied_to == AppliedTo::NotMatching
                && !memberships.iter().any(|membership| membership.rule == index)
                && rule.holds(call)
            {
                applied.push((rule, None));
            }
        }
    }
}

#[cfg(test)]
mod tests;
