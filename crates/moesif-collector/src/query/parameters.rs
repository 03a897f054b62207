//! Query parameters of the read API.

use axum::{extract::Query, http::Uri};
use moesif_wire::{Direction, Timestamp, time};

use crate::store::{Cursor, EventFilter, StatusFilter};

/// A parameter that is unknown, given twice or has an invalid value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("parameter `{parameter}` is `{value}`; expected {expected}")]
pub(super) struct BadParameter {
    pub(super) parameter: String,
    pub(super) value: String,
    pub(super) expected: String,
}

/// The parameters of a query.
pub(super) struct Parameters {
    /// Those that no reader has taken yet.
    left: Vec<(String, String)>,
    /// The names that readers have asked for.
    known: Vec<&'static str>,
}

impl Parameters {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let uri: Option<Uri> = format!("/?{}", query.unwrap_or_default()).parse().ok();
        let pairs = uri.and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
        Self { left: pairs.map_or_else(Vec::new, |Query(pairs)| pairs), known: Vec::new() }
    }

    /// Removes a parameter and returns its value. An empty value counts as absent.
    pub(super) fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let at = self.left.iter().position(|(given, _)| given == name)?;
        Some(self.left.swap_remove(at).1).filter(|value| !value.is_empty())
    }

    fn parsed<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, BadParameter> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        match parse(&value) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(BadParameter { parameter: name.to_owned(), value, expected: expected.to_owned() }),
        }
    }

    /// Reads the page size.
    pub(super) fn limit(&mut self, default: usize, max: usize) -> Result<usize, BadParameter> {
        let expected = format!("a whole number from 1 to {max}");
        let limit = self
            .parsed("limit", &expected, |text| text.parse().ok().filter(|limit| (1..=max).contains(limit)))?;
        Ok(limit.unwrap_or(default))
    }

    /// Reads the filter and the cursor of a list of events.
    pub(super) fn event_filter(&mut self) -> Result<EventFilter, BadParameter> {
        let expected_time = format!("{}, or at least 10 digits of milliseconds since 1970", time::EXPECTED);
        Ok(EventFilter {
            verb: self.take("verb"),
            status: self.parsed("status", "a status such as 404 or a class such as 4xx", parse_status)?,
            route: self.take("route"),
            user: self.take("user"),
            company: self.take("company"),
            direction: self.parsed("direction", "Incoming, Outgoing or Internal", |word| {
                Direction::parse(word).map(Direction::as_str)
            })?,
            from: self.parsed("from", &expected_time, parse_time)?,
            to: self.parsed("to", &expected_time, parse_time)?,
            after: self.parsed("cursor", "the value of `next` in an earlier reply", read_cursor)?,
        })
    }

    /// Fails if a parameter is left, because a misspelt filter must not mean "no filter".
    pub(super) fn done(mut self) -> Result<(), BadParameter> {
        let Some((parameter, value)) = self.left.pop() else {
            return Ok(());
        };
        let expected = if self.known.contains(&&*parameter) {
            "this parameter only once".to_owned()
        } else if self.known.is_empty() {
            "no parameters here".to_owned()
        } else {
            format!("only these parameters: {}", self.known.join(", "))
        };
        Err(BadParameter { parameter, value, expected })
    }
}

fn parse_status(text: &str) -> Option<StatusFilter> {
    let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
    match class {
        Some(digit) => digit.parse().ok().filter(|class| *class <= 9).map(StatusFilter::Class),
        None => text.parse().ok().filter(|status| *status <= 999).map(StatusFilter::Exact),
    }
}

/// Parses milliseconds since the Unix epoch, a date-time or a date. Refuses a number of less than 10 digits,
/// which is more likely a year than a time in 1970. A `+` that was not percent-encoded arrives as a space.
fn parse_time(text: &str) -> Option<i64> {
    let date_time = |text: &str| Timestamp::parse(text).ok().map(Timestamp::as_millis);
    let millis = (text.len() >= 10).then(|| text.parse().ok()).flatten();
    millis
        .or_else(|| date_time(text))
        .or_else(|| text.rsplit_once(' ').and_then(|(at, offset)| date_time(&format!("{at}+{offset}"))))
        .or_else(|| date_time(&format!("{text}T00:00:00Z")))
}

/// Returns a cursor as text. Clients pass it back unchanged.
pub(super) fn write_cursor(cursor: Cursor) -> String {
    format!("{}_{}", cursor.time, cursor.id)
}

fn read_cursor(text: &str) -> Option<Cursor> {
    let (time, id) = text.split_once('_')?;
    Some(Cursor { time: time.parse().ok()?, id: id.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &str) -> Result<EventFilter, BadParameter> {
        let mut parameters = Parameters::parse(Some(query));
        let filter = parameters.event_filter()?;
        parameters.limit(50, 1000)?;
        parameters.done()?;
        Ok(filter)
    }

    #[test]
    fn time_has_several_notations() {
        for text in [
            "1795251086838",
            "2026-11-21T08:51:26.838",
            "2026-11-21T09:51:26.838+01:00",
            "2026-11-21T09:51:26.838 01:00",
        ] {
            assert_eq!(parse_time(text), Some(1_795_251_086_838), "{text}");
        }
        assert_eq!(parse_time("2026-11-21"), Some(1_795_219_200_000));
        for text in ["yesterday", "2026", "202611", "2026-11", "-1"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn error_names_the_parameter_and_its_value() {
        for (query, parameter, value) in [
            ("limit=0", "limit", "0"),
            ("limit=1001", "limit", "1001"),
            ("status=4x", "status", "4x"),
            ("status=44xx", "status", "44xx"),
            ("direction=up", "direction", "up"),
            ("from=soon", "from", "soon"),
            ("cursor=x", "cursor", "x"),
            ("colour=red", "colour", "red"),
            ("verb=GET&verb=PUT", "verb", "PUT"),
        ] {
            let bad = filter(query).unwrap_err();
            assert_eq!((bad.parameter.as_str(), bad.value.as_str()), (parameter, value));
        }
    }

    #[test]
    fn error_about_an_unknown_parameter_lists_the_known_ones() {
        for (query, message) in [
            (
                "colour=red",
                "parameter `colour` is `red`; expected only these parameters: verb, status, route, user, company, \
                 direction, from, to, cursor, limit",
            ),
            ("verb=GET&verb=PUT", "parameter `verb` is `PUT`; expected this parameter only once"),
        ] {
            assert_eq!(filter(query).unwrap_err().to_string(), message);
        }
        let none = Parameters::parse(Some("colour=red")).done().unwrap_err();
        assert_eq!(none.to_string(), "parameter `colour` is `red`; expected no parameters here");
    }

    #[test]
    fn cursor_survives_a_round_trip() {
        let cursor = Cursor { time: -5, id: 7 };
        assert_eq!(read_cursor(&write_cursor(cursor)), Some(cursor));
    }

    #[test]
    fn parses_filters() {
        let read = filter("status=4xx&verb=GET&route=%2Fv1&limit=7&to=").unwrap();
        assert_eq!(read.status, Some(StatusFilter::Class(4)));
        assert_eq!((read.verb.as_deref(), read.route.as_deref(), read.to), (Some("GET"), Some("/v1"), None));
    }
}
