//! The common parts of events: starting a refresh, adopting its token, failing.

use std::time::Duration;

use crate::clock::Now;
use crate::error::recovery::Recovery;
use crate::exchange::context::Reason;
use crate::token::machine::backoff::{self, DOUBTS_THAT_ARE_A_REFUSAL, Failing, Nature};
use crate::token::machine::events::{
    Arrival, Finished, Generation, RefreshId, Refused, Start, Tick,
};
use crate::token::machine::window::Window;
use crate::token::machine::{BETWEEN_DOUBTS, Current, Failure, Machine, RELOAD_EVERY, Refresh};

/// After this many failures in a row, an expired token that the endpoint issues again and again is used again.
const INSISTS: u32 = 3;

/// A caller waits for a newer token, because a response refused or doubted the current one.
fn is_a_complaint(reason: Reason) -> bool {
    matches!(reason, Reason::Refused | Reason::Doubted)
}

impl<R, E: Failing, W> Machine<R, E, W> {
    /// Joins the running refresh, or starts one. A refresh for a refusal of the token `used` takes one from the
    /// budget. A doubt starts at most one refresh a minute.
    pub(crate) fn renew(
        &mut self,
        now: Now,
        reason: Reason,
        used: Generation,
    ) -> (Refused, Option<Start<R>>) {
        self.give_up_overdue(now);
        if let Some(refresh) = &mut self.refresh {
            refresh.refused |= reason == Reason::Refused;
            refresh.at_once |= is_a_complaint(reason);
            return (Refused::Wait, None);
        }
        if self.is_paused(now) {
            return (Refused::HandOn(Recovery::RenewalFailed), None);
        }
        match reason {
            Reason::Refused if self.budget.left(now) == 0 => {
                self.counters.budget_refusals += 1;
                return (Refused::HandOn(Recovery::BudgetSpent), None);
            }
            Reason::Doubted if self.doubts_from.is_some_and(|from| !now.has_reached(from)) => {
                return (Refused::HandOn(Recovery::RenewedLately), None);
            }
            _ => {}
        }
        let start = self.start_unless_paused(now, reason);
        match (&start, reason) {
            (Some(start), Reason::Refused) => self.budget.begin(start.id, used, now),
            (Some(_), Reason::Doubted) => self.doubts_from = Some(now + BETWEEN_DOUBTS),
            _ => {}
        }
        (Refused::Wait, start)
    }

    pub(crate) fn start_unless_paused(&mut self, now: Now, reason: Reason) -> Option<Start<R>> {
        self.give_up_overdue(now);
        let too_early = reason == Reason::RefreshAhead
            && self.background_from.is_some_and(|from| !now.has_reached(from));
        if self.refresh.is_some() || self.is_settling() || self.is_paused(now) || too_early {
            return None;
        }
        self.tick += 1;
        let id = RefreshId::at(self.tick);
        let refused = reason == Reason::Refused;
        let at_once = is_a_complaint(reason);
        self.refresh = Some(Refresh { id, started: now, refused, at_once, waiting: None });
        self.counters.count_exchange(reason);
        // A refresh token that may have been used is not used again, whatever the outcome.
        let refresh_token = self.refresh_token.take();
        self.counters.refresh_tokens_spent += u64::from(refresh_token.is_some());
        Some(Start { id, reason, started: now, refresh_token })
    }

    pub(crate) fn is_paused(&self, now: Now) -> bool {
        self.failure.as_ref().is_some_and(|failure| !now.has_reached(failure.retry_at))
    }

    /// A refresh after its deadline is on a runtime that does not run. Only the monotonic clock counts, so a change
    /// of the wall clock ends no refresh.
    pub(crate) fn give_up_overdue(&mut self, now: Now) {
        if let Some(refresh) = &self.refresh
            && now.since(refresh.started) >= self.refresh_limit
        {
            self.lost(now, refresh.id);
        }
    }

    /// The life of the same token that was issued again. Its claims limit the life. If this answer does not state a
    /// life and an earlier one did, the expiry stays. A life in whole seconds does not shorten it.
    pub(crate) fn restated(&self, arrival: Arrival<R>) -> Arrival<R> {
        let Some(current) = self.current.as_ref().filter(|_| arrival.same) else { return arrival };
        let left = arrival.sent.until(current.window.ends_at);
        let rounding = left.saturating_sub(arrival.life) <= Duration::from_secs(1);
        let life = if rounding { arrival.life.max(left) } else { arrival.life };
        let dated = current.dated_end.map(|end| arrival.sent.until(end));
        let life = dated.map_or(life, |dated| life.min(dated));
        // An endpoint that issues a token after its expiry, and never states a life, may mean that the token does
        // not expire.
        let insists = left.is_zero() && self.failure.as_ref().is_some_and(|it| it.count >= INSISTS);
        let ends_as_before = !arrival.stated && current.stated && !insists;
        Arrival { life: if ends_as_before { life.min(left) } else { life }, ..arrival }
    }

