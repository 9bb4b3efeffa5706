//! Our clock beside the server's. A server that refuses an assertion because of its time does not say so by a code.

use crate::endpoint::answer::ExchangeAnswer;
use crate::error::clock_difference::ClockDifference;

/// What to add to the error of an assertion of ours that this answer refuses. None if the clocks agree, or if one is not
/// known.
pub(crate) fn difference(answer: &ExchangeAnswer) -> Option<String> {
    let clocks = clocks(answer)?;
    Some(format!("{clocks}, and the assertion has our time: correct the clock that is wrong"))
}

/// The same for an assertion of another program.
pub(crate) fn clocks(answer: &ExchangeAnswer) -> Option<String> {
    let ours = answer.received()?.since_epoch();
    ClockDifference::of(answer.headers(), ours).map(|it| it.to_string())
}
