//! Which calls are kept, and for how many a kept one stands.
//!
//! In: the remote configuration's rates, and a call whose response has ended. Out: a weight, or nothing when the call is left
//! out. The order of rates is the service's documented one: a user's rate, else the company's; the smaller of that and the
//! first pattern that matches; else the global one.

use std::collections::HashMap;

use moesif_wire::{Config, Percent};

use super::pattern::RulePattern;
use crate::call::{Exchange, route};
use crate::diagnostics::Topic;

/// The rates of a remote configuration.
#[derive(Debug)]
pub(crate) struct Sampling {
    global: Percent,
    users: HashMap<String, Percent>,
    companies: HashMap<String, Percent>,
    patterns: Vec<Sampled>,
}

/// Calls that match all of these are kept at this rate.
#[derive(Debug)]
struct Sampled {
    conditions: Vec<(Field, RulePattern)>,
    rate: Percent,
}

/// What a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Verb,
    Route,
    IpAddress,
    Status,
}

/// A call, as far as sampling looks at it.
pub(crate) trait Call {
    /// The id of the user, asked for when a rate depends on it.
    fn user_id(&self) -> Option<String>;
    /// The id of the company.
    fn company_id(&self) -> Option<&str>;
    /// Hands a field to `look`. `false` when the call has no such field.
    fn look_at(&self, field: Field, look: &mut dyn FnMut(&str) -> bool) -> bool;
}

impl Call for Exchange {
    fn user_id(&self) -> Option<String> {
        self.user(&self.headers_of_request())
    }

    fn company_id(&self) -> Option<&str> {
        Exchange::company_id(self)
    }

    fn look_at(&self, field: Field, look: &mut dyn FnMut(&str) -> bool) -> bool {
        match field {
            Field::Verb => look(self.verb()),
            Field::Route => look(route(self.uri())),
            Field::IpAddress => {
                self.ip_address(&self.headers_of_request()).is_some_and(|address| look(&address))
            }
            Field::Status => self.status().is_some_and(|status| look(&status.to_string())),
        }
    }
}

impl Default for Sampling {
    /// Everything is kept.
    fn default() -> Self {
        Self { global: Percent::ALL, users: HashMap::new(), companies: HashMap::new(), patterns: Vec::new() }
    }
}

impl Sampling {
    /// The rates of a configuration, and what of it cannot be used.
    pub(crate) fn new(config: &Config) -> (Self, Vec<String>) {
        let mut unusable = Vec::new();
        let mut patterns = Vec::new();
        for (index, entry) in config.regex_config.iter().enumerate() {
            // Neither would ever be the reason to leave a call out.
            let (Some(rate), false) = (entry.sample_rate, entry.conditions.is_empty()) else {
                continue;
            };
            let conditions: Result<Vec<_>, String> = entry
                .conditions
                .iter()
                .map(|condition| {
                    let path = &condition.path;
                    let field = Field::named(path)
                        .ok_or_else(|| format!("{path} is no field that sampling can look at"))?;
                    let name = format!("regex_config[{index}]: the pattern of {path}");
                    let pattern = RulePattern::new(&condition.value, name, Topic::Delivery)
                        .map_err(|error| format!("the pattern of {path} cannot be used: {error}"))?;
                    Ok((field, pattern))
                })
                .collect();
            match conditions {
                Ok(conditions) => patterns.push(Sampled { conditions, rate }),
                Err(reason) => unusable.push(format!("regex_config[{index}] is left out: {reason}")),
            }
        }
        let sampling = Self {
            global: config.sample_rate.unwrap_or(Percent::ALL),
            users: config.user_sample_rate.clone(),
            companies: config.company_sample_rate.clone(),
            patterns,
        };
        (sampling, unusable)
    }

    /// Decides about a call: the number of calls it stands for, or `None` when it is left out. `random` is asked only where
    /// chance decides.
    pub(crate) fn weight(&self, call: &impl Call, random: impl FnOnce() -> u64) -> Option<u64> {
        let rate = self.rate(call);
        if rate == Percent::ALL {
            return Some(1);
        }
        // Two independent halves: one draws the call, the other rounds its weight.
        let random = random();
        let draw = |bits: u64, below: u32| ((bits & 0xFFFF_FFFF) * u64::from(below)) >> 32;
        let (all, rate) = (Percent::ALL.millionths(), rate.millionths());
        if draw(random, all) >= u64::from(rate) {
            return None;
        }
        // Rounded up as often as the fraction asks for, the weights add up to what they stand for.
        let (whole, fraction) = (all / rate, all % rate);
        let up = draw(random >> 32, rate) < u64::from(fraction);
        Some(u64::from(whole) + u64::from(up))
    }

