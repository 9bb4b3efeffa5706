//! What the source tells its observers. Each function costs one comparison if there is none. None is called under the
//! lock.

use std::mem;
use std::sync::PoisonError;
use std::time::Duration;

use crate::clock::Now;
use crate::credential::names::kinds_to_correct;
use crate::credential::reload::readings;
use crate::error::recovery::Recovery;
use crate::scheme::judge::Verdict;
use crate::token::machine::events::{Complaint, Generation};
use crate::token::machine::window::Window;
use crate::token::observer::event::{Event, EventKind};
use crate::token::shared::Core;
use crate::token::spans::Named;

/// A state that changes while it is told is told so often at most. The thread that changes it tells it too.
const MAX_TOLD: usize = 4;

impl Core {
    pub(crate) fn is_observed(&self) -> bool {
        !self.options.observers.is_empty()
    }

    #[inline]
    pub(crate) fn tell(&self, kind: EventKind<'_>) {
        if self.is_observed() {
            self.tell_now(kind);
        }
    }

    /// What observers and traces call this source.
    pub(crate) fn named_source(&self) -> Named<'_> {
        let source = self.options.name.as_deref().unwrap_or(self.system);
        Named { system: self.system, source }
    }

    #[cold]
    #[inline(never)]
    fn tell_now(&self, kind: EventKind<'_>) {
        self.tell_at(self.now(), kind);
    }

    /// Tells something that happened at `at`.
    pub(crate) fn tell_at(&self, at: Now, kind: EventKind<'_>) {
        if self.is_observed() {
            let Named { system, source } = self.named_source();
            self.options.observers.tell(&Event { system, source, at, kind });
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn tell_refusal(
        &self,
        complaint: Complaint,
        generation: Generation,
        recovery: Option<Recovery>,
    ) {
        let verdict = match complaint {
            Complaint::Refusal => Verdict::Refused,
            Complaint::Doubt => Verdict::Doubted,
        };
        self.tell(EventKind::RefusalJudged { verdict, generation, recovery });
    }

    /// The state has changed, or may have.
    pub(crate) fn tell_state(&self) {
        if !self.is_observed() {
            return;
        }
        let mut told = None;
        // Another thread may have told a newer state meanwhile. The state that is told last must be the current one.
        for _ in 0..MAX_TOLD {
            let now = self.now();
            let status = self.lock().machine.status(now);
            let state = (status.state, status.consecutive_failures, status.generation);
            if told.replace(state) == Some(state) {
                return;
            }
            self.tell(EventKind::StateChanged {
                state: status.state,
                consecutive_failures: status.consecutive_failures,
                next_attempt_in: status.next_attempt_in,
            });
        }
    }

    /// The token endpoint has refused the credentials in a refresh that ended at `at`.
    pub(crate) fn tell_refused_credentials(&self, at: Now) {
        for (credential, variable) in kinds_to_correct(self.options.exchange.credentials()) {
            self.tell_at(at, EventKind::CredentialRefused { credential, variable });
        }
    }

    /// The credentials have been read again.
    pub(crate) fn tell_credentials(&self) {
        if !self.is_observed() {
            return;
        }
        let credentials = self.options.exchange.credentials();
        let new = readings(credentials);
        let mut last = self.last_readings.lock().unwrap_or_else(PoisonError::into_inner);
        let old = mem::replace(&mut *last, new.clone());
        drop(last);
        for (number, (of, new)) in credentials.iter().zip(new).enumerate() {
            let old = old.get(number).copied().unwrap_or_default();
            let (credential, variable) = of.kind();
            if new.is_a_change_of(old) {
                self.tell(EventKind::CredentialChanged { credential, variable });
            }
            if new.is_unreadable && !old.is_unreadable {
                self.tell(EventKind::CredentialUnreadable { credential, variable });
            }
        }
    }
}

/// The life of a token that was asked for at `sent`, and its rest. None if it does not expire.
pub(crate) fn lives(window: Window, sent: Now, now: Now) -> (Option<Duration>, Option<Duration>) {
    let ends = Some(window.ends_at).filter(|ends| *ends != Now::NEVER);
    (ends.map(|ends| sent.until(ends)), ends.map(|ends| now.until(ends)))
}
