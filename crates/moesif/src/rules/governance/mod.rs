//! Governance rules: decides which rules apply to a call. A rule blocks the call and answers it, or adds
//! headers to the response.
//!
//! In: the rules and the cohorts of users and companies, compiled once on the thread that fetches them; then
//! each call, before the application sees it. Out: a [`Decision`]. Compiled rules do not change and store
//! nothing about a call, so values of one user cannot reach another (`docs/guarantees.md`, I-31).
//!
//! A rule or condition that cannot be used applies to no call. `docs/wire-contract.md` says which rule wins
//! if several apply.
//!
//! | Module | Does |
//! |---|---|
//! | `rule` | matches the conditions of one rule |
//! | `identity_rules` | matches users and companies with cohorts |
//! | `answer` | builds headers, status and body |
//! | `template` | replaces merge tags |

mod answer;
mod identity_rules;
mod rule;
mod template;

use std::collections::HashSet;

use moesif_wire::{Config, Rule, RuleKind};

pub use answer::Block;

use super::call_view::CallView;
use crate::call::Exchange;
use identity_rules::IdentityRules;
use rule::{AppliedRule, CompiledRule};

/// The rules in force. The default is none.
#[derive(Debug, Default)]
pub struct Governance {
    /// Rules that depend on neither user nor company.
    call_rules: Vec<CompiledRule>,
    company_rules: IdentityRules,
    user_rules: IdentityRules,
    /// Members of request bodies that conditions use.
    body_keys: HashSet<String>,
}

/// What the rules decide about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The application answers, and these headers are added to its response. A header replaces the
    /// application's header of the same name, except `Set-Cookie`, which is added. Names are unique, ignoring
    /// case. Values contain no control characters.
    Pass(Vec<(String, String)>),
    /// A rule answers, and the application is not called.
    Block(Block),
}

impl Governance {
    /// Compiles rules. Adds a message to `problems` for each part that cannot be used.
    pub(super) fn new(rules: &[Rule], config: &Config, problems: &mut Vec<String>) -> Self {
        let mut of_kind = |kind| -> Vec<CompiledRule> {
            let rules = rules.iter().filter(|rule| rule.kind == kind);
            rules.map(|rule| CompiledRule::new(rule, problems)).collect()
        };
        let call_rules = of_kind(RuleKind::Regex);
        let company_rules = IdentityRules::new(of_kind(RuleKind::Company), &config.company_rules);
        let user_rules = IdentityRules::new(of_kind(RuleKind::User), &config.user_rules);
        let all = call_rules.iter().chain(company_rules.rules()).chain(user_rules.rules());
        let body_keys = all.flat_map(CompiledRule::body_keys).map(str::to_owned).collect();
        Self { call_rules, company_rules, user_rules, body_keys }
    }

    /// Returns whether there are no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.call_rules.is_empty() && !self.needs_company_id() && !self.needs_user_id()
    }

    /// Returns whether a decision depends on the user.
    #[must_use]
    pub fn needs_user_id(&self) -> bool {
        !self.user_rules.rules().is_empty()
    }

    /// Returns whether a decision depends on the company.
    #[must_use]
    pub fn needs_company_id(&self) -> bool {
        !self.company_rules.rules().is_empty()
    }

    /// Returns whether a decision depends on the request body.
    #[must_use]
    pub fn needs_request_body(&self) -> bool {
        !self.body_keys.is_empty()
    }

    /// Decides about a call by its request and by the ids known so far.
    ///
    /// If the application gave no user id, uses the one in the request headers, as the event does. Skips
    /// rules about users if identifying the user failed ([`Exchange::set_user_identification_failed`]), and
    /// rules about companies if identifying the company failed.
    #[must_use]
    pub fn decide(&self, exchange: &Exchange) -> Decision {
        let call = CallView::new(exchange).with_body_keys(&self.body_keys);
        // Later rules win. The order is: rules about calls, about companies, about users.
        let call_rules = self.call_rules.iter().filter(|rule| rule.matches(&call));
        let mut applied: Vec<_> = call_rules.map(|rule| AppliedRule { rule, values: None }).collect();
        if self.needs_company_id() && !exchange.company_identification_failed() {
            self.company_rules.apply(call.company_id(), &call, &mut applied);
        }
        if self.needs_user_id() && !exchange.user_identification_failed() {
            self.user_rules.apply(call.user_id().as_deref(), &call, &mut applied);
        }
        let mut headers = Vec::new();
        for AppliedRule { rule, values } in &applied {
            rule.answer.merge_headers(*values, &mut headers);
        }
        let is_head = exchange.verb() == "HEAD";
        for AppliedRule { rule, values } in applied.iter().rev() {
            if let Some(body) = &rule.answer.body {
                return Decision::Block(body.answer(&rule.id, *values, headers, is_head));
            }
        }
        Decision::Pass(headers)
    }
}

#[cfg(test)]
mod tests;
