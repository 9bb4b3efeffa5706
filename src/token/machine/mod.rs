//! Makes all decisions. The machine is pure: it gets events and the time, and returns actions.
//!
//! It reads no clock and does no I/O. A token is a [`Generation`] and a [`Window`] here. The other files of `token/`
//! (above all `shared.rs`) have the tokens and the tasks, and perform the actions.
//!
//! After each event:
//!
//! 1. At most one refresh is running.
//! 2. A token is replaced only by a successor. Only time makes it unusable.
//! 3. No refresh starts within a pause after a failure.
//! 4. A refresh token is given to one refresh. The next refresh gets it only if the first one returns
//!    it.
//! 5. Generations only grow. The token of an exchange and its successors in responses form a *lineage*.

pub(crate) mod backoff;
pub(crate) mod budget;
pub(crate) mod events;
#[cfg(test)]
#[path = "../../../tests/machine/model/mod.rs"]
mod model;
pub(crate) mod queries;
pub(crate) mod rotation;
#[cfg(test)]
#[cfg(feature = "rotating")]
#[path = "../../../tests/machine/scenarios/mod.rs"]
mod scenarios;
mod serialize;
mod settling;
pub(crate) mod status;
#[cfg(test)]
mod tests;
mod transitions;
pub(crate) mod window;

use std::time::Duration;

use crate::clock::Now;
use crate::error::recovery::Recovery;
use crate::exchange::context::Reason;
use crate::token::machine::backoff::{Failing, Fault};
use crate::token::machine::budget::RenewalBudget;
use crate::token::machine::events::{
    Arrival, Ask, Finished, Generation, RefreshId, Refused, Start, Tick,
};
use crate::token::machine::status::Counters;
use crate::token::machine::window::Window;

#[derive(Debug)]
pub(crate) struct Current {
    generation: Generation,
    /// The generation that the exchange of this lineage issued.
    line: Generation,
    issued: Tick,
    /// The refresh that brought the lineage.
    refresh: Tick,
    sent: Now,
    /// Some answer has stated its life.
    stated: bool,
    /// Its latest expiry, by its own claims.
    dated_end: Option<Now>,
    /// By its own claims, as in [`Arrival`].
    claimed: (Option<Duration>, Option<Duration>),
    window: Window,
    /// How many exchanges in a row have brought this token again.
    repeats: u32,
    /// The provider may not accept the token before this time.
    settled_at: Option<Now>,
}

#[derive(Debug)]
struct Refresh<W> {
    id: RefreshId,
    started: Now,
    /// The token that this refresh renews was refused, before the refresh began or later.
    refused: bool,
    /// The same, or the token was doubted: the new token is used at once.
    at_once: bool,
    /// The receiver of its outcome. `None` until the source has made one.
    waiting: Option<W>,
}

#[derive(Debug)]
struct Failure<E> {
    error: E,
    /// The times of the first and the last of the failures in a row.
    since: Now,
    at: Now,
    count: u32,
    /// How many of them were refusals of the same credentials.
    refusals: u32,
    /// How many of the last failures in a row were in doubt.
    doubts: u32,
    retry_at: Now,
    /// A person must correct something, such as refused credentials.
    lasting: bool,
}

/// Refused credentials are reloaded at most this often.
const RELOAD_EVERY: Duration = Duration::from_secs(1);

/// The least time between two renewals for doubted responses. Most such responses do not concern the token, and an
/// API may send many.
const BETWEEN_DOUBTS: Duration = Duration::from_secs(60);

/// The state of one source.
///
/// It stores three things for `token/` without looking into them: the refresh token `R`, the error of the last
/// exchange `E`, and the receiver `W` of the running refresh's outcome. So each has only one place.
#[derive(Debug)]
pub(crate) struct Machine<R = (), E = Fault, W = ()> {
    /// A refresh that has not ended after this time has lost its runtime.
    refresh_limit: Duration,
    rng: fastrand::Rng,
    tick: Tick,
    generation: Generation,
    current: Option<Current>,
    settling_time: Duration,
    /// A new token that waits until it has settled. No refresh runs meanwhile.
    settling: Option<Current>,
    /// The token is fixed: it is never renewed.
    fixed: bool,
    refresh: Option<Refresh<W>>,
    /// A refresh token that no refresh has used.
    refresh_token: Option<R>,
    failure: Option<Failure<E>>,
    /// The number of refreshes in a row that were lost, and when the next one may start in the
    /// background.
    lost: u32,
    background_from: Option<Now>,
    /// The credentials may change. The time is when they may be reloaded.
    credentials_may_change: bool,
    reload_from: Option<Now>,
    budget: RenewalBudget,
    /// From this time on, a doubted response may cause a renewal again.
    doubts_from: Option<Now>,
    counters: Counters,
}

