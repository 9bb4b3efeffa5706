//! When a token is renewed, when callers wait for the next one, and when it expires.

use std::time::Duration;

use crate::basics::bounds::{self, LONGEST_LIFE};
use crate::clock::Now;
use crate::exchange::issued::Stated;
use crate::scheme::jwt::Times;

/// Refresh-ahead begins in this part of a token's life. The moment is drawn once for each token, so that processes which
/// started together do not renew together.
const REFRESH_FROM: f64 = 0.8;
const REFRESH_TO: f64 = 0.9;

/// The hard margin at the end of a life, in which callers wait for a successor: at most this long, …
const MARGIN: Duration = Duration::from_secs(30);
/// … and at most this part of the life, so that a token of three seconds works too.
const MARGIN_PART: u32 = 10;

/// A token that lives for less expires before it can be used, and would be renewed without end.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// The three moments in a token's life, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// From here on it is renewed in the background.
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

    /// Whether a token lives long enough, and has not expired by `now`.
    pub(crate) fn is_worth_having(sent: Now, life: Duration, now: Now) -> bool {
        life >= SHORTEST_LIFE && !now.has_reached(sent + life)
    }

    /// Postpones refresh-ahead and the hard margin until `moment`. The end stays.
    pub(crate) fn quiet_until(self, moment: Now) -> Window {
        let refresh_at = self.refresh_at.latest(moment).earliest(self.ends_at);
        let margin_at = self.margin_at.latest(moment).earliest(self.ends_at);
        Window { refresh_at, margin_at, ..self }
    }

    /// The window of a token that does not expire.
    pub(crate) const ENDLESS: Window =
        Window { refresh_at: Now::NEVER, margin_at: Now::NEVER, ends_at: Now::NEVER };
}

/// Two clocks that differ by more than this are not the same one. A `Date` has whole seconds, and one was
/// seen to be 8 s late.
const SAME_CLOCK: Duration = Duration::from_secs(10);

/// A token that ended this long before its answer's `Date` has ended: no rounding and no late `Date` explains
/// that.
const ENDED: Duration = Duration::from_secs(60);

/// A moment that shortens a stated life by a clock that nobody has confirmed leaves one part in so many of it: a
/// clock that is off by nearly a life would else cause an exchange each second.
const UNCONFIRMED_PART: u32 = 30;

/// How long a token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// Counted from the sending of its request.
    pub(crate) life: Duration,
    /// Its answer, or the token itself, says so; else it is the default.
    pub(crate) stated: bool,
    /// How long it lives at most, by what stays the same when it is handed out once more.
    pub(crate) dated: Option<Duration>,
}

/// The shortest of the lives that were stated (`expires_in`, `exp − iat`, a moment at which it ends); else its
/// `exp`, by a clock; else `default`.
///
/// `exp` alone is judged by a clock last, because a clock may be wrong: a life is not. One witness alone makes no
/// token dead that two others call alive.
pub(crate) fn life(
    stated: &Stated,
    claims: Times,
    (sent, received): (Now, Now),
    default: Duration,
) -> Life {
    let clock = IssuersClock::new(stated.issuers_clock, sent, received);
    // In a cache, a life goes on.
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
        // A JWT that says when it ends and not when it began.
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

/// What moments that an issuer states are held against.
struct IssuersClock {
    /// The answer's date.
    date: Option<Duration>,
    /// That date is not the time of our clock.
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

    /// How long it is until `end`; zero if that has passed. By our clock, if the answer's date is the same; or if
    /// it is another one, and our clock agrees with the life that was `said`.
    fn left(&self, end: Duration, said: Option<Duration>) -> Duration {
        let by_ours = end.saturating_sub(self.ours);
        let agrees = said.is_some_and(|said| said.abs_diff(by_ours) <= SAME_CLOCK);
        match self.date.filter(|_| self.differs && !agrees) {
            Some(date) if end > date => end - date,
            Some(date) if date - end > ENDED => Duration::ZERO,
            // It may be rounding. Our clock is wrong: it cannot say that there is more.
            Some(_) => by_ours.min(ENDED),
            None => by_ours,
        }
    }

    /// A life that was `said`, shortened by a moment.
    fn shortened(&self, said: Duration, end: Duration) -> Duration {
        let left = self.left(end, Some(said));
        let is_confirmed = self.date.is_some() && !self.differs;
        match left {
            _ if is_confirmed => said.min(left),
            // Nobody knows whose clock is wrong.
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
