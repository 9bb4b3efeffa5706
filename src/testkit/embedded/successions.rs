//! Tracks which tokens have a successor, and how long these tokens stay valid.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::clock::Now;

/// Below this number, expired tokens are not removed.
const FEW: usize = 1_000;

/// The tokens whose successor was sent. A token is removed some time after its expiry, so the memory is
/// bounded by twice the number of valid tokens.
#[derive(Default)]
pub(super) struct Successions {
    tokens: HashMap<String, Succession>,
    /// At this number, expired tokens are removed.
    full: usize,
}

struct Succession {
    /// By the monotonic clock.
    over: Duration,
    /// In seconds since the epoch.
    exp: u64,
}

impl Successions {
    /// A successor of `token`, which expires at `exp`, was sent. Only the first successor counts.
    pub(super) fn add(&mut self, token: &str, exp: u64, now: Now, grace: Duration) {
        if self.tokens.len() >= self.full {
            let now = now.since_epoch().as_secs();
            self.tokens.retain(|_, succession| succession.exp > now);
            self.full = FEW.max(2 * self.tokens.len());
        }
        let over = now.monotonic().saturating_add(grace);
        self.tokens.entry(token.to_owned()).or_insert(Succession { over, exp });
    }

    /// Whether the grace period of `token` is over.
    pub(super) fn are_over(&self, token: &str, now: Now) -> bool {
        self.tokens.get(token).is_some_and(|succession| succession.over <= now.monotonic())
    }
}

/// Not derived, because it contains tokens.
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
    fn the_grace_period_begins_with_the_first_successor() {
        let mut successions = Successions::default();
        let grace = Duration::from_secs(5);
        successions.add("a", 60, at(0), grace);
        successions.add("a", 60, at(4), grace);
        assert!(!successions.are_over("a", at(4)));
        assert!(successions.are_over("a", at(5)));
        assert!(!successions.are_over("b", at(5)));
    }

    #[test]
    fn expired_tokens_are_removed() {
        let mut successions = Successions::default();
        let mut most = 0;
        for second in 0..20_000 {
            successions.add(&second.to_string(), second + 100, at(second), Duration::ZERO);
            most = most.max(successions.tokens.len());
        }
        assert!(most <= FEW, "{most}");
        assert!(successions.are_over("19900", at(19_999)), "a valid token is remembered");
    }
}