impl<R, E: Failing, W> Machine<R, E, W> {
    pub(crate) fn new(refresh_limit: Duration, seed: u64) -> Machine<R, E, W> {
        Machine {
            refresh_limit,
            rng: fastrand::Rng::with_seed(seed),
            tick: 0,
            generation: Generation::default(),
            current: None,
            settling_time: Duration::ZERO,
            settling: None,
            fixed: false,
            refresh: None,
            refresh_token: None,
            failure: None,
            lost: 0,
            background_from: None,
            credentials_may_change: false,
            reload_from: None,
            budget: RenewalBudget::default(),
            doubts_from: None,
            counters: Counters::default(),
        }
    }

    /// The credentials may change.
    pub(crate) fn with_changing_credentials(self, credentials_may_change: bool) -> Self {
        Machine { credentials_may_change, ..self }
    }

    // ===== events =====

    /// The task of a refresh that an event asked for was started. `waiting` receives its outcome.
    ///
    /// The machine drops `waiting` under the lock, at the end of the refresh. No outcome has been sent
    /// by then.
    pub(crate) fn began(&mut self, id: RefreshId, waiting: W) {
        if let Some(refresh) = self.refresh.as_mut().filter(|refresh| refresh.id == id) {
            refresh.waiting = Some(waiting);
        }
    }

    /// A caller needs a token.
    pub(crate) fn ask(&mut self, now: Now) -> (Ask, Option<Start<R>>) {
        self.settle(now);
        let (usable, reason) = match self.current.as_ref().map(|current| current.window) {
            None => (false, Reason::First),
            Some(window) if now.has_reached(window.ends_at) => (false, Reason::Expired),
            Some(window) if now.has_reached(window.margin_at) => (true, Reason::Expiring),
            Some(window) if now.has_reached(window.refresh_at) => (true, Reason::RefreshAhead),
            Some(_) => return (Ask::Use, None),
        };
        let start = self.start_unless_paused(now, reason);
        let ask = match (usable, &self.refresh, &self.failure) {
            (true, Some(_), _) if reason == Reason::Expiring => Ask::Wait,
            (true, _, _) => Ask::Use,
            (false, None, Some(failure)) => {
                Ask::Fail { age: now.since(failure.at), retry_in: now.until(failure.retry_at) }
            }
            (false, _, _) => Ask::Wait,
        };
        (ask, start)
    }

    /// The API refused the token of this generation.
    pub(crate) fn refused(&mut self, now: Now, refused: Generation) -> (Refused, Option<Start<R>>) {
        self.counters.refusals += 1;
        self.succeed(now, refused, Reason::Refused)
    }

    /// A response of the API may mean that the token of this generation has expired, but mostly does
    /// not.
    pub(crate) fn doubted(&mut self, now: Now, doubted: Generation) -> (Refused, Option<Start<R>>) {
        self.counters.doubts += 1;
        self.succeed(now, doubted, Reason::Doubted)
    }

    /// A caller needs a newer token than the one that it sent.
    fn succeed(
        &mut self,
        now: Now,
        used: Generation,
        reason: Reason,
    ) -> (Refused, Option<Start<R>>) {
        if self.fixed {
            return (Refused::HandOn(Recovery::FixedToken), None);
        }
        self.settle(now);
        if reason == Reason::Refused && self.is_unsettled(now, used) {
            return (Refused::SendAgain, None);
        }
        let Some(current) = &self.current else {
            return self.renew(now, Reason::First, used);
        };
        if now.has_reached(current.window.ends_at) {
            return self.renew(now, Reason::Expired, used);
        }
        if current.generation > used {
            return (Refused::Resend, None);
        }
        let issued = current.issued;
        if self.use_settling() {
            return (Refused::Resend, None);
        }
        self.give_up_overdue(now);
        match &self.refresh {
            Some(refresh) if refresh.id.tick() < issued => (Refused::WaitAndAsk, None),
            _ => self.renew(now, reason, used),
        }
    }

