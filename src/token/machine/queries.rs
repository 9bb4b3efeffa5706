//! Questions to the machine.

use std::time::Duration;

use crate::clock::Now;
use crate::token::machine::Machine;
use crate::token::machine::backoff::Failing;
use crate::token::machine::events::{Generation, RefreshId};
use crate::token::machine::status::{State, Status};

/// What the hot path must know in addition to the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    /// Callers with a usable token need not ask for another one until this time: a refresh is running, or one was lost.
    pub(crate) quiet_until: Option<Now>,
    /// No refresh runs, none may start, and no credentials are reloaded until this time: a pause after a failure, or a new
    /// token that has not settled. It is separate from
    /// `quiet_until`, because the later of two moments cannot be determined with two clocks.
    pub(crate) paused_until: Option<Now>,
    /// A refused token whose renewal is running, or has not yet helped. If another server accepts it, one server is faulty.
    pub(crate) rejected_token: Option<Generation>,
    /// The current token was refused and is being renewed. The next request with it would probably be refused, too.
    pub(crate) renews_a_refused_token: bool,
}

impl<R, E: Failing, W> Machine<R, E, W> {
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            quiet_until: self.quiet_until(),
            paused_until: self.paused_until(),
            rejected_token: self.rejected_token(),
            renews_a_refused_token: self.refresh.as_ref().is_some_and(|it| it.refused),
        }
    }

    /// The refresh under way, when it began, and the receiver of its outcome.
    pub(crate) fn under_way(&self) -> Option<(RefreshId, Now, &W)> {
        let refresh = self.refresh.as_ref()?;
        Some((refresh.id, refresh.started, refresh.waiting.as_ref()?))
    }

    /// Why the last exchange failed, if it did.
    pub(crate) fn last_error(&self) -> Option<&E> {
        self.failure.as_ref().map(|failure| &failure.error)
    }

    /// Whether the lifetime of the current token is stated, and whether a refresh token is kept.
    pub(crate) fn provenance(&self) -> (bool, bool) {
        (self.current.as_ref().is_some_and(|it| it.stated), self.refresh_token.is_some())
    }

    /// Why the last exchange failed, if it did, and what is left of the pause after it.
    pub(crate) fn last_failure(&self, now: Now) -> Option<(&E, Duration)> {
        self.failure.as_ref().map(|failure| (&failure.error, now.until(failure.retry_at)))
    }

    fn quiet_until(&self) -> Option<Now> {
        let refresh = self.refresh.as_ref();
        refresh.map(|refresh| refresh.started + self.refresh_limit).or(self.background_from)
    }

    fn paused_until(&self) -> Option<Now> {
        if let (Some(new), Some(current)) = (&self.settling, &self.current) {
            return new.settled_at.map(|settled| settled.earliest(current.window.ends_at));
        }
        let failure = self.failure.as_ref().filter(|_| self.refresh.is_none())?;
        Some(self.next_reload().map_or(failure.retry_at, |look| look.earliest(failure.retry_at)))
    }

    /// When refused credentials may be reloaded.
    pub(crate) fn next_reload(&self) -> Option<Now> {
        let of_use = self.refresh.is_none() && self.credentials_may_change;
        let failure = self.failure.as_ref().filter(|_| of_use);
        failure.filter(|failure| failure.lasting).and(self.reload_from)
    }

    /// Whether a refusal of this token would start an exchange.
    pub(crate) fn would_renew(&self, now: Now, refused: Generation) -> bool {
        let is_current = self.latest(now).is_some_and(|it| it.generation == refused);
        let settles = self.is_settling() || self.is_unsettled(now, refused);
        is_current && !settles && self.refresh.is_none() && !self.fixed && !self.is_paused(now)
    }

    fn rejected_token(&self) -> Option<Generation> {
        self.budget.rejected_token()
    }

    pub(crate) fn status(&mut self, now: Now) -> Status {
        let current = self.latest(now);
        let window = current.map(|current| current.window);
        let usable = window.filter(|window| !now.has_reached(window.ends_at));
        let state = match (usable, &self.refresh, &self.failure) {
            (Some(window), _, _) if now.has_reached(window.refresh_at) => State::Stale,
            (Some(_), _, _) => State::Fresh,
            (None, Some(_), _) => State::Exchanging,
            (None, None, Some(_)) => State::Failing,
            (None, None, None) if window.is_some() => State::Expired,
            (None, None, None) => State::Empty,
        };
        let ending = window.filter(|window| window.ends_at != Now::NEVER);
        // Each moment by the clock that reaches it first. These clocks may differ.
        let failure = self.failure.as_ref();
        let retry_in = failure.map(|failure| now.until(failure.retry_at));
        let next = self.settling.as_ref().map(|it| it.window).or(ending);
        let refresh_in = next.map(|window| now.until(window.refresh_at));
        // If there is nothing to wait for, the next request causes a refresh.
        let is_idle = current.is_none() && self.refresh.is_none();
        let due = is_idle.then_some(Duration::ZERO);
        Status {
            state,
            generation: current.map(|current| current.generation),
            expires_in: ending.map(|window| now.until(window.ends_at)),
            exchange_under_way: self.refresh.is_some(),
            next_attempt_in: retry_in.max(refresh_in).or(due),
            consecutive_failures: failure.map_or(0, |failure| failure.count),
            failing_for: failure.map(|failure| now.since(failure.since)),
            last_error: None,
            granted_scope: None,
            renewal_budget: self.budget.left(now),
            waiters: 0,
            clock_difference: None,
            counters: self.counters,
            #[cfg(feature = "store")]
            login: None,
        }
    }
}
