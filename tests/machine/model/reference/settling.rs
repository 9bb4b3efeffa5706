//! A new token waits until it has settled.

use crate::token::machine::events::Generation;
use crate::token::machine::model::reference::{Model, is_reached};
use crate::token::machine::window::Window;

impl Model {
    /// Whether a new token waits now.
    pub(super) fn is_waiting(&self) -> bool {
        let settled = self.waiting.as_ref().and_then(|token| token.settled_at);
        let old = self.tokens.last().map(|token| token.window.ends_at);
        settled.is_some_and(|moment| !self.has_come(moment))
            && old.is_some_and(|end| !self.has_come(end))
    }

    /// A token that has waited long enough stays current, even if a clock is set back.
    pub(super) fn settle(&mut self) {
        if !self.is_waiting() {
            self.waits_no_longer();
        }
    }

    /// Whether a token has waited until now.
    pub(super) fn waits_no_longer(&mut self) -> bool {
        let waiting = self.waiting.take();
        let is_there = waiting.is_some();
        self.tokens.extend(waiting);
        is_there
    }

    pub(crate) fn waits(&self, generation: Generation) -> bool {
        self.waiting.as_ref().is_some_and(|token| token.generation == generation)
    }

    /// Whether a new token with this window waits. `nth` is its refresh, `awaited` if that was not given up.
    pub(super) fn is_to_wait(&self, nth: usize, awaited: bool, window: Window) -> bool {
        let settled = self.now + self.setup.settling_time;
        let is_due = self.token().is_some_and(|token| self.has_come(token.window.refresh_at));
        let patient = awaited && !self.refreshes[nth].at_once;
        let outlasts = !is_reached(window.refresh_at, settled);
        let settles = !self.setup.settling_time.is_zero();
        settles && patient && self.is_usable() && is_due && outlasts
    }

    /// Whether a refusal of this token means nothing.
    pub(super) fn is_unsettled(&self, generation: Generation) -> bool {
        let token = self.token().filter(|token| token.generation == generation);
        let settled = token.and_then(|token| token.settled_at);
        self.is_usable() && settled.is_some_and(|moment| !self.has_come(moment))
    }
}