    fn rate(&self, call: &impl Call) -> Percent {
        let of_user = || self.users.get(&call.user_id()?).copied();
        let of_company = || self.companies.get(call.company_id()?).copied();
        let by_user = if self.users.is_empty() { None } else { of_user() };
        let by_entity = by_user.or_else(|| if self.companies.is_empty() { None } else { of_company() });
        let by_pattern = self.patterns.iter().find(|entry| entry.matches(call)).map(|entry| entry.rate);
        by_entity.into_iter().chain(by_pattern).min().unwrap_or(self.global)
    }
}

impl Sampled {
    fn matches(&self, call: &impl Call) -> bool {
        self.conditions.iter().all(|(field, pattern)| call.look_at(*field, &mut |text| pattern.is_in(text)))
    }
}

impl Field {
    fn named(path: &str) -> Option<Self> {
        Some(match path {
            "request.verb" => Self::Verb,
            "request.route" => Self::Route,
            "request.ip_address" => Self::IpAddress,
            "response.status" => Self::Status,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Get<'a> {
        user: Option<&'a str>,
        company: Option<&'a str>,
        route: &'a str,
    }

    impl Call for Get<'_> {
        fn user_id(&self) -> Option<String> {
            self.user.map(str::to_owned)
        }
        fn company_id(&self) -> Option<&str> {
            self.company
        }
        fn look_at(&self, field: Field, look: &mut dyn FnMut(&str) -> bool) -> bool {
            match field {
                Field::Verb => look("GET"),
                Field::Route => look(self.route),
                Field::IpAddress => false,
                Field::Status => look("200"),
            }
        }
    }

    fn sampling(config: &str) -> (Sampling, Vec<String>) {
        Sampling::new(&Config::parse(config.as_bytes()).unwrap().0)
    }

    #[test]
    fn the_documented_order_of_rates() {
        let (sampling, unusable) = sampling(
            r#"{"sample_rate":90,"user_sample_rate":{"u":50,"v":5},"company_sample_rate":{"c":30},
            "regex_config":[
                {"conditions":[],"sample_rate":1},
                {"conditions":[{"path":"request.route","value":"^/a"},{"path":"request.verb","value":"GET"}],"sample_rate":20},
                {"conditions":[{"path":"request.route","value":"^/a"}],"sample_rate":10},
                {"conditions":[{"path":"request.ip_address","value":"."}],"sample_rate":2},
                {"conditions":[{"path":"response.status","value":"^200$"},{"path":"request.route","value":"z"}],"sample_rate":60}]}"#,
        );
        assert_eq!(unusable, [""; 0]);
        for (user, company, route, percent) in [
            (None, None, "/", 90.0),
            (Some("nobody"), Some("none"), "/", 90.0),
            (Some("u"), Some("c"), "/", 50.0),
            (Some("nobody"), Some("c"), "/", 30.0),
            (None, None, "/a", 20.0),
            (Some("u"), None, "/a", 20.0),
            (Some("v"), None, "/a", 5.0),
            (None, Some("c"), "/z", 30.0),
            (Some("u"), Some("c"), "/z", 50.0),
            (None, None, "/z", 60.0),
        ] {
            let rate = sampling.rate(&Get { user, company, route });
            assert_eq!(Some(rate), Percent::new(percent), "{user:?} {company:?} {route}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_left_out_and_named() {
        let (sampling, unusable) = sampling(
            r#"{"regex_config":[
                {"conditions":[{"path":"request.colour","value":"."}],"sample_rate":0},
                {"conditions":[{"path":"request.verb","value":"("}],"sample_rate":0},
                {"conditions":[{"path":"request.verb","value":"GET"}]}]}"#,
        );
        assert_eq!(sampling.rate(&Get { user: None, company: None, route: "/" }), Percent::ALL);
        assert_eq!(unusable.len(), 2, "{unusable:?}");
        assert!(
            unusable[0].contains("request.colour") && unusable[1].contains("without an end"),
            "{unusable:?}"
        );
    }

    #[test]
    fn weights_add_up_to_the_calls_they_stand_for() {
        // 65,537 points spread evenly over both draws.
        let randoms = || (0..65_537_u64).map(|point| point.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for percent in [100.0, 75.0, 60.0, 30.0, 7.5, 1.0] {
            let (sampling, _) = sampling(&format!(r#"{{"sample_rate":{percent}}}"#));
            let call = Get { user: None, company: None, route: "/" };
            let weights: Vec<u64> =
                randoms().filter_map(|random| sampling.weight(&call, || random)).collect();
            let stands_for: u64 = weights.iter().sum();
            assert!(stands_for.abs_diff(65_537) < 65_537 / 50, "{percent}: {stands_for}");
            let (low, high) = (weights.iter().min().unwrap(), weights.iter().max().unwrap());
            assert!(high - low <= 1, "{percent}: {low} to {high}");
        }
        let (none, _) = sampling(r#"{"sample_rate":0}"#);
        let call = Get { user: None, company: None, route: "/" };
        assert_eq!(randoms().find_map(|random| none.weight(&call, || random)), None);
    }
}
