//! Sampling: decides which calls are sent, and the weight of each: the number of calls that it represents.
//!
//! In: the rates of the remote configuration, and a call that has ended. Out: a weight, or `None` if the call
//! is left out. The order of rates is the one that the hosted service documents:
//!
//! 1. The rate of the user, else that of the company.
//! 2. The rate of the first entry with conditions that are met. If step 1 gives a rate too, the smaller one.
//! 3. The global rate.

use std::collections::HashMap;

use moesif_wire::{Config, Percent};

use super::call_view::CallView;
use super::condition::{AllOf, Purpose};
use crate::call::Exchange;

/// The rates of a remote configuration.
#[derive(Debug)]
pub(crate) struct Sampling {
    global: Percent,
    users: HashMap<String, Percent>,
    companies: HashMap<String, Percent>,
    conditional: Vec<ConditionalRate>,
}

/// Rate of the calls that meet all conditions.
#[derive(Debug)]
struct ConditionalRate {
    conditions: AllOf,
    rate: Percent,
}

impl Default for Sampling {
    /// Keeps every call.
    fn default() -> Self {
        Self {
            global: Percent::ALL,
            users: HashMap::new(),
            companies: HashMap::new(),
            conditional: Vec::new(),
        }
    }
}

impl Sampling {
    /// Compiles the rates of a configuration. Adds a message to `problems` for each entry that cannot be
    /// used.
    pub(super) fn new(config: &Config, problems: &mut Vec<String>) -> Self {
        let mut conditional = Vec::new();
        for (index, entry) in config.regex_config.iter().enumerate() {
            // An entry without a rate or without conditions never changes a decision.
            let (Some(rate), false) = (entry.sample_rate, entry.conditions.is_empty()) else {
                continue;
            };
            let name = format!("regex_config[{index}]");
            match AllOf::new(&entry.conditions, Purpose::Sampling, &name) {
                Ok(conditions) => conditional.push(ConditionalRate { conditions, rate }),
                Err(error) => problems.push(format!("{name}: {error}")),
            }
        }
        Self {
            global: config.sample_rate.unwrap_or(Percent::ALL),
            users: config.user_sample_rate.clone(),
            companies: config.company_sample_rate.clone(),
            conditional,
        }
    }

    /// Returns the weight of a call, or `None` if the call is left out. Calls `random` only if the rate is
    /// below 100 percent.
    pub(crate) fn weight(&self, call: &Exchange, random: impl FnOnce() -> u64) -> Option<u64> {
        let rate = self.rate(&CallView::new(call));
        if rate == Percent::ALL {
            return Some(1);
        }
        // Two independent halves: one decides about the call, the other rounds its weight.
        let random = random();
        let draw = |bits: u64, below: u32| ((bits & 0xFFFF_FFFF) * u64::from(below)) >> 32;
        let (all, rate) = (Percent::ALL.millionths(), rate.millionths());
        if draw(random, all) >= u64::from(rate) {
            return None;
        }
        // Rounds up with the probability of the fraction, so that weights add up to the number of calls.
        let (whole, fraction) = (all / rate, all % rate);
        let is_rounded_up = draw(random >> 32, rate) < u64::from(fraction);
        Some(u64::from(whole) + u64::from(is_rounded_up))
    }

