//! When a token is renewed, waited for, and over.

use std::time::Duration;

use crate::clock::Now;
use crate::scheme::jwt::{Times, seconds};

/// Refresh-ahead begins somewhere in this part of a token's life, drawn once per token, so that a fleet
/// that started together does not renew together.
const REFRESH_FROM: f64 = 0.8;
const REFRESH_TO: f64 = 0.9;

/// The hard margin at the end of a life, in which callers wait for a successor: at most this long, …
const MARGIN: Duration = Duration::from_secs(30);
/// … and at most this part of the life, so that a token of three seconds works too.
const MARGIN_PART: u32 = 10;

/// A token that lives for less is over before it can be used, and would be renewed without end.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// The three moments in a token's life, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// From here on a successor is fetched in the background.
    pub(crate) refresh_at: Now,
    /// From here on callers wait for a successor, if one can be had.
    pub(crate) margin_at: Now,
    /// From here on it is not sent.
    pub(crate) ends_at: Now,
}

impl Window {
    /// The window of a token whose request was sent at `sent` and that lives for `life`; `draw` is
    /// uniform in 0..1.
    pub(crate) fn new(sent: Now, life: Duration, draw: f64) -> Window {
        let part = REFRESH_FROM + (REFRESH_TO - REFRESH_FROM) * draw.clamp(0.0, 1.0);
        let margin = MARGIN.min(life / MARGIN_PART);
        Window {
            refresh_at: sent + life.mul_f64(part),
            margin_at: sent + (life - margin),
            ends_at: sent + life,
        }
    }

    /// Whether a token is worth having: it lives long enough, and has not ended by `now`.
    pub(crate) fn is_worth_having(sent: Now, life: Duration, now: Now) -> bool {
        life >= SHORTEST_LIFE && !now.has_reached(sent + life)
    }

    /// Puts refresh-ahead and the hard margin off until `moment`; the end stays.
    pub(crate) fn quiet_until(self, moment: Now) -> Window {
        let refresh_at = self.refresh_at.latest(moment).earliest(self.ends_at);
        let margin_at = self.margin_at.latest(moment).earliest(self.ends_at);
        Window { refresh_at, margin_at, ..self }
    }

    /// The window of a token that is good until it is refused.
    pub(crate) const ENDLESS: Window =
        Window { refresh_at: Now::NEVER, margin_at: Now::NEVER, ends_at: Now::NEVER };
}

/// How long a token lives, counted from the sending of its request: the earlier of what the endpoint
/// stated and what its claims mean (`exp − iat`); else its `exp` by our wall clock; else `default`.
///
/// `exp` alone is judged by our clock last, because that clock may be wrong: a life is not.
pub(crate) fn life(
    stated: Option<Duration>,
    claims: Times,
    sent: Now,
    default: Duration,
) -> Duration {
    let meant = claims.life();
    let by_our_clock = || claims.end().map(|end| end.saturating_sub(sent.since_epoch()));
    let life = match (stated, meant) {
        (Some(stated), Some(meant)) => stated.min(meant),
        (Some(life), None) | (None, Some(life)) => life,
        (None, None) => by_our_clock().unwrap_or(default),
    };
    life.min(seconds(f64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn start() -> Now {
        Now::new(Duration::from_secs(50), UNIX_EPOCH + Duration::from_secs(1_000_000))
    }

    #[test]
    fn refresh_ahead_falls_in_80_to_90_percent_of_a_life() {
        for (draw, at) in [(0.0, 2_880), (0.5, 3_060), (1.0, 3_240)] {
            let window = Window::new(start(), HOUR, draw);
            let refresh_in = start().until(window.refresh_at);
            assert_eq!(refresh_in.as_secs_f64().round(), f64::from(at));
            assert_eq!(start().until(window.margin_at), Duration::from_secs(3_570));
            assert_eq!(start().until(window.ends_at), HOUR);
        }
    }

    #[test]
    fn a_window_fits_into_a_life_of_three_seconds() {
        for draw in [0.0, 0.3, 0.999] {
            let window = Window::new(start(), Duration::from_secs(3), draw);
            assert!(start().until(window.refresh_at) <= start().until(window.margin_at));
            assert_eq!(start().until(window.margin_at), Duration::from_millis(2_700));
        }
    }

    #[test]
    fn putting_a_refresh_off_never_moves_the_end() {
        let window = Window::new(start(), Duration::from_secs(300), 0.5);
        let later = window.quiet_until(start() + Duration::from_secs(299));
        assert_eq!(later.margin_at, start() + Duration::from_secs(299));
        let capped = window.quiet_until(start() + HOUR);
        assert_eq!((capped.refresh_at, capped.margin_at), (window.ends_at, window.ends_at));
        assert_eq!((later.ends_at, capped.ends_at), (window.ends_at, window.ends_at));
        assert_eq!(window.quiet_until(start()), window);
    }

    #[test]
    fn a_life_is_the_earlier_of_what_was_stated_and_what_the_claims_mean() {
        let claims = |exp: f64, iat: Option<f64>| Times { exp: Some(exp), iat };
        let default = Duration::from_secs(300);
        let of = |stated, claims| life(stated, claims, start(), default);
        assert_eq!(of(Some(HOUR), Times::default()), HOUR);
        assert_eq!(of(Some(HOUR), claims(600.0, Some(0.0))), Duration::from_secs(600));
        assert_eq!(of(Some(HOUR), claims(9e9, Some(0.0))), HOUR);
        // Claims that make no sense (`iat` in milliseconds) count as absent.
        assert_eq!(of(Some(HOUR), claims(1_000_600.0, Some(1e12))), HOUR);
        // `exp` is in the far past by our clock, and does not matter: the stated life does.
        assert_eq!(of(Some(HOUR), claims(1.0, None)), HOUR);
        assert_eq!(of(None, claims(1_000_060.0, None)), Duration::from_secs(60));
        assert_eq!(of(None, claims(1.0, None)), Duration::ZERO, "dead on arrival");
        assert_eq!(of(None, Times::default()), default);
        let edge = Window::new(Now::NEVER, of(Some(Duration::MAX), Times::default()), 0.5);
        assert_eq!(edge.ends_at, Now::NEVER);
    }
}
