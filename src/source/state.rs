//! Everything that decides: a pure machine of events, actions and an explicit `now`.
//!
//! It reads no clock, does no I/O, holds no token and runs no code of others; the shell around it
//! ([`core`](super::core)) does, and does only what the machine says. A token is a [`Generation`] and a
//! [`Window`] here.
//!
//! What holds after every event:
//!
//! 1. At most one flight is under way ([`Start`] is returned only where there was none).
//! 2. A token is replaced only by a successor, and by nothing but time does it become unusable.
//! 3. Within a pause after a failure, no flight starts.
//! 4. Generations only grow; those of one exchange and of its rotations form a *line*.

use std::fmt;
use std::time::Duration;

use super::backoff;
use super::budget::Budget;
use super::schedule::Window;
use super::status::{Counters, State, Status};
use crate::clock::Now;
use crate::exchange::{ExchangeError, ExchangeErrorKind, Reason};
use crate::recovery::Recovery;

/// Numbers the tokens of a source in the order in which they became current.
///
/// A refusal is judged by it: only that of the current generation is a reason to renew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Orders flights and tokens: what has the larger one began, or was issued, later.
type Tick = u64;

/// Names a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlightId(Tick);

/// The action that every event may ask for: start this flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) id: FlightId,
    pub(crate) reason: Reason,
}

/// What somebody who wants a token is told.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Take the current one.
    Use,
    /// Wait for the flight that is under way, or that starts now.
    Wait,
    /// Fail: the last exchange failed `age` ago, and the next one is due in `retry_in`.
    Fail { error: ExchangeError, age: Duration, retry_in: Duration },
}

/// What somebody whose token the API refused is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A newer token is current: send the request again with that one.
    Resend,
    /// Wait for the flight. `paid`: it was started for this refusal, from the budget.
    Wait { paid: bool },
    /// Wait for the flight, which began before the refused token was issued and so says nothing of
    /// the refusal; then come back.
    WaitAndAsk,
    /// Give the refusal to the caller.
    HandOn(Recovery),
}

/// A token that an exchange or a rotation brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When the request that it answers was sent.
    pub(crate) sent: Now,
    /// How long it lives from then on.
    pub(crate) life: Duration,
    /// Whether it is, byte for byte, the current token.
    pub(crate) same: bool,
}

/// What became of a flight.
#[derive(Debug)]
pub(crate) enum Finished {
    /// Publish its token. `recovered`: how long exchanges had been failing before.
    Adopt { generation: Generation, window: Window, recovered: Option<Duration> },
    /// Tell those who waited.
    Failed { error: ExchangeError, failures: u32, retry_in: Duration },
    /// Nothing: a later exchange has already succeeded.
    Outdated,
}

#[derive(Debug)]
struct Current {
    generation: Generation,
    /// The generation that the exchange of this line issued.
    line: Generation,
    issued: Tick,
    /// The flight that issued the line.
    flight: Tick,
    sent: Now,
    window: Window,
    /// How many exchanges in a row have brought this same token again.
    repeats: u32,
}

#[derive(Debug)]
struct Flight {
    id: FlightId,
    started: Now,
}

#[derive(Debug)]
struct Failure {
    error: ExchangeError,
    /// When the first of the failures in a row happened, and the last.
    since: Now,
    at: Now,
    count: u32,
    retry_at: Now,
}

/// The state of one source.
#[derive(Debug)]
pub(crate) struct Machine {
    /// A flight that has not ended after this long has lost its runtime.
    flight_limit: Duration,
    rng: fastrand::Rng,
    tick: Tick,
    generation: Generation,
    current: Option<Current>,
    flight: Option<Flight>,
    failure: Option<Failure>,
    budget: Budget,
    counters: Counters,
}

impl Machine {
    pub(crate) fn new(flight_limit: Duration, seed: u64) -> Machine {
        Machine {
            flight_limit,
            rng: fastrand::Rng::with_seed(seed),
            tick: 0,
            generation: Generation(0),
            current: None,
            flight: None,
            failure: None,
            budget: Budget::full(),
            counters: Counters::default(),
        }
    }

    // ===== events =====

    /// Somebody wants a token to send.
    pub(crate) fn ask(&mut self, now: Now) -> (Ask, Option<Start>) {
        let (usable, reason) = match &self.current {
            None => (false, Some(Reason::First)),
            Some(Current { window, .. }) => {
                if now.has_reached(window.ends_at) {
                    (false, Some(Reason::Expired))
                } else if now.has_reached(window.margin_at) {
                    (true, Some(Reason::Expiring))
                } else if now.has_reached(window.refresh_at) {
                    (true, Some(Reason::RefreshAhead))
                } else {
                    (true, None)
                }
            }
        };
        let Some(reason) = reason else {
            return (Ask::Use, None);
        };
        let start = self.start_unless_paused(now, reason);
        let can_wait = self.flight.is_some();
        let ask = match (usable, can_wait, &self.failure) {
            (true, true, _) if reason == Reason::Expiring => Ask::Wait,
            (true, _, _) => Ask::Use,
            (false, false, Some(failure)) => Ask::Fail {
                error: failure.error.clone(),
                age: now.since(failure.at),
                retry_in: now.until(failure.retry_at),
            },
            (false, _, _) => Ask::Wait,
        };
        (ask, start)
    }

