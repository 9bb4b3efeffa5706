//! When a token is renewed, when callers wait for the next one, and when it expires.

use std::time::Duration;

use crate::basics::bounds::{self, LONGEST_LIFE};
use crate::clock::Now;
use crate::exchange::issued::Stated;
use crate::scheme::jwt::Times;

/// Refresh-ahead begins in this part of a token's life. The moment is random and chosen once for each token, so that
/// processes that started together do not renew together.
const REFRESH_FROM: f64 = 0.8;
const REFRESH_TO: f64 = 0.9;

/// The hard margin at the end of a life, in which callers wait for the next token: at most this
/// long.
const MARGIN: Duration = Duration::from_secs(30);
/// The hard margin is also at most this part of the life, so that a token of three seconds works
/// too.
const MARGIN_PART: u32 = 10;

/// A token with a shorter life expires before it can be used, and would be renewed again and again.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// The three moments in a token's life, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// From here on the token is renewed in the background.
    pub(crate) refresh_at: Now,
    /// From here on callers wait for the next token, if a refresh is possible.
    pub(crate) margin_at: Now,
    /// From here on the token is not sent.
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

    /// Whether a token lives long enough, and has not expired by `now`.
    pub(crate) fn is_worth_having(sent: Now, life: Duration, now: Now) -> bool {
        life >= SHORTEST_LIFE && !now.has_reached(sent + life)
    }

    /// Postpones refresh-ahead and the hard margin until `moment`. The expiry stays.
    pub(crate) fn quiet_until(self, moment: Now) -> Window {
        let refresh_at = self.refresh_at.latest(moment).earliest(self.ends_at);
        let margin_at = self.margin_at.latest(moment).earliest(self.ends_at);
        Window { refresh_at, margin_at, ..self }
    }

    /// Moves refresh-ahead to `moment` if it would begin later. The hard margin and the expiry stay.
    pub(crate) fn refreshed_by(self, moment: Now) -> Window {
        Window { refresh_at: self.refresh_at.earliest(moment), ..self }
    }

    /// Whether the refresh-ahead of a token that lives for `life` may have begun at `moment`.
    pub(crate) fn is_old_at(sent: Now, life: Duration, moment: Now) -> bool {
        moment.has_reached(sent + life / 5 * 4)
    }

    /// The window of a token that does not expire.
    pub(crate) const ENDLESS: Window =
        Window { refresh_at: Now::NEVER, margin_at: Now::NEVER, ends_at: Now::NEVER };
}

/// Two clocks that differ by more than this are different clocks. A `Date` has whole seconds, and one was
/// observed to be 8 s late.
const SAME_CLOCK: Duration = Duration::from_secs(10);

/// A token that expired this long before its answer's `Date` has really expired: neither rounding nor a late
/// `Date` explains this difference.
const ENDED: Duration = Duration::from_secs(60);

/// If a point in time shortens a stated life, and no second clock confirms it, at least one part in this many of
/// the life remains. Otherwise a clock that is wrong by nearly a life would cause an exchange each second.
const UNCONFIRMED_PART: u32 = 30;

/// How long a token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// The life, counted from the sending of the request.
    pub(crate) life: Duration,
    /// The answer or the token itself states the life. Otherwise it is the default.
    pub(crate) stated: bool,
    /// The longest life, by facts that stay the same if the token is issued again.
    pub(crate) dated: Option<Duration>,
}

/// The shortest of the stated lives (`expires_in`, `exp − iat`, a time of expiry). Without one, its `exp`
/// compared with a clock. Without that, `default`.
///
/// `exp` alone is compared with a clock only at the end, because a clock may be wrong and a life is not. One
/// statement alone does not expire a token that two others call valid.
pub(crate) fn life(
    stated: &Stated,
    claims: Times,
    (sent, received): (Now, Now),
    default: Duration,
) -> Life {
    let clock = IssuersClock::new(stated.issuers_clock, sent, received);
    // The life also passes while the answer is in a cache.
    let in_cache = |life: Duration| life.saturating_sub(stated.age);
    let meant = claims.life().map(in_cache);
    let said = [stated.expires_in.map(in_cache), meant].into_iter().flatten().min();
    let end = stated.expires_at;
    let dated = match (end, meant) {
        (Some(end), meant) => Some(clock.left(end, said)).max(meant),
        (None, Some(meant)) => Some(meant),
        (None, None) => claims.exp.map(|exp| clock.left(exp, said)),
    };
    let life = match (said, end) {
        (Some(said), Some(end)) => clock.shortened(said, end),
        // A JWT that states its expiry but not its beginning.
        (Some(said), None) => match claims.exp.filter(|_| claims.iat.is_none()) {
            Some(exp) if clock.says_twice_that_it_ended(exp) => Duration::ZERO,
            _ => said,
        },
        (None, Some(end)) => clock.left(end, None),
        (None, None) => claims.exp.map_or(default, |exp| clock.left(exp, None)),
    };
    let is_stated = said.is_some() || end.is_some() || claims.exp.is_some();
    Life { life: life.min(LONGEST_LIFE), stated: is_stated, dated }
}

/// The clocks with which an issuer's times are compared.
struct IssuersClock {
    /// The answer's `Date`.
    date: Option<Duration>,
    /// The `Date` differs from our clock.
    differs: bool,
    ours: Duration,
}

impl IssuersClock {
    fn new(date: Option<Duration>, sent: Now, received: Now) -> IssuersClock {
        let date = date.filter(|date| bounds::is_clock(*date));
        let (first, last) = (sent.since_epoch(), received.since_epoch());
        let differs = date.is_some_and(|date| {
            date + SAME_CLOCK < first || date > last.saturating_add(SAME_CLOCK)
        });
        IssuersClock { date, differs, ours: first }
    }

    /// The time until `end`; zero if it has passed. Our clock counts if the answer's `Date` agrees with it, or if
    /// it agrees with the life that was `said`. Otherwise the `Date` counts.
    fn left(&self, end: Duration, said: Option<Duration>) -> Duration {
        let by_ours = end.saturating_sub(self.ours);
        let agrees = said.is_some_and(|said| said.abs_diff(by_ours) <= SAME_CLOCK);
        match self.date.filter(|_| self.differs && !agrees) {
            Some(date) if end > date => end - date,
            Some(date) if date - end > ENDED => Duration::ZERO,
            // The difference may be rounding. Our clock is wrong, so it cannot lengthen the life.
            Some(_) => by_ours.min(ENDED),
            None => by_ours,
        }
    }

    /// A life that was `said`, shortened by a time of expiry.
    fn shortened(&self, said: Duration, end: Duration) -> Duration {
        let left = self.left(end, Some(said));
        let is_confirmed = self.date.is_some() && !self.differs;
        match left {
            _ if is_confirmed => said.min(left),
            // Nothing shows whose clock is wrong.
            Duration::ZERO if self.date.is_none() => said,
            Duration::ZERO => Duration::ZERO,
            _ => said.min(left.max(said / UNCONFIRMED_PART)),
        }
    }

    /// Whether the answer's date and our clock both say that `end` has long passed.
    fn says_twice_that_it_ended(&self, end: Duration) -> bool {
        let ended = |now: Duration| now > end + ENDED;
        self.date.is_some_and(ended) && ended(self.ours)
    }
}

#[cfg(test)]
mod tests;
