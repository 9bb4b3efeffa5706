//! What the machine shows: its status, and the flags that the hot path reads.

use std::time::Duration;

use crate::clock::Now;
use crate::token::machine::Machine;
use crate::token::machine::model::reference::{Counted, Model};
use crate::token::machine::status::{State, Status};

impl Model {
    pub(crate) fn shows(&self, status: &Status) {
        let window = self.token().map(|token| token.window);
        let state = match window {
            Some(window) if self.is_usable() && self.has_come(window.refresh_at) => State::Stale,
            Some(_) if self.is_usable() => State::Fresh,
            _ if self.under_way().is_some() => State::Exchanging,
            _ if !self.failures.is_empty() => State::Failing,
            Some(_) => State::Expired,
            None => State::Empty,
        };
        assert_eq!(status.state, state);
        assert_eq!(status.generation, self.token().map(|token| token.generation), "4");
        let ending = window.filter(|_| !self.setup.fixed);
        assert_eq!(status.expires_in, ending.map(|window| self.until(window.ends_at)), "4");
        assert_eq!(status.exchange_under_way, self.under_way().is_some());
        let retry = self.failures.last().map(|last| self.until(last.retry_at));
        let next = self.waiting.as_ref().map(|token| token.window).or(ending);
        let refresh = next.map(|window| self.until(window.refresh_at));
        let is_idle = self.tokens.is_empty() && self.under_way().is_none();
        let next = retry.max(refresh).or(is_idle.then_some(Duration::ZERO));
        assert_eq!(status.next_attempt_in, next, "7: the next attempt");
        assert_eq!(usize::try_from(status.consecutive_failures), Ok(self.failures.len()));
        let first = self.failures.first().map(|first| self.ago(first.at));
        assert_eq!(status.failing_for, first);
        assert_eq!(status.renewal_budget, self.left_in_budget(), "5: what is left");
        let counters = &status.counters;
        let counted = Counted {
            exchanges: counters.exchanges(),
            succeeded: counters.exchanges_succeeded,
            failed: counters.exchanges_failed,
            lost: counters.exchanges_lost,
            same: counters.same_token,
            spent: counters.refresh_tokens_spent,
            refusals: counters.refusals,
            doubts: counters.doubts,
            without_budget: counters.budget_refusals,
            rotations: counters.rotations_adopted,
        };
        assert_eq!(counted, self.counted);
    }

    /// Whether the published flags keep every request from asking the machine.
    pub(crate) fn is_said_to_be_silent(&self, machine: &Machine) -> bool {
        let Some(window) = self.token().map(|token| token.window) else { return false };
        let is_ahead = |moment: Option<Now>| moment.is_some_and(|it| !self.has_come(it));
        match window {
            _ if self.has_come(window.ends_at) || !self.has_come(window.refresh_at) => false,
            _ if self.has_come(window.margin_at) => is_ahead(machine.flags().paused_until),
            _ => is_ahead(machine.flags().quiet_until) || is_ahead(machine.flags().paused_until),
        }
    }

    pub(crate) fn flags(&self, machine: &Machine) {
        let rejected_token =
            self.renewals.last().filter(|renewal| renewal.open && !renewal.discredited);
        assert_eq!(
            machine.flags().rejected_token,
            rejected_token.map(|renewal| renewal.refused),
            "11: the rejected token"
        );
        for token in self.tokens.iter().rev().take(2) {
            let current = self.token().is_some_and(|it| it.generation == token.generation);
            let renews =
                current && self.under_way().is_none() && !self.setup.fixed && !self.is_paused();
            let renews = renews && !self.is_unsettled(token.generation);
            let said = machine.would_renew(self.now, token.generation);
            assert_eq!(said, renews, "11: would renew");
        }
        let (quiet, paused) = (machine.flags().quiet_until, machine.flags().paused_until);
        if let Some(refresh) = self.under_way() {
            assert_eq!(quiet, Some(refresh.start.started + self.setup.refresh_limit), "11: quiet");
            assert_eq!(paused, None, "11: there is something to wait for");
            return;
        }
        let is_ahead = |moment: Option<Now>| moment.is_some_and(|it| !self.has_come(it));
        let silent = self.is_paused() && !self.reloads();
        assert_eq!(is_ahead(paused), silent, "11: a pause is published as long as it is one");
        assert!(quiet.is_some() || self.vanished.is_empty());
    }
}
