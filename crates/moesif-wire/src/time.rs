//! Date-times of the contract: UTC with milliseconds, written with an explicit `Z`.

use std::fmt;

use jiff::{civil::DateTime, fmt::temporal::DateTimePrinter, tz::TimeZone};
use serde::{Serialize, Serializer};

/// The date-time format, for messages that say what was expected.
pub const EXPECTED: &str = "an ISO 8601 date-time such as 2026-11-21T08:51:26.838Z";

/// A moment in UTC, in milliseconds since the Unix epoch.
///
/// Displays and serialises as `2026-11-21T08:51:26.838Z`. A moment outside the years -9999 to 9999 is written
/// as the nearest moment inside them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is not a date-time of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {EXPECTED}")]
pub struct InvalidTime;

impl Timestamp {
    /// Makes a moment from milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Parses an ISO 8601 date-time with 0 to 9 fraction digits. Digits beyond milliseconds are cut off. A
    /// date-time without `Z` or an offset is UTC: that is how the official Python SDKs write it.
    ///
    /// # Errors
    ///
    /// For any other text. A date without a time is an error too.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(at.as_millisecond()));
        }
        if !text.contains(['T', 't', ' ']) {
            return Err(InvalidTime);
        }
        text.parse::<DateTime>()
            .and_then(|at| TimeZone::UTC.to_timestamp(at))
            .map(|at| Self(at.as_millisecond()))
            .map_err(|_| InvalidTime)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MILLIS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        let at = jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        MILLIS.print_timestamp(&at, jiff::fmt::StdFmtWrite(f)).map_err(|_| fmt::Error)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_form_that_sdks_send() {
        for text in [
            "2026-11-21T08:51:26.838",
            "2026-11-21T08:51:26.838Z",
            "2026-11-21T08:51:26.838901",
            "2026-11-21T08:51:26.838901234Z",
            "2026-11-21T08:51:26.838+00:00",
            "2026-11-21T09:51:26.838+01:00",
        ] {
            let at = Timestamp::parse(text).unwrap();
            assert_eq!(at.to_string(), "2026-11-21T08:51:26.838Z", "{text}");
        }
        assert_eq!(Timestamp::parse("2026-11-21T08:57:07").unwrap().to_string(), "2026-11-21T08:57:07.000Z");
    }

    #[test]
    fn other_text_is_an_error() {
        for text in ["", "yesterday", "2026-11-21", "1700000000", "2026-13-01T00:00:00"] {
            assert_eq!(Timestamp::parse(text), Err(InvalidTime), "{text}");
        }
    }

    #[test]
    fn moment_outside_the_calendar_is_still_printed() {
        assert!(Timestamp::from_millis(i64::MAX).to_string().ends_with('Z'));
        assert!(Timestamp::from_millis(i64::MIN).to_string().ends_with('Z'));
    }
}
