//! From what an observer is told, and from what an example says, to facts.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tower_outbound_auth::Recovery;
use tower_outbound_auth::clock::{Clock, Now};
use tower_outbound_auth::token::{self, EventKind, Observer, RefreshOutcome};

use super::model::{Answer, Event, Timeline, What};

/// An observer that keeps what a timeline needs. Clones write to the same recording.
#[derive(Clone)]
pub(crate) struct Collector {
    clock: Arc<dyn Clock>,
    start: Now,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Collector {
    /// The recording starts now. The clock must be the source's.
    pub(crate) fn new(clock: impl Clock) -> Collector {
        Collector { start: clock.now(), clock: Arc::new(clock), events: Arc::default() }
    }

    /// The time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now().since(self.start)
    }

    /// A request that began at `began` has its answer now. `ok`: a success.
    pub(crate) fn answered(
        &self,
        caller: u64,
        began: Duration,
        ok: bool,
        recovery: Option<Recovery>,
    ) {
        let answer = match (ok, recovery) {
            (true, None) => Answer::AtOnce,
            (true, Some(_)) => Answer::SentAgain,
            (false, Some(_)) => Answer::Refused,
            (false, None) => Answer::Failed,
        };
        let at = self.now();
        self.keep(at, What::Answered { caller, began, took: at.saturating_sub(began), answer });
    }

    /// The server does something now.
    pub(crate) fn mark(&self, what: &'static str) {
        self.keep(self.now(), What::Mark(what));
    }

    /// What has happened so far.
    pub(crate) fn timeline(&self) -> Timeline {
        Timeline::of(&self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, at: Duration, what: What) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(Event { at, what });
    }
}

impl Observer for Collector {
    fn event(&self, event: &token::Event<'_>) {
        let what = match event.kind {
            EventKind::RefreshStarted { refresh, reason, .. } => {
                What::ExchangeBegan { refresh, reason }
            }
            EventKind::RefreshFinished { refresh, reason, took, outcome, .. } => match outcome {
                RefreshOutcome::Issued { generation, expires_in, .. } => {
                    let generation = generation.number();
                    What::ExchangeSucceeded { refresh, reason, took, generation, expires_in }
                }
                _ => What::ExchangeFailed { refresh, reason, took },
            },
            EventKind::RotationAdopted { generation, expires_in, .. } => {
                What::TokenAdopted { generation: generation.number(), expires_in }
            }
            _ => return,
        };
        self.keep(event.at.since(self.start), what);
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collector({:?})", self.timeline())
    }
}