    /// The API refused the token of this generation.
    pub(crate) fn refused(&mut self, now: Now, refused: Generation) -> (Refused, Option<Start>) {
        self.counters.refusals += 1;
        let Some(current) = &self.current else {
            return self.renew(now, Reason::First, false);
        };
        let ended = now.has_reached(current.window.ends_at);
        if ended {
            return self.renew(now, Reason::Expired, false);
        }
        if current.generation > refused {
            return (Refused::Resend, None);
        }
        match &self.flight {
            Some(flight) if flight.id.0 < current.issued => (Refused::WaitAndAsk, None),
            _ => self.renew(now, Reason::Refused, true),
        }
    }

    /// The request whose refusal started a flight was accepted with its token.
    pub(crate) fn replay_accepted(&mut self) {
        self.budget.give_back();
    }

    /// A flight ended.
    pub(crate) fn finished(
        &mut self,
        now: Now,
        id: FlightId,
        outcome: Result<Arrival, ExchangeError>,
    ) -> Finished {
        let ours = self.flight.as_ref().is_some_and(|flight| flight.id == id);
        if ours {
            self.flight = None;
        }
        let outcome = outcome.and_then(|arrival| {
            if arrival.life.is_zero() || now.has_reached(arrival.sent + arrival.life) {
                let message = "the token had already ended when it arrived";
                return Err(ExchangeError::new(ExchangeErrorKind::Expired, message));
            }
            Ok(arrival)
        });
        // A flight that was given up and ends after all still counts, unless a later one succeeded.
        let later = self.current.as_ref().is_some_and(|current| current.flight > id.0);
        match outcome {
            Ok(_) if later => Finished::Outdated,
            Ok(arrival) => self.adopt_exchanged(now, id, arrival),
            Err(_) if !ours => Finished::Outdated,
            Err(error) => self.fail(now, error),
        }
    }

    /// The task of a flight vanished with its runtime, or stands still with it.
    pub(crate) fn lost(&mut self, id: FlightId) {
        if self.flight.as_ref().is_some_and(|flight| flight.id == id) {
            self.flight = None;
            self.counters.exchanges_lost += 1;
        }
    }

    /// A response to a request that carried the token of generation `used` brought a successor.
    ///
    /// Adopted if that token is of the current exchange's line (a response from before a revocation
    /// must not beat the exchange after it) and if no newer one is current.
    pub(crate) fn rotated(
        &mut self,
        now: Now,
        used: Generation,
        arrival: Arrival,
    ) -> Option<(Generation, Window)> {
        let over = now.has_reached(arrival.sent + arrival.life);
        let current = self.current.as_mut();
        let successor = current.filter(|current| {
            used >= current.line && arrival.sent.since(current.sent) > Duration::ZERO
        });
        let Some(current) = successor.filter(|_| !over && !arrival.same) else {
            self.counters.rotations_ignored += 1;
            return None;
        };
        self.counters.rotations_adopted += 1;
        self.tick += 1;
        self.generation.0 += 1;
        current.generation = self.generation;
        current.issued = self.tick;
        current.sent = arrival.sent;
        current.window = Window::new(arrival.sent, arrival.life, self.rng.f64());
        current.repeats = 0;
        Some((current.generation, current.window))
    }

    /// A token that needs no exchange was given.
    pub(crate) fn fixed(&mut self, now: Now) -> (Generation, Window) {
        self.adopt(0, now, Window::ENDLESS)
    }

    /// The pause after a failure is to end now.
    pub(crate) fn lift_pause(&mut self, now: Now) {
        if let Some(failure) = &mut self.failure {
            failure.retry_at = now;
        }
    }

    // ===== questions =====

    /// Until when asking on behalf of a usable token changes nothing: the shell need not ask before.
    pub(crate) fn quiet_until(&self) -> Option<Now> {
        match (&self.flight, &self.failure) {
            (Some(flight), _) => Some(flight.started + self.flight_limit),
            (None, Some(failure)) => Some(failure.retry_at),
            (None, None) => None,
        }
    }