    pub(crate) fn adopt_exchanged(
        &mut self,
        now: Now,
        id: RefreshId,
        mut arrival: Arrival<R>,
        may_wait: bool,
    ) -> Finished<E> {
        self.counters.exchanges_succeeded += 1;
        self.refresh_token = arrival.refresh_token.take();
        let (recovered, previous) = self.recover(now);
        let window = Window::new(arrival.sent, arrival.life, self.rng.f64());
        // The next renewal is due by this moment, although the token is still young.
        let due = arrival.refresh_after.map(|after| now + after);
        let due = due.filter(|due| !Window::is_old_at(arrival.sent, arrival.life, *due));
        let window = due.map_or(window, |due| window.refreshed_by(due));
        let Some(current) = self.current.as_mut().filter(|_| arrival.same) else {
            let settled_at = self.settles_at(now);
            let waits = may_wait && self.must_wait(now, window, settled_at);
            let old = self.current.take_if(|_| waits);
            let generation = self.adopt(id.tick(), &arrival, window, settled_at);
            if let Some(old) = old {
                self.settling = self.current.replace(old);
            }
            self.budget.record(id, generation);
            return Finished::Adopt { generation, window, waits, recovered, previous };
        };
        self.counters.same_token += 1;
        self.budget.spend(id);
        if due.is_some() {
            // The exchange has looked for a new token, and there is none yet.
            (current.window, current.repeats) = (window, 0);
        } else {
            // The same token is no new token. The pauses grow; otherwise each request in its last minutes would cause an
            // exchange.
            current.repeats = current.repeats.saturating_add(1);
            let pause = backoff::pause_in_vain(current.repeats, self.rng.f64());
            current.window = window.quiet_until(now + pause);
        }
        current.refresh = id.tick();
        current.stated |= arrival.stated;
        current.dated_end = current.dated_end.or(arrival.dated_end());
        let Current { generation, window, .. } = *current;
        Finished::Adopt { generation, window, waits: false, recovered, previous }
    }

    /// The first success after failures: returns how long exchanges had been failing, and why.
    fn recover(&mut self, now: Now) -> (Option<Duration>, Option<E>) {
        let failure = self.failure.take();
        failure.map(|failure| (now.since(failure.since), failure.error)).unzip()
    }

    pub(crate) fn is_usable(&self, now: Now) -> bool {
        self.current.as_ref().is_some_and(|current| !now.has_reached(current.window.ends_at))
    }

    /// A cache returned the current token in its last second. It will return no other token before the
    /// expiry.
    pub(crate) fn wait_for_the_end(
        &mut self,
        now: Now,
        id: RefreshId,
        refresh_token: Option<R>,
    ) -> Finished<E> {
        let Some(current) = &mut self.current else { return Finished::Outdated };
        current.window = current.window.quiet_until(current.window.ends_at);
        let Current { generation, window, .. } = *current;
        self.refresh_token = refresh_token;
        self.counters.exchanges_succeeded += 1;
        self.counters.same_token += 1;
        self.budget.spend(id);
        let (recovered, previous) = self.recover(now);
        Finished::Adopt { generation, window, waits: false, recovered, previous }
    }

    /// Begins a lineage.
    pub(crate) fn adopt(
        &mut self,
        refresh: Tick,
        arrival: &Arrival<R>,
        window: Window,
        settled_at: Option<Now>,
    ) -> Generation {
        self.tick += 1;
        self.generation = self.generation.next();
        self.current = Some(Current {
            generation: self.generation,
            line: self.generation,
            issued: self.tick,
            refresh,
            sent: arrival.sent,
            stated: arrival.stated,
            dated_end: arrival.dated_end(),
            claimed: arrival.claimed,
            window,
            repeats: 0,
            settled_at,
        });
        self.generation
    }

    /// `dead`: the exchange brought an expired token. Returns true if that is the current token.
    pub(crate) fn fail(
        &mut self,
        now: Now,
        id: RefreshId,
        error: E,
        dead: Option<bool>,
    ) -> Finished<E> {
        let fault = error.fault();
        self.counters.exchanges_failed += 1;
        self.budget.cancel(id);
        let left = self.current.as_ref().map(|current| now.until(current.window.ends_at));
        let left = left.filter(|left| !left.is_zero());
        let last = self.failure.as_ref().map(|it| (it.count, it.refusals, it.doubts));
        let (failures, refusals, doubts) = last.unwrap_or_default();
        let failures = failures.saturating_add(1);
        let doubts = if fault.nature == Nature::InDoubt { doubts.saturating_add(1) } else { 0 };
        let lasting = fault.nature == Nature::Lasting || doubts >= DOUBTS_THAT_ARE_A_REFUSAL;
        let refusals = refusals.saturating_add(u32::from(lasting));
        let draw = self.rng.f64();
        let mut retry_in = match dead {
            Some(true) => backoff::pause_after_stale_repeat(failures, draw),
            // After an outage, a refusal counts as the first one.
            _ if lasting => backoff::pause_after_refusal(refusals, fault.retry_after, draw),
            _ => backoff::pause(failures, fault.retry_after, left.is_some(), draw),
        };
        let asked = fault.retry_after.is_some_and(|asked| !asked.is_zero());
        let window = self.current.as_ref().map(|current| current.window);
        if let (Some(left), Some(window)) = (left, window)
            && retry_in >= left
        {
            let to_margin = now.until(window.margin_at);
            retry_in = if !asked && !lasting {
                backoff::before_the_end(retry_in, left)
            } else if !to_margin.is_zero() {
                // The endpoint asked for a pause, or refuses the credentials: allow one attempt in the hard
                // margin.
                let within = left.saturating_sub(to_margin).mul_f64(0.5 * draw);
                backoff::at_least_apart(to_margin + within, left)
            } else if lasting {
                retry_in
            } else {
                // That attempt has been made. The token will expire before the next one.
                backoff::pause(failures, fault.retry_after, false, draw)
            };
        }
        let since = self.failure.as_ref().map_or(now, |failure| failure.since);
        let (retry_at, error_kept) = (now + retry_in, error.clone());
        let previous = self.failure.replace(Failure {
            error: error_kept,
            since,
            at: now,
            count: failures,
            refusals,
            doubts,
            retry_at,
            lasting,
        });
        let previous = previous.map(|failure| failure.error);
        self.reload_from = Some(now + RELOAD_EVERY);
        Finished::Failed { dead: dead.is_some(), failures, retry_in, error, previous }
    }
}
