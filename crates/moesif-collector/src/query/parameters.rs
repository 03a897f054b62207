//! Query parameters. In: the text behind `?`. Out: a filter, a limit, a place to go on from; or the first parameter
//! that is wrong, with what was expected of it.

use axum::{extract::Query, http::Uri};
use moesif_wire::{Direction, Timestamp};

use crate::store::{Cursor, EventFilter, StatusFilter};

/// A parameter that cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("parameter `{parameter}` is `{value}`; expected {expected}")]
pub(super) struct BadParameter {
    pub(super) parameter: String,
    pub(super) value: String,
    pub(super) expected: String,
}

/// The parameters not yet looked at.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn read(query: Option<&str>) -> Self {
        let uri: Option<Uri> = format!("/?{}", query.unwrap_or_default()).parse().ok();
        let pairs = uri.and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
        Self(pairs.map_or_else(Vec::new, |Query(pairs)| pairs))
    }

    /// Takes a parameter out. An empty one is one that was not filled in.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(given, _)| given == name)?;
        Some(self.0.swap_remove(at).1).filter(|value| !value.is_empty())
    }

    fn parsed<T>(
        &mut self,
        name: &str,
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

    /// The page size.
    pub(super) fn limit(&mut self, usual: usize, most: usize) -> Result<usize, BadParameter> {
        let expected = format!("a whole number from 1 to {most}");
        let limit = self.parsed("limit", &expected, |text| {
            text.parse().ok().filter(|limit| (1..=most).contains(limit))
        })?;
        Ok(limit.unwrap_or(usual))
    }

    /// Which events, and from where on.
    pub(super) fn event_filter(&mut self) -> Result<EventFilter, BadParameter> {
        const TIME: &str = "an ISO 8601 date-time such as 2026-11-21T08:51:26.838Z, or milliseconds since 1970 in 10 digits or more";
        Ok(EventFilter {
            verb: self.take("verb"),
            status: self.parsed("status", "a status such as 404 or a class such as 4xx", status)?,
            route: self.take("route"),
            user: self.take("user"),
            company: self.take("company"),
            direction: self.parsed("direction", "Incoming, Outgoing or Internal", |word| {
                Direction::parse(word).map(Direction::as_str)
            })?,
            from: self.parsed("from", TIME, time)?,
            to: self.parsed("to", TIME, time)?,
            after: self.parsed("cursor", "the `next` of an earlier answer", read_cursor)?,
        })
    }

    /// Nothing may be left: a misspelt filter must not read as no filter.
    pub(super) fn done(mut self) -> Result<(), BadParameter> {
        match self.0.pop() {
            None => Ok(()),
            Some((parameter, value)) => Err(BadParameter {
                parameter,
                value,
                expected: "no parameter of this name, or only one of it".to_owned(),
            }),
        }
    }
}

fn status(text: &str) -> Option<StatusFilter> {
    let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
    match class {
        Some(digit) => digit.parse().ok().filter(|class| *class <= 9).map(StatusFilter::Class),
        None => text.parse().ok().filter(|status| *status <= 999).map(StatusFilter::Exact),
    }
}

/// Milliseconds, a date-time, or a date. A short number is more likely a year than a moment of 1970. A `+` that was not escaped has become a space before it got here.
fn time(text: &str) -> Option<i64> {
    let date_time = |text: &str| Timestamp::parse(text).ok().map(Timestamp::as_millis);
    let millis = (text.len() >= 10).then(|| text.parse().ok()).flatten();
    millis
        .or_else(|| date_time(text))
        .or_else(|| text.rsplit_once(' ').and_then(|(at, offset)| date_time(&format!("{at}+{offset}"))))
        .or_else(|| date_time(&format!("{text}T00:00:00Z")))
}

/// A place in the list as text; its readers need not know what is in it.
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
        let mut parameters = Parameters::read(Some(query));
        let filter = parameters.event_filter()?;
        parameters.limit(50, 1000)?;
        parameters.done()?;
        Ok(filter)
    }

    #[test]
    fn a_time_is_written_in_several_ways() {
        for text in [
            "1795251086838",
            "2026-11-21T08:51:26.838",
            "2026-11-21T09:51:26.838+01:00",
            "2026-11-21T09:51:26.838 01:00",
        ] {
            assert_eq!(time(text), Some(1_795_251_086_838), "{text}");
        }
        assert_eq!(time("2026-11-21"), Some(1_795_219_200_000));
        for text in ["yesterday", "2026", "202611", "2026-11", "-1"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn a_bad_parameter_is_named_with_its_value() {
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
    fn a_cursor_reads_back() {
        let cursor = Cursor { time: -5, id: 7 };
        assert_eq!(read_cursor(&write_cursor(cursor)), Some(cursor));
    }

    #[test]
    fn filters_are_read() {
        let read = filter("status=4xx&verb=GET&route=%2Fv1&limit=7&to=").unwrap();
        assert_eq!(read.status, Some(StatusFilter::Class(4)));
        assert_eq!((read.verb.as_deref(), read.route.as_deref(), read.to), (Some("GET"), Some("/v1"), None));
    }
}
