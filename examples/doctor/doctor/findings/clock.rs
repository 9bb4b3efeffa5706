//! The difference between the server's clock and ours.

use std::time::Duration;

use super::super::facts::{ExpiresIn, Facts};
use super::{Finding, last_answer, note, ok, span, wrong};

/// `Date` has whole seconds, and an answer may be on its way for a moment.
const SAME: u64 = 2;
/// From here on the crate takes the clocks for different ones.
const DIFFERENT: u64 = 10;
/// From here on one of them needs a person.
const FAR: u64 = 60;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Some(answer) = last_answer(facts) else { return Vec::new() };
    let Some(ahead) = answer.ahead else {
        return vec![note(
            "the answer has no Date (RFC 9110 section 6.6.1), so the clocks cannot be compared",
        )];
    };
    let by = ahead.unsigned_abs();
    if by <= SAME {
        return vec![ok(format!("the server's clock and ours agree within {SAME} s"))];
    }
    let side = if ahead > 0 { "ahead of" } else { "behind" };
    // `Date` has whole seconds, so more than ten of them are a rounded number.
    let shown = if by > DIFFERENT { by.saturating_add(5) / 10 * 10 } else { by };
    let text = format!("the server's clock is {} {side} ours", span(Duration::from_secs(shown)));
    if by <= DIFFERENT {
        return vec![ok(format!("{text}, which does not matter"))];
    }
    let states_a_span = matches!(answer.members.expires_in, ExpiresIn::Number(_) | ExpiresIn::Text);
    let why = match states_a_span {
        true => {
            "the life of the token does not depend on it, because `expires_in` is a number of seconds; times in a JWT \
             and in certificates do"
        }
        false => {
            "a life that is stated as a point in time is then wrong: the layer compares it with `Date`"
        }
    };
    let text = format!("{text}: {why}");
    match by >= FAR {
        true => vec![wrong(format!("{text}. Compare both with NTP"))],
        false => vec![note(text)],
    }
}
