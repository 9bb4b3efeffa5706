//! Our clock beside a server's. A server that refuses a credential because of its time mostly does not say so.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;

use crate::basics::bounds::is_clock;
use crate::basics::headers::servers_clock;

/// Servers accept a smaller difference, and a `Date` can be some seconds old.
const NOTABLE: Duration = Duration::from_secs(10);

/// How far the clock of this machine and that of an API differ.
///
/// A response that refuses the credential has it in its extensions, beside the [`Recovery`](crate::Recovery), if its `Date` and our
/// clock differ by more than 10 s. A smaller difference means nothing: servers accept it, and a `Date` can be some seconds old.
/// Nothing is corrected. A wrong clock is the usual cause if an API refuses a token that is
/// [signed here](crate::system::SelfSigned).
///
/// ```
/// use tower_outbound_auth::ClockDifference;
///
/// # let response = http::Response::new(());
/// if let Some(difference) = response.extensions().get::<ClockDifference>() {
///     println!("{difference}"); // our clock is 93 s ahead of the server's
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClockDifference(i64);

impl ClockDifference {
    /// The difference between our clock, since the epoch, and the `Date` of an answer. None if they agree, or if the answer has no
    /// usable `Date`.
    pub(crate) fn of(headers: &HeaderMap, ours: Duration) -> Option<ClockDifference> {
        let theirs = servers_clock(headers).filter(|theirs| is_clock(*theirs))?;
        let by = ours.abs_diff(theirs);
        let seconds = i64::try_from(by.as_secs()).ok().filter(|_| by > NOTABLE)?;
        Some(ClockDifference(if ours > theirs { seconds } else { -seconds }))
    }

    /// Whole seconds. Negative if our clock is behind the server's.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// The difference of so many seconds. Zero is none.
    pub(crate) fn of_seconds(seconds: i64) -> Option<ClockDifference> {
        (seconds != 0).then_some(ClockDifference(seconds))
    }
}

impl fmt::Display for ClockDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relation = if self.0 > 0 { "ahead of" } else { "behind" };
        write!(f, "our clock is {} s {relation} the server's", self.0.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use http::header::DATE;

    use super::*;

    #[test]
    fn a_difference_of_more_than_ten_seconds_is_described() {
        let theirs = Duration::from_secs(1_767_225_600);
        let mut headers = HeaderMap::new();
        let date = httpdate::fmt_http_date(UNIX_EPOCH + theirs);
        headers.insert(DATE, date.parse().unwrap());
        let of = |ours| ClockDifference::of(&headers, ours).map(|it| it.to_string());
        let millis = Duration::from_millis;
        let said = |text: &str| Some(format!("our clock is {text} the server's"));
        assert_eq!(of(theirs + millis(600_000)), said("600 s ahead of"));
        assert_eq!(of(theirs - millis(90_900)), said("90 s behind"));
        assert_eq!(of(theirs + millis(10_001)), said("10 s ahead of"));
        for ours in [theirs - millis(10_000), theirs, theirs + millis(10_000)] {
            assert_eq!(of(ours), None, "{ours:?}");
        }
    }
}
