//! A time as token endpoints write it: seconds or milliseconds since the epoch, or RFC 3339.

use std::time::Duration;

use serde_json::Value;

use crate::basics::bounds::{self, EARLIEST, number};

/// The time since the epoch. None if it cannot be read, or if it is too early to be a date: a number of seconds in
/// the wrong member, or a default of zero.
pub(crate) fn moment(value: &Value) -> Option<Duration> {
    let moment = match number(value) {
        Some(number) => bounds::epoch(number),
        None => rfc_3339(value.as_str()?.trim())?,
    };
    (moment >= EARLIEST).then_some(moment)
}

/// Reads `2025-01-01T00:02:00Z`, with or without a fraction, with or without an offset (RFC 3339
/// section 5.6).
pub(crate) fn rfc_3339(text: &str) -> Option<Duration> {
    let (date, time) = (text.get(..10)?, text.get(11..19)?);
    let separators = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
    let is_separated =
        separators.iter().all(|(at, separator)| text.get(*at..at + 1) == Some(separator));
    if !is_separated || !matches!(text.get(10..11)?, "T" | "t" | " ") {
        return None;
    }
    let (year, month, day) = (digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..])?);
    let (hour, minute, second) = (digits(&time[..2])?, digits(&time[3..5])?, digits(&time[6..])?);
    // A leap second is second 60.
    if !(1..=12).contains(&month) || day < 1 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    if day > days_of(year, month) {
        return None;
    }
    let fraction = text.get(19..)?;
    let zone = fraction.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let days = days_since_epoch(year, month, day);
    let local = days * 86_400 + hour * 3_600 + minute * 60 + second;
    u64::try_from(local - offset(zone)?).ok().map(Duration::from_secs)
}

/// The offset from UTC in seconds.
fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.get(..1)? {
        "Z" | "z" if zone.len() == 1 => return Some(0),
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = zone[1..].split_once(':')?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970-01-01 to a day of the Gregorian calendar.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March here, so that the leap day is its last day.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_by_rfc_3339() {
        for (text, expected) in [
            ("2000-01-01T00:00:00Z", Some(946_684_800)),
            ("2000-02-29T23:59:60Z", Some(951_868_800)),
            ("2024-12-31T19:02:00-05:00", Some(1_735_689_720)),
            ("2025-01-01t02:02:00.999999999+02:00", Some(1_735_689_720)),
            (" 2025-01-01 00:02:00Z ", Some(1_735_689_720)),
            ("2025-01-01T05:32:00+05:30", Some(1_735_689_720)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799)),
            ("1999-12-31T23:59:59Z", None),
            ("2023-02-29T00:00:00Z", None),
            ("2100-02-29T00:00:00Z", None),
            ("2025-00-01T00:00:00Z", None),
            ("2025-13-01T00:00:00Z", None),
            ("2025-04-31T00:00:00Z", None),
            ("2025-01-01T24:00:00Z", None),
            ("2025-01-01T00:60:00Z", None),
            ("2025-01-01T00:00:61Z", None),
            ("2025-01-01T00:00:00", None),
            ("2025-01-01T00:00:00+2", None),
            ("2025-01-01T00:00:00+24:00", None),
            ("2025-01-01T00:00:00Zulu", None),
            ("2025-01-01", None),
            ("2025/01/01T00:00:00Z", None),
            ("2025-01-01X00:00:00Z", None),
            ("+025-01-01T00:00:00Z", None),
            ("2025-01-+1T00:00:00Z", None),
            ("2025-01-01T00:00:0é", None),
            ("é025-01-01T00:00:00Z", None),
            ("", None),
        ] {
            let read = moment(&Value::String(text.to_owned()));
            assert_eq!(read, expected.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_number_is_seconds_or_milliseconds_since_the_epoch() {
        for (json, expected) in [
            ("1735689720", Some(1_735_689_720)),
            ("1735689720.9", Some(1_735_689_720)),
            ("1735689720123", Some(1_735_689_720)),
            ("\"1735689720\"", Some(1_735_689_720)),
            ("3600", None),
            ("0", None),
            ("-1", None),
            ("true", None),
            ("[]", None),
        ] {
            let read = moment(&serde_json::from_str(json).unwrap());
            assert_eq!(read, expected.map(Duration::from_secs), "{json}");
        }
    }
}
