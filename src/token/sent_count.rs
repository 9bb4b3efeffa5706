//! Counts the requests under way with each token, if responses bring new tokens.
//!
//! Some APIs refuse a token as soon as they have sent the next one. Then all other requests with the old token are
//! refused, and a refusal may arrive before the response with the next token. So before a refused token causes an
//! exchange, the source waits for the responses to requests that were under way at the first refusal, for one second
//! at most. It does not wait for requests that were sent later: under load there would always be some.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::token::machine::events::Generation;

/// Generations with this distance share a count. At worst, this makes a wait longer.
const SLOTS: usize = 16;

/// Counts requests by the generation of their token.
#[derive(Debug, Default)]
pub(crate) struct SentCount {
    slots: [Slot; SLOTS],
    changed: Notify,
}

/// Whether the token was refused, and how many requests were sent before that. Both are in one word, so that the last
/// of these requests and the first refusal see each other.
#[derive(Debug, Default)]
struct Slot(AtomicUsize);

const REFUSED: usize = 1;
const ONE: usize = 2;

/// The token of a request that is under way. The lowest bit tells whether the request is counted, so this has the
/// size of a generation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry(u64);

impl Entry {
    /// For a request that is not counted.
    pub(crate) fn uncounted(generation: Generation) -> Entry {
        Entry(generation.number() << 1)
    }

    pub(crate) fn generation(self) -> Generation {
        Generation::of(self.0 >> 1)
    }

    fn is_counted(self) -> bool {
        self.0 & 1 == 1
    }
}

impl SentCount {
    /// A request is sent.
    pub(crate) fn enter(&self, generation: Generation) -> Entry {
        let slot = self.slot(generation);
        let early = slot.0.load(Ordering::Relaxed) & REFUSED == 0;
        if early {
            slot.0.fetch_add(ONE, Ordering::Relaxed);
        }
        Entry(generation.number() << 1 | u64::from(early))
    }

    /// The response was read, or the request was dropped. A new token of the response was published before. A thread
    /// that sees the lower count also sees that token.
    pub(crate) fn exit(&self, entry: Entry) {
        if !entry.is_counted() {
            return;
        }
        // If the token was not refused, no request waits.
        let before = self.slot(entry.generation()).0.fetch_sub(ONE, Ordering::Release);
        if before == ONE | REFUSED {
            self.changed.notify_waiters();
        }
    }

    /// The token was refused. Returns whether requests are under way that were sent before the first refusal.
    pub(crate) fn refused(&self, generation: Generation) -> bool {
        self.slot(generation).0.fetch_or(REFUSED, Ordering::Acquire) >= ONE
    }

    /// A new token is current, and not yet refused.
    pub(crate) fn issued(&self, generation: Generation) {
        self.slot(generation).0.fetch_and(!REFUSED, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Wakes the waiting requests, so that they check again.
    pub(crate) fn notify(&self) {
        self.changed.notify_waiters();
    }

    /// A future that ends at the next change.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    fn slot(&self, generation: Generation) -> &Slot {
        &self.slots[generation.number() as usize % SLOTS]
    }
}

#[cfg(all(test, feature = "test-util"))] // loom does not run this test
mod tests {
    use std::pin::pin;

    use super::*;

    fn generation(number: u64) -> Generation {
        Generation::of(number)
    }

    #[test]
    fn an_entry_has_its_generation_whether_it_is_counted_or_not() {
        let sent_count = SentCount::default();
        for number in [0, 1, 2, 15, 16, 1_000] {
            let counted = sent_count.enter(generation(number));
            let uncounted = Entry::uncounted(generation(number));
            assert_eq!(counted.generation(), generation(number));
            assert_eq!(uncounted.generation(), generation(number));
            assert!(counted.is_counted() && !uncounted.is_counted());
        }
    }

    #[test]
    fn only_requests_that_were_sent_before_the_first_refusal_are_waited_for() {
        let sent_count = SentCount::default();
        let (token, next) = (generation(20), generation(21));
        let early = [sent_count.enter(token), sent_count.enter(token)];
        assert!(!sent_count.refused(next), "these requests carry another token");
        assert!(sent_count.refused(token));
        let late = sent_count.enter(token);
        sent_count.exit(late);
        sent_count.exit(Entry::uncounted(token));
        sent_count.exit(early[0]);
        assert!(sent_count.refused(token), "one response is missing");
        sent_count.exit(early[1]);
        assert!(!sent_count.refused(token));
        // The next token with the same count starts at zero.
        sent_count.issued(generation(36));
        sent_count.enter(generation(36));
        assert!(sent_count.refused(generation(36)));
    }

    #[test]
    fn waiting_requests_are_woken_by_the_last_response_by_a_new_token_and_on_demand() {
        let sent_count = SentCount::default();
        let token = generation(1);
        let [first, last] = [sent_count.enter(token), sent_count.enter(token)];
        let is_woken_by = |what: &dyn Fn()| {
            let mut changed = pin!(sent_count.changed());
            assert!(!changed.as_mut().enable());
            what();
            changed.as_mut().enable()
        };
        assert!(
            !is_woken_by(&|| sent_count.exit(sent_count.enter(generation(2)))),
            "the new token was not refused"
        );
        assert!(sent_count.refused(token));
        assert!(!is_woken_by(&|| sent_count.exit(first)));
        assert!(!is_woken_by(&|| sent_count.exit(Entry::uncounted(token))));
        assert!(is_woken_by(&|| sent_count.exit(last)));
        assert!(is_woken_by(&|| sent_count.issued(token)));
        assert!(is_woken_by(&|| sent_count.notify()));
    }
}
