//! Bounds for the times that servers send. Each bound has its reason beside it.
//!
//! Servers send dates in the wrong unit, times of clocks that were never set, and pauses of years. A
//! value beyond these bounds is cut or counts as absent, so that no sum overflows and no mistake lasts.

use std::time::Duration;

use serde_json::Value;

/// The longest life of a token: a hundred years. A longer life counts as this one. With this limit,
/// every sum of times fits into 64 bits of nanoseconds.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(36_525 * 86_400);

/// The longest pause that a server can ask for: five minutes. After a longer one, an outage that is over
/// would go on for this client alone.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// 2000-01-01. No token and no answer of an HTTP server is older: an earlier time comes from a clock
/// that was never set, from a span in place of a time, or from a default of zero.
pub(crate) const EARLIEST: Duration = Duration::from_secs(946_684_800);

/// 2200-01-01. A server whose clock shows a later time has a wrong clock, which is ignored.
pub(crate) const LATEST_CLOCK: Duration = Duration::from_secs(7_258_118_400);

/// 9999-12-31T23:59:59, the last moment that an HTTP date and RFC 3339 can write. Some servers use it for
/// "never". A larger number is in milliseconds, not in seconds; it is then a date after January 1978.
const LATEST: f64 = 253_402_300_799.0;

/// If a number in a rate-limit header is above this, it is a time since the epoch (after September
/// 2001). Otherwise it is a number of seconds to wait.
pub(crate) const EPOCH_AND_NO_SPAN: f64 = 1e9;

/// A span of seconds as servers write them. A negative number, or NaN, is zero.
pub(crate) fn span(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_LIFE.as_secs_f64()).max(0.0))
}

/// A time since the epoch as servers write it, in seconds, or in milli-, micro- or nanoseconds; cut to whole
/// seconds. A time before 1970, or NaN, is zero.
pub(crate) fn epoch(number: f64) -> Duration {
    let seconds =
        [1.0, 1e3, 1e6, 1e9].map(|unit| number / unit).into_iter().find(|it| *it <= LATEST);
    let seconds = seconds.unwrap_or(if number.is_nan() { 0.0 } else { LATEST });
    Duration::from_secs_f64(seconds.clamp(0.0, LATEST).max(0.0).floor())
}

/// November 2023. A token that is issued today does not expire before that, so a smaller number is a span: 10^9 seconds and
/// 50 years mean "for ever".
const EARLIEST_MISPLACED: f64 = 1.7e9;

/// Whether a span of seconds is really a time since the epoch in the wrong member. No server means a life of 54 to
/// 68 years. 2^31 − 1 means "for ever".
pub(crate) fn is_misplaced_epoch(seconds: f64) -> bool {
    (EARLIEST_MISPLACED..f64::from(i32::MAX)).contains(&seconds)
}

/// Whether the clock of a server may show this time.
pub(crate) fn is_clock(time: Duration) -> bool {
    (EARLIEST..LATEST_CLOCK).contains(&time)
}

/// A number, or a text that holds one.
pub(crate) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| !number.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_between_nothing_and_a_hundred_years() {
        for (seconds, expected) in [
            (3_600.5, Duration::from_millis(3_600_500)),
            (-1.0, Duration::ZERO),
            (f64::NEG_INFINITY, Duration::ZERO),
            (f64::NAN, Duration::ZERO),
            (1e308, LONGEST_LIFE),
            (f64::INFINITY, LONGEST_LIFE),
        ] {
            assert_eq!(span(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn a_time_is_in_seconds_or_milliseconds_and_before_the_year_10000() {
        for (number, expected) in [
            (1_735_689_600.9, 1_735_689_600),
            (1_735_689_600_999.0, 1_735_689_600),
            (4_102_444_800.0, 4_102_444_800), // in 2100
            (253_402_300_799.0, 253_402_300_799),
            (253_402_300_800.0, 253_402_300), // in 1978
            (1_735_689_600_999_999.0, 1_735_689_600),
            (1_735_689_600_999_999_999.0, 1_735_689_601), // as near as such a number comes
            (1e308, 253_402_300_799),
            (-1.0, 0),
            (f64::NAN, 0),
        ] {
            assert_eq!(epoch(number), Duration::from_secs(expected), "{number}");
        }
    }

    #[test]
    fn a_span_of_decades_is_a_time_in_the_wrong_member() {
        for (seconds, misplaced) in [
            (315_360_000.0, false), // ten years
            (999_999_999.0, false),
            (1_000_000_000.0, false),
            (1_576_800_000.0, false), // fifty years
            (1_735_689_600.0, true),
            (2_147_483_647.0, false),
            (3_155_760_000.0, false), // a hundred years
        ] {
            assert_eq!(is_misplaced_epoch(seconds), misplaced, "{seconds}");
        }
    }

    #[test]
    fn a_clock_shows_a_time_of_this_century_or_the_next() {
        for (secs, believed) in [
            (0, false),
            (946_684_799, false),
            (946_684_800, true),
            (7_258_118_399, true),
            (7_258_118_400, false),
        ] {
            assert_eq!(is_clock(Duration::from_secs(secs)), believed, "{secs}");
        }
    }
}
