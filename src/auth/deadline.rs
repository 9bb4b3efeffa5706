//! The caller's deadline: gRPC's `grpc-timeout`.
//!
//! The header is the time limit of the whole call. Time that a request spends here, waiting for a token or being sent
//! twice, is subtracted from the header, so that the server does not work for a caller who has given up. No request
//! waits here longer than its deadline.

use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::clock::{Now, Sleep};
use crate::token::shared::Core;

/// The most digits of a timeout.
const MAX_DIGITS: usize = 8;
const MAX_VALUE: u128 = 99_999_999;

/// In nanoseconds, the finest unit first.
const UNITS: [(u8, u128); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];

pub(crate) struct Deadline {
    /// When the request came, or when it was sent for the first time.
    began: Now,
    timeout: Duration,
    alarm: Alarm,
}

/// Made at the first poll, because it needs a runtime.
enum Alarm {
    Unset,
    Set(Sleep),
    /// There is no timer, because there is no runtime.
    Broken,
}

impl Deadline {
    pub(crate) const HEADER: HeaderName = HeaderName::from_static("grpc-timeout");

    /// The deadline of a request whose time began at `began`. A value that cannot be read gives none, because the
    /// server may understand it.
    pub(crate) fn of(header: Option<&HeaderValue>, began: Now) -> Option<Deadline> {
        let timeout = parse(header?.as_bytes())?;
        Some(Deadline { began, timeout, alarm: Alarm::Unset })
    }

    pub(crate) fn is_over(&self, now: Now) -> bool {
        self.left(now).is_zero()
    }

    fn left(&self, now: Now) -> Duration {
        self.timeout.saturating_sub(now.since(self.began))
    }

    /// Ends when the time is over.
    pub(crate) fn poll(&mut self, core: &Core, cx: &mut Context<'_>) -> Poll<()> {
        if let Alarm::Unset = self.alarm {
            let sleep = core.sleep(self.left(core.now()));
            self.alarm = sleep.map_or(Alarm::Broken, Alarm::Set);
        }
        match &mut self.alarm {
            Alarm::Set(sleep) => sleep.as_mut().poll(cx),
            Alarm::Unset | Alarm::Broken => Poll::Pending,
        }
    }

    /// Writes the time that is left into a request that is sent now, if any time was spent.
    pub(crate) fn reduce(&self, headers: &mut HeaderMap, now: Now) {
        let left = self.left(now);
        if left < self.timeout
            && let Ok(value) = HeaderValue::try_from(format(left))
        {
            headers.insert(Deadline::HEADER, value);
        }
    }
}

/// `TimeoutValue TimeoutUnit`: at most eight digits, and a letter.
fn parse(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    let (_, nanos) = UNITS.iter().find(|(letter, _)| letter == unit)?;
    if digits.len() > MAX_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value: u128 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(duration(value * nanos))
}

/// In the finest unit that fits into eight digits, rounded down.
fn format(left: Duration) -> String {
    let left = left.as_nanos();
    let fits = |(_, nanos): &&(u8, u128)| left / nanos <= MAX_VALUE;
    let (letter, nanos) = UNITS.iter().find(fits).unwrap_or(&UNITS[UNITS.len() - 1]);
    format!("{}{}", (left / nanos).min(MAX_VALUE), char::from(*letter))
}

fn duration(nanos: u128) -> Duration {
    let secs = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
    Duration::new(secs, (nanos % 1_000_000_000) as u32)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn time_spent_here_is_subtracted_from_the_timeout() {
        let at = |millis| Now::new(Duration::from_millis(millis), UNIX_EPOCH);
        let timeout = HeaderValue::from_static("2000m");
        let deadline = Deadline::of(Some(&timeout), at(100)).unwrap();
        for (now, written, is_over) in [
            (100, "2000m", false),
            (600, "1500000u", false),
            (2_099, "1000000n", false),
            (2_100, "0n", true),
            (9_000, "0n", true),
        ] {
            let mut headers = HeaderMap::from_iter([(Deadline::HEADER, timeout.clone())]);
            deadline.reduce(&mut headers, at(now));
            assert_eq!(headers[Deadline::HEADER], written, "{now}");
            assert_eq!(deadline.is_over(at(now)), is_over, "{now}");
        }
        assert!(Deadline::of(None, at(0)).is_none());
        assert!(Deadline::of(Some(&HeaderValue::from_static("soon")), at(0)).is_none());
    }

    #[test]
    fn every_timeout_of_the_grpc_specification_is_read() {
        for (text, read) in [
            ("1n", Duration::from_nanos(1)),
            ("99999999n", Duration::from_nanos(99_999_999)),
            ("20u", Duration::from_micros(20)),
            ("500m", Duration::from_millis(500)),
            ("00000010S", Duration::from_secs(10)),
            ("3M", Duration::from_secs(180)),
            ("99999999H", Duration::from_secs(99_999_999 * 3_600)),
            ("0m", Duration::ZERO),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(read), "{text}");
        }
        for text in
            ["", "S", "5", "5s", "5h", "100000000S", "-1S", "+1S", "1.5S", " 1S", "1S ", "1 S"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn the_time_left_is_written_in_eight_digits_rounded_down_and_never_zero() {
        for (left, text) in [
            (Duration::from_nanos(1), "1n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_999), "100000u"),
            (Duration::from_secs(10), "10000000u"),
            (Duration::from_nanos(99_999_999_999), "99999999u"),
            (Duration::from_nanos(100_000_999_999), "100000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(100_000_059), "1666667M"),
            (Duration::from_secs(6_000_000_000), "1666666H"),
            (Duration::MAX, "99999999H"),
        ] {
            assert_eq!(format(left), text, "{left:?}");
        }
        let mut nanos = 1_u128;
        while nanos < u128::from(u64::MAX) * 1_000 {
            let left = duration(nanos);
            let read = parse(format(left).as_bytes()).unwrap();
            assert!(!read.is_zero() && read <= left, "{left:?} became {read:?}");
            nanos = nanos * 7 / 3 + 1;
        }
    }
}
