//! Our clock beside the server's. A server that refuses an assertion because of its time does not say so by a code.

use std::time::Duration;

use crate::basics::bounds::is_clock;
use crate::endpoint::answer::ExchangeAnswer;

/// Servers accept a smaller difference, and a `Date` can be some seconds old.
const NOTABLE: Duration = Duration::from_secs(10);

/// What to add to the error of an assertion that this answer refuses. None if the clocks agree, or if one is not known.
pub(crate) fn difference(answer: &ExchangeAnswer) -> Option<String> {
    let ours = answer.received()?.since_epoch();
    let theirs = answer.issuers_clock().filter(|theirs| is_clock(*theirs))?;
    described(ours, theirs)
}

/// Both clocks count since the epoch.
fn described(ours: Duration, theirs: Duration) -> Option<String> {
    let (seconds, relation) = match ours > theirs {
        true => (ours - theirs, "ahead of"),
        false => (theirs - ours, "behind"),
    };
    let seconds = Some(seconds).filter(|seconds| *seconds > NOTABLE)?.as_secs();
    Some(format!(
        "our clock is {seconds} s {relation} the server's, and the assertion has our time: correct the clock that is wrong"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_more_than_ten_seconds_is_described() {
        let said = |ours, theirs| {
            let said = described(Duration::from_millis(ours), Duration::from_millis(theirs));
            said.map(|it| it.split(',').next().unwrap_or_default().to_owned())
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(said(700_000, 100_000), text("our clock is 600 s ahead of the server's"));
        assert_eq!(said(100_000, 190_900), text("our clock is 90 s behind the server's"));
        assert_eq!(said(110_001, 100_000), text("our clock is 10 s ahead of the server's"));
        for ours in [90_000, 100_000, 110_000] {
            assert_eq!(said(ours, 100_000), None, "{ours}");
        }
    }
}
