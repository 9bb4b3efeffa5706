//! The pauses after failures of a token endpoint.

use std::time::Duration;

use crate::basics::bounds::LONGEST_PAUSE;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};

/// The facts about a failure that decide when the next attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) nature: Nature,
    /// How long the endpoint asked clients to wait.
    pub(crate) retry_after: Option<Duration>,
}

/// Whether a later try may succeed without any change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// An outage passes.
    Passing,
    /// A 4xx that cannot be read: it is an outage or a refusal. Several in a row count as a
    /// refusal.
    InDoubt,
    /// A refusal: a person must correct the credentials.
    Lasting,
}

/// From this many failures in doubt in a row, the pause is as long as after a refusal. A restarting gateway may cause
/// two.
pub(crate) const DOUBTS_THAT_ARE_A_REFUSAL: u32 = 3;

/// Why an exchange failed. The machine keeps the last error, but decides only by its [`Fault`].
pub(crate) trait Failing: Clone {
    fn fault(&self) -> Fault;

    /// The token of an exchange had expired when it arrived.
    fn dead_on_arrival() -> Self;
}

impl Failing for ExchangeError {
    fn fault(&self) -> Fault {
        let nature = match (self.is_transient(), self.is_in_doubt()) {
            (true, false) => Nature::Passing,
            (true, true) => Nature::InDoubt,
            (false, _) => Nature::Lasting,
        };
        Fault { nature, retry_after: self.retry_after() }
    }

    fn dead_on_arrival() -> ExchangeError {
        let message = "the token had already expired when it arrived, or has a life of less than a second: compare the \
                       clock of this machine with that of the token endpoint";
        ExchangeError::new(ExchangeErrorKind::Expired, message)
    }
}

/// For tests of the machine alone.
impl Failing for Fault {
    fn fault(&self) -> Fault {
        *self
    }

    fn dead_on_arrival() -> Fault {
        Fault { nature: Nature::Passing, retry_after: None }
    }
}

const FIRST: Duration = Duration::from_secs(1);
/// The longest pause without a usable token. Callers get errors meanwhile.
const CAP_WITHOUT_TOKEN: Duration = Duration::from_secs(30);
/// The longest pause with a usable token. Callers notice nothing.
const CAP_WITH_TOKEN: Duration = Duration::from_secs(120);
/// Refused credentials are tried rarely, because repeated refusals lock accounts. The tries go on, because a person
/// will correct the credentials.
const FIRST_REFUSED: Duration = Duration::from_secs(10);
const CAP_REFUSED: Duration = Duration::from_secs(300);
/// A token endpoint with a cache returns the old token until that expires. Its clock may differ from ours, and it
/// counts whole seconds.
const STALE_REPEAT: Duration = Duration::from_millis(250);

/// The pause after the `failures`-th failure in a row (the first is 1); at least `asked`, if the endpoint asked for a
/// pause. `draw` is uniform in 0..1. The pause is 80 to 100 % of its full length, so that clients that failed at the
/// same time do not try again at the same time.
pub(crate) fn pause(
    failures: u32,
    asked: Option<Duration>,
    has_token: bool,
    draw: f64,
) -> Duration {
    let cap = if has_token { CAP_WITH_TOKEN } else { CAP_WITHOUT_TOKEN };
    at_least(asked, slot(FIRST, failures, cap, draw))
}

/// The pause after the `refusals`-th refusal of the same credentials.
pub(crate) fn pause_after_refusal(refusals: u32, asked: Option<Duration>, draw: f64) -> Duration {
    at_least(asked, slot(FIRST_REFUSED, refusals, CAP_REFUSED, draw))
}

fn at_least(asked: Option<Duration>, pause: Duration) -> Duration {
    pause.max(asked.unwrap_or_default().min(LONGEST_PAUSE))
}

/// The pause after the `count`-th attempt in a row that brought no new token and did not fail: it brought the same
/// token again, or it was lost with its runtime.
pub(crate) fn pause_in_vain(count: u32, draw: f64) -> Duration {
    slot(FIRST, count, CAP_WITH_TOKEN, draw)
}

/// Shortens a pause so that one more attempt is made while a usable token has `left` to live. In the last second of
/// the token, the attempt is made at its expiry.
pub(crate) fn before_the_end(pause: Duration, left: Duration) -> Duration {
    if pause < left { pause } else { (left / 2).max(FIRST.min(left)) }
}

/// Lengthens a pause to 1 s, or to half of what a token has `left` to live if that is shorter.
pub(crate) fn at_least_apart(pause: Duration, left: Duration) -> Duration {
    pause.max(FIRST.min(left / 2))
}

/// The pause after a cache returned an expired token. It is short, because the cache will soon have
/// another token.
pub(crate) fn pause_after_stale_repeat(failures: u32, draw: f64) -> Duration {
    slot(STALE_REPEAT, failures, CAP_WITHOUT_TOKEN, draw)
}

fn slot(first: Duration, count: u32, cap: Duration, draw: f64) -> Duration {
    let slot = first.saturating_mul(1 << count.saturating_sub(1).min(16)).min(cap);
    slot.mul_f64(0.8 + 0.2 * draw.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_from_one_second_to_its_cap() {
        let slots = |has_token| (1..=9).map(move |n| pause(n, None, has_token, 1.0).as_secs());
        assert_eq!(slots(false).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 30, 30, 30, 30]);
        assert_eq!(slots(true).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 64, 120, 120]);
        assert_eq!(pause(1, None, false, 0.0), Duration::from_millis(800));
        assert_eq!(pause(u32::MAX, None, false, 1.0), CAP_WITHOUT_TOKEN);
    }

    #[test]
    fn refused_credentials_are_tried_rarely_but_without_end() {
        assert_eq!(pause_after_refusal(1, None, 1.0), Duration::from_secs(10));
        assert_eq!(pause_after_refusal(99, None, 1.0), Duration::from_secs(300));
    }

    #[test]
    fn retry_after_is_honoured_within_bounds() {
        let busy = |secs| Some(Duration::from_secs(secs));
        assert_eq!(pause(1, busy(44), false, 0.0), Duration::from_secs(44));
        assert_eq!(pause(1, busy(0), false, 1.0), Duration::from_secs(1));
        assert_eq!(pause(1, busy(u64::MAX), false, 1.0), Duration::from_secs(300));
        assert_eq!(pause_after_refusal(1, busy(44), 1.0), Duration::from_secs(44));
    }

    #[test]
    fn attempts_without_a_new_token_pause_longer_each_time() {
        let slots = |pause: fn(u32, f64) -> Duration| {
            [1, 2, 3, 99].map(|count| pause(count, 1.0).as_millis())
        };
        assert_eq!(slots(pause_in_vain), [1_000, 2_000, 4_000, 120_000]);
        assert_eq!(slots(pause_after_stale_repeat), [250, 500, 1_000, 30_000]);
    }

    #[test]
    fn a_pause_leaves_time_for_another_attempt_before_the_expiry() {
        let secs = Duration::from_secs;
        assert_eq!(before_the_end(secs(10), secs(60)), secs(10));
        assert_eq!(before_the_end(secs(120), secs(60)), secs(30));
        assert_eq!(
            before_the_end(secs(60), secs(60)),
            secs(30),
            "the attempt is made before the expiry"
        );
        assert_eq!(
            before_the_end(secs(120), secs(1)),
            secs(1),
            "near the expiry, there is no attempt for each request"
        );
        let moment = Duration::from_millis(300);
        assert_eq!(before_the_end(secs(1), moment), moment, "the pause ends with the token");
    }
}