    pub(crate) fn status(&mut self, now: Now) -> Status {
        let usable = |current: &&Current| !now.has_reached(current.window.ends_at);
        let current = self.current.as_ref();
        let state = match (current.filter(usable), &self.flight, &self.failure) {
            (Some(current), _, _) if now.has_reached(current.window.refresh_at) => State::Stale,
            (Some(_), _, _) => State::Fresh,
            (None, Some(_), _) => State::Exchanging,
            (None, None, Some(_)) => State::Failing,
            (None, None, None) if current.is_some() => State::Expired,
            (None, None, None) => State::Empty,
        };
        let failure = self.failure.as_ref();
        Status {
            state,
            generation: current.map(|current| current.generation),
            expires_in: current
                .filter(|current| current.window.ends_at != Now::NEVER)
                .map(|current| now.until(current.window.ends_at)),
            exchange_under_way: self.flight.is_some(),
            next_attempt_in: match (failure, current) {
                (Some(failure), _) => Some(now.until(failure.retry_at)),
                (None, Some(current)) if current.window.refresh_at != Now::NEVER => {
                    Some(now.until(current.window.refresh_at))
                }
                (None, _) => None,
            },
            consecutive_failures: failure.map_or(0, |failure| failure.count),
            last_error: failure.map(|failure| failure.error.clone()),
            failing_for: failure.map(|failure| now.since(failure.since)),
            renewal_budget: self.budget.left(now),
            waiters: 0,
            counters: self.counters,
        }
    }

    // ===== transitions =====

    /// Joins the flight under way or starts one, from the budget if `pays`.
    fn renew(&mut self, now: Now, reason: Reason, pays: bool) -> (Refused, Option<Start>) {
        self.give_up_overdue(now);
        if self.flight.is_some() {
            return (Refused::Wait { paid: false }, None);
        }
        if self.is_paused(now) {
            return (Refused::HandOn(Recovery::RenewalFailed), None);
        }
        if pays && !self.budget.take(now) {
            self.counters.budget_refusals += 1;
            return (Refused::HandOn(Recovery::BudgetSpent), None);
        }
        let start = self.start_unless_paused(now, reason);
        (Refused::Wait { paid: pays }, start)
    }

    fn start_unless_paused(&mut self, now: Now, reason: Reason) -> Option<Start> {
        self.give_up_overdue(now);
        if self.flight.is_some() || self.is_paused(now) {
            return None;
        }
        self.tick += 1;
        let id = FlightId(self.tick);
        self.flight = Some(Flight { id, started: now });
        self.counters.count_exchange(reason);
        Some(Start { id, reason })
    }

    fn is_paused(&self, now: Now) -> bool {
        self.failure.as_ref().is_some_and(|failure| !now.has_reached(failure.retry_at))
    }

    /// A flight has a deadline of its own. One that is past it sits on a runtime that no longer runs.
    fn give_up_overdue(&mut self, now: Now) {
        if let Some(flight) = &self.flight
            && now.has_reached(flight.started + self.flight_limit)
        {
            self.lost(flight.id);
        }
    }

    fn adopt_exchanged(&mut self, now: Now, id: FlightId, arrival: Arrival) -> Finished {
        self.counters.exchanges_succeeded += 1;
        let recovered = self.failure.take().map(|failure| now.since(failure.since));
        let mut window = Window::new(arrival.sent, arrival.life, self.rng.f64());
        if let Some(current) = self.current.as_mut().filter(|_| arrival.same) {
            // The same token again is no successor. Its new life is believed, but it is asked after
            // ever more rarely, or its last minutes would cost an exchange per request.
            self.counters.same_token += 1;
            current.repeats += 1;
            let draw = self.rng.f64();
            let pause = now + backoff::pause_after_repeat(current.repeats, draw);
            if pause.has_reached(window.refresh_at) {
                window.refresh_at = pause;
            }
            if pause.has_reached(window.margin_at) {
                window.margin_at = pause;
            }
            current.window = window;
            current.flight = id.0;
            return Finished::Adopt { generation: current.generation, window, recovered };
        }
        let (generation, window) = self.adopt(id.0, arrival.sent, window);
        Finished::Adopt { generation, window, recovered }
    }

    /// Begins a line.
    fn adopt(&mut self, flight: Tick, sent: Now, window: Window) -> (Generation, Window) {
        self.tick += 1;
        self.generation.0 += 1;
        self.current = Some(Current {
            generation: self.generation,
            line: self.generation,
            issued: self.tick,
            flight,
            sent,
            window,
            repeats: 0,
        });
        (self.generation, window)
    }

    fn fail(&mut self, now: Now, error: ExchangeError) -> Finished {
        self.counters.exchanges_failed += 1;
        let usable_for = self.current.as_ref().map(|current| now.until(current.window.ends_at));
        let usable_for = usable_for.filter(|left| !left.is_zero());
        let count = self.failure.as_ref().map_or(0, |failure| failure.count).saturating_add(1);
        let mut retry_in = backoff::pause(count, &error, usable_for.is_some(), self.rng.f64());
        if let Some(left) = usable_for
            && error.retry_after().is_none()
        {
            retry_in = backoff::before_the_end(retry_in, left);
        }
        let since = self.failure.as_ref().map_or(now, |failure| failure.since);
        let retry_at = now + retry_in;
        self.failure = Some(Failure { error: error.clone(), since, at: now, count, retry_at });
        Finished::Failed { error, failures: count, retry_in }
    }
}

#[cfg(test)]
mod tests;