    fn rate(&self, call: &CallView<'_>) -> Percent {
        let by_user = || self.users.get(&*call.user_id()?).copied();
        let by_company = || self.companies.get(call.company_id()?).copied();
        let by_user = if self.users.is_empty() { None } else { by_user() };
        let by_identity = by_user.or_else(|| if self.companies.is_empty() { None } else { by_company() });
        let mut conditional = self.conditional.iter();
        let by_conditions = conditional.find(|entry| entry.conditions.are_met(call)).map(|entry| entry.rate);
        by_identity.into_iter().chain(by_conditions).min().unwrap_or(self.global)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Policy;
    use crate::call::testing::exchange;

    fn get(user: Option<&str>, company: Option<&str>, path: &str) -> Box<Exchange> {
        let mut exchange = exchange(Policy::default());
        exchange.set_verb("GET");
        exchange.set_uri(&format!("http://h{path}"));
        exchange.set_status(200);
        if let Some(id) = user {
            exchange.set_user_id(id.to_owned());
        }
        if let Some(id) = company {
            exchange.set_company_id(id.to_owned());
        }
        exchange
    }

    fn sampling(config: &str) -> (Sampling, Vec<String>) {
        let mut problems = Vec::new();
        let sampling = Sampling::new(&Config::parse(config.as_bytes()).unwrap().0, &mut problems);
        (sampling, problems)
    }

    #[test]
    fn rates_have_the_documented_order() {
        let (sampling, problems) = sampling(
            r#"{"sample_rate":90,"user_sample_rate":{"u":50,"v":5},"company_sample_rate":{"c":30},
            "regex_config":[
                {"conditions":[],"sample_rate":1},
                {"conditions":[{"path":"request.route","value":"^/a"},{"path":"request.verb","value":"GET"}],"sample_rate":20},
                {"conditions":[{"path":"request.route","value":"^/a"}],"sample_rate":10},
                {"conditions":[{"path":"request.ip_address","value":"."}],"sample_rate":2},
                {"conditions":[{"path":"response.status","value":"^200$"},{"path":"request.route","value":"z"}],"sample_rate":60}]}"#,
        );
        assert_eq!(problems, [""; 0]);
        for (user, company, path, percent) in [
            (None, None, "/", 90.0),
            (Some("other"), Some("other"), "/", 90.0),
            (Some("u"), Some("c"), "/", 50.0),
            (Some("other"), Some("c"), "/", 30.0),
            (None, None, "/a", 20.0),
            (Some("u"), None, "/a", 20.0),
            (Some("v"), None, "/a", 5.0),
            (None, Some("c"), "/z", 30.0),
            (Some("u"), Some("c"), "/z", 50.0),
            (None, None, "/z", 60.0),
        ] {
            let call = get(user, company, path);
            let rate = sampling.rate(&CallView::new(&call));
            assert_eq!(Some(rate), Percent::new(percent), "{user:?} {company:?} {path}");
        }
    }

    #[test]
    fn entry_that_cannot_be_used_is_left_out_and_named() {
        let (sampling, problems) = sampling(
            r#"{"regex_config":[
                {"conditions":[{"path":"request.colour","value":"."}],"sample_rate":0},
                {"conditions":[{"path":"request.verb","value":"("}],"sample_rate":0},
                {"conditions":[{"path":"request.verb","value":"GET"}]}]}"#,
        );
        assert_eq!(sampling.rate(&CallView::new(&get(None, None, "/"))), Percent::ALL);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("regex_config[0]: request.colour cannot be used"), "{problems:?}");
        assert!(problems[1].starts_with("regex_config[1]: the pattern of request.verb"), "{problems:?}");
    }

    #[test]
    fn weights_add_up_to_the_number_of_calls() {
        // 65,537 points spread evenly over both halves.
        let randoms = || (0..65_537_u64).map(|point| point.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for percent in [100.0, 75.0, 60.0, 30.0, 7.5, 1.0] {
            let (sampling, _) = sampling(&format!(r#"{{"sample_rate":{percent}}}"#));
            let call = get(None, None, "/");
            let weights: Vec<u64> =
                randoms().filter_map(|random| sampling.weight(&call, || random)).collect();
            let represented: u64 = weights.iter().sum();
            assert!(represented.abs_diff(65_537) < 65_537 / 50, "{percent}: {represented}");
            let (low, high) = (weights.iter().min().unwrap(), weights.iter().max().unwrap());
            assert!(high - low <= 1, "{percent}: {low} to {high}");
        }
        let (none, _) = sampling(r#"{"sample_rate":0}"#);
        let call = get(None, None, "/");
        assert_eq!(randoms().find_map(|random| none.weight(&call, || random)), None);
    }
}
