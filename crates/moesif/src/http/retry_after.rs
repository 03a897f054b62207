//! The header `Retry-After`: how long a collector asks the client to wait.

use std::time::{Duration, SystemTime};

/// Reads `Retry-After`: a number of seconds, or a date.
///
/// A date is compared with `date`, the collector's `Date` header, because clocks differ. Without that header,
/// it is compared with the local clock. A date in the past means no wait. Other text is ignored.
pub(super) fn parse_retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number beyond `u64` is treated as the longest wait.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = date.and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: Option<&str> = Some("Sun, 06 Nov 1994 08:49:37 GMT");

    #[test]
    fn seconds_and_dates_are_read() {
        for (value, seconds) in [
            ("0", 0),
            (" 120 ", 120),
            ("99999999999999999999999", u64::MAX),
            ("Sun, 06 Nov 1994 08:50:07 GMT", 30),
            ("Sunday, 06-Nov-94 08:50:07 GMT", 30),
            ("Sun Nov  6 08:50:07 1994", 30),
            ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
        ] {
            assert_eq!(parse_retry_after(value, DATE), Some(Duration::from_secs(seconds)), "{value}");
        }
    }

    #[test]
    fn without_the_date_of_the_collector_our_clock_is_used() {
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        for date in [None, Some("no date")] {
            let wait = parse_retry_after(&soon, date).unwrap();
            assert!((Duration::from_secs(90)..=Duration::from_secs(100)).contains(&wait), "{wait:?}");
        }
    }

    #[test]
    fn other_text_is_ignored() {
        for value in ["", "-1", "1.5", "soon", "+3", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(parse_retry_after(value, DATE), None, "{value}");
        }
    }
}
