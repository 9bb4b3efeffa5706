//! Who is under way with which token, where responses hand out successors.
//!
//! An API that lets go of a token at the moment in which it hands out the next refuses every other request
//! that carries the old one, and some of these refusals overtake the response with the successor. So before
//! a refused token is exchanged for, the responses that are still to come are waited for, a moment at most.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::action::Generation;

/// Generations share a count with those this far apart; that makes a wait longer at worst.
const SLOTS: usize = 16;

/// Counts requests by the generation of their token.
#[derive(Debug, Default)]
pub(crate) struct Riders {
    slots: [AtomicUsize; SLOTS],
    changed: Notify,
}

impl Riders {
    /// A request sets out.
    pub(crate) fn board(&self, generation: Generation) {
        self.slot(generation).fetch_add(1, Ordering::Relaxed);
    }

    /// Its response has been read, or it was dropped. What the response brought has been published: who
    /// sees the count go down sees that too.
    pub(crate) fn leave(&self, generation: Generation) {
        if self.slot(generation).fetch_sub(1, Ordering::Release) == 1 {
            self.changed.notify_waiters();
        }
    }

    /// Whether any are under way with this token.
    pub(super) fn any(&self, generation: Generation) -> bool {
        self.slot(generation).load(Ordering::Acquire) > 0
    }

    /// Something happened that those who wait should look at.
    pub(super) fn notify(&self) {
        self.changed.notify_waiters();
    }

    /// The next such thing.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    fn slot(&self, generation: Generation) -> &AtomicUsize {
        &self.slots[generation.number() as usize % SLOTS]
    }
}
