//! How many exchanges the refusals of an API may cause.

use std::time::Duration;

use crate::clock::Now;

/// Renewals in a row that honest revocations may need.
const SIZE: u32 = 5;
/// One comes back after this long.
const REFILL: Duration = Duration::from_secs(30);

/// A bucket of renewals. One that was worth its exchange (the request that caused it was accepted
/// afterwards) is given back, so honest revocations are always healed; a route that refuses every token
/// runs dry.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    left: u32,
    /// When the bucket was last full, or last got one back by the passing of time.
    since: Option<Now>,
}

impl Budget {
    pub(crate) fn full() -> Budget {
        Budget { left: SIZE, since: None }
    }

    /// How many renewals are left.
    pub(crate) fn left(&mut self, now: Now) -> u32 {
        while let Some(since) = self.since {
            if now.since(since) < REFILL {
                break;
            }
            self.left += 1;
            self.since = (self.left < SIZE).then_some(since + REFILL);
        }
        self.left
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: Now) -> bool {
        if self.left(now) == 0 {
            return false;
        }
        self.since.get_or_insert(now);
        self.left -= 1;
        true
    }

    /// Gives one back: it was well spent.
    pub(crate) fn give_back(&mut self) {
        self.left = (self.left + 1).min(SIZE);
        if self.left == SIZE {
            self.since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(secs: u64) -> Now {
        Now::new(Duration::from_secs(secs), UNIX_EPOCH)
    }

    #[test]
    fn a_constant_drain_gets_six_in_the_first_minute_and_two_a_minute_later() {
        let mut budget = Budget::full();
        let spent = |budget: &mut Budget, from: u64, to: u64| {
            (from..to).filter(|&second| budget.take(at(second))).count()
        };
        assert_eq!(spent(&mut budget, 0, 60), 6);
        assert_eq!(spent(&mut budget, 60, 660), 20);
    }

    #[test]
    fn what_was_well_spent_comes_back() {
        let mut budget = Budget::full();
        for _ in 0..100 {
            assert!(budget.take(at(0)));
            budget.give_back();
        }
        assert_eq!(budget.left(at(0)), 5);
    }

    #[test]
    fn the_bucket_never_holds_more_than_five() {
        let mut budget = Budget::full();
        assert!(budget.take(at(0)));
        assert_eq!(budget.left(at(1_000_000)), 5);
        budget.give_back();
        assert_eq!(budget.left(at(2_000_000)), 5);
    }
}