    /// A request whose token was refused was accepted with this token, after it had waited for the
    /// token.
    pub(crate) fn replay_accepted(&mut self, with: Generation) {
        self.budget.refund(with);
    }

    /// A request that was sent at `sent` was accepted with a refused token whose renewal is
    /// running, or has not yet helped.
    pub(crate) fn rejected_token_accepted(&mut self, rejected_token: Generation, sent: Now) {
        self.budget.discredit(rejected_token, sent);
    }

    /// A refresh ended.
    pub(crate) fn finished(
        &mut self,
        now: Now,
        id: RefreshId,
        outcome: Result<Arrival<R>, E>,
    ) -> Finished<E> {
        let refresh = self.refresh.take_if(|refresh| refresh.id == id);
        let ours = refresh.is_some();
        let may_wait = refresh.is_some_and(|refresh| !refresh.at_once);
        if ours {
            self.lost = 0;
            self.background_from = None;
        }
        // A refresh that was given up may still succeed. Its token is used, unless a later refresh has
        // succeeded.
        let newest = self.settling.as_ref().or(self.current.as_ref());
        let later = newest.is_some_and(|newest| newest.refresh > id.tick());
        match outcome.map(|arrival| self.restated(arrival)) {
            Ok(_) if later => Finished::Outdated,
            Ok(arrival) if Window::is_worth_having(arrival.sent, arrival.life, now) => {
                self.adopt_exchanged(now, id, arrival, may_wait)
            }
            Ok(Arrival { same: true, refresh_token, .. }) if self.is_usable(now) => {
                self.wait_for_the_end(now, id, refresh_token)
            }
            Ok(Arrival { same, .. }) if ours => {
                self.fail(now, id, E::dead_on_arrival(), Some(same))
            }
            Err(error) if ours => self.fail(now, id, error, None),
            Ok(_) | Err(_) => Finished::Outdated,
        }
    }

    /// The task of a refresh was dropped with its runtime, or its runtime does not run. A waiting caller may start
    /// another refresh at once. In the background, the next one starts after a pause. Otherwise a program that makes
    /// a runtime for each call would start a refresh for each call, and none would end.
    pub(crate) fn lost(&mut self, now: Now, id: RefreshId) {
        if self.refresh.as_ref().is_some_and(|refresh| refresh.id == id) {
            self.refresh = None;
            self.counters.exchanges_lost += 1;
            self.lost = self.lost.saturating_add(1);
            self.background_from = Some(now + backoff::pause_in_vain(self.lost, self.rng.f64()));
            self.budget.cancel(id);
        }
    }

    /// Sets a fixed token, which needs no exchange and is never renewed.
    pub(crate) fn fix(&mut self, now: Now) -> (Generation, Window) {
        self.fixed = true;
        let token = Arrival {
            sent: now,
            life: Duration::MAX,
            stated: true,
            dated: None,
            same: false,
            refresh_after: None,
            refresh_token: None,
            claimed: (None, None),
        };
        (self.adopt(0, &token, Window::ENDLESS, None), Window::ENDLESS)
    }

    /// Whether the credentials should be reloaded: once a second at most, during the pause after a failure
    /// that a person must correct.
    pub(crate) fn reload_due(&mut self, now: Now) -> bool {
        let look = self.next_reload().is_some_and(|moment| now.has_reached(moment));
        if look {
            self.reload_from = Some(now + RELOAD_EVERY);
        }
        look
    }

    /// Whether a reload of the credentials may end the pause, for a caller that asks for one. It need not wait for a
    /// second; the next reload for requests does.
    pub(crate) fn reload_now(&mut self, now: Now) -> bool {
        let of_use = self.is_paused(now) && self.next_reload().is_some();
        if of_use {
            self.reload_from = Some(now + RELOAD_EVERY);
        }
        of_use
    }

    /// The credentials have changed, so the failures of the old ones do not count.
    pub(crate) fn credentials_changed(&mut self, now: Now) {
        self.lift_pause(now);
        if let Some(failure) = &mut self.failure {
            (failure.refusals, failure.doubts) = (0, 0);
        }
    }

    /// Somebody ends the pause after a failure.
    pub(crate) fn lift_pause(&mut self, now: Now) {
        if let Some(failure) = &mut self.failure {
            failure.retry_at = now;
        }
    }
}
