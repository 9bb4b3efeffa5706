//! Which tokens have a successor, and how long they stay good beside it.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::clock::Now;

/// Below this number, nothing is looked through for what may be forgotten.
const FEW: usize = 1_000;

/// The tokens whose successor has been handed out. A token is forgotten some time after it has ended, so
/// memory is bounded by twice the number of those that live.
#[derive(Default)]
pub(super) struct Successions {
    tokens: HashMap<String, Succession>,
    /// When there are this many, those that have ended are forgotten.
    full: usize,
}

struct Succession {
    /// By the monotonic clock.
    over: Duration,
    /// In seconds since the epoch.
    exp: u64,
}

impl Successions {
    /// A successor of `token`, which ends at `exp`, is handed out. Only the first one counts.
    pub(super) fn add(&mut self, token: &str, exp: u64, now: Now, grace: Duration) {
        if self.tokens.len() >= self.full {
            let now = now.since_epoch().as_secs();
            self.tokens.retain(|_, succession| succession.exp > now);
            self.full = FEW.max(2 * self.tokens.len());
        }
        let over = now.monotonic().saturating_add(grace);
        self.tokens.entry(token.to_owned()).or_insert(Succession { over, exp });
    }

    /// Whether the time is over that `token` stays good beside its successors.
    pub(super) fn are_over(&self, token: &str, now: Now) -> bool {
        self.tokens.get(token).is_some_and(|succession| succession.over <= now.monotonic())
    }
}

/// By hand: it has tokens.
impl fmt::Debug for Successions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Successions").field("tokens", &self.tokens.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(secs: u64) -> Now {
        Now::new(Duration::from_secs(secs), UNIX_EPOCH + Duration::from_secs(secs))
    }

    #[test]
    fn the_first_successor_sets_the_time() {
        let mut successions = Successions::default();
        let grace = Duration::from_secs(5);
        successions.add("a", 60, at(0), grace);
        successions.add("a", 60, at(4), grace);
        assert!(!successions.are_over("a", at(4)));
        assert!(successions.are_over("a", at(5)));
        assert!(!successions.are_over("b", at(5)));
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let mut successions = Successions::default();
        let mut most = 0;
        for second in 0..20_000 {
            successions.add(&second.to_string(), second + 100, at(second), Duration::ZERO);
            most = most.max(successions.tokens.len());
        }
        assert!(most <= FEW, "{most}");
        assert!(successions.are_over("19900", at(19_999)), "it lives, so it is remembered");
    }
}
