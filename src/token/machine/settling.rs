//! The settling time: some providers accept a new token only some seconds after they have issued it.
//!
//! If the current token is usable, it is used until the new one has settled. Nothing else happens meanwhile: no refresh
//! starts and no caller waits. A complaint about the current token, or its expiry, ends this. Without a usable token, the
//! new one is used at once, and a refusal of it within the settling time says nothing about it.

use std::time::Duration;

use crate::clock::Now;
use crate::token::machine::backoff::Failing;
use crate::token::machine::events::Generation;
use crate::token::machine::window::Window;
use crate::token::machine::{Current, Machine};

impl<R, E: Failing, W> Machine<R, E, W> {
    /// New tokens are accepted only after this time. Zero, the default: at once.
    pub(crate) fn with_settling_time(self, settling_time: Duration) -> Self {
        Machine { settling_time, ..self }
    }

    /// When a token that arrives now has settled. None if it has at once.
    pub(crate) fn settles_at(&self, now: Now) -> Option<Now> {
        (!self.settling_time.is_zero()).then(|| now + self.settling_time)
    }

    /// Whether a new token with this window waits until `settled_at`. The current token must be usable, and due for renewal:
    /// only then do requests ask again, and see that the new one has settled. A token that is due for renewal before it has
    /// settled does not wait.
    pub(crate) fn must_wait(&self, now: Now, window: Window, settled_at: Option<Now>) -> bool {
        let is_due = |it: &Current| now.has_reached(it.window.refresh_at);
        let outlasts = settled_at.is_some_and(|settled| !settled.has_reached(window.refresh_at));
        outlasts && self.is_usable(now) && self.current.as_ref().is_some_and(is_due)
    }

    /// Whether a new token waits. The shell has it, and publishes it when this becomes false.
    pub(crate) fn is_settling(&self) -> bool {
        self.settling.is_some()
    }

    /// The current token, or the one that has settled since.
    pub(crate) fn latest(&self, now: Now) -> Option<&Current> {
        let settled = |it: &&Current| {
            !self.is_usable(now) || it.settled_at.is_none_or(|moment| now.has_reached(moment))
        };
        self.settling.as_ref().filter(settled).or(self.current.as_ref())
    }

    /// Uses the new token if it has settled, or if the current one has expired.
    pub(crate) fn settle(&mut self, now: Now) {
        let latest = self.latest(now).map(|it| it.generation);
        if latest != self.current.as_ref().map(|it| it.generation) {
            self.use_settling();
        }
    }

    /// Uses the new token although it has not settled. Returns whether there is one.
    pub(crate) fn use_settling(&mut self) -> bool {
        let token = self.settling.take();
        let is_there = token.is_some();
        self.current = token.or(self.current.take());
        is_there
    }

    /// Whether this is the current token, and the provider may not accept it yet.
    pub(crate) fn is_unsettled(&self, now: Now, used: Generation) -> bool {
        let current = self.current.as_ref().filter(|it| it.generation == used);
        let settled_at = current.and_then(|it| it.settled_at);
        self.is_usable(now) && settled_at.is_some_and(|moment| !now.has_reached(moment))
    }
}
