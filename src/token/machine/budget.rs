//! Limits how many renewals the refusals of an API may cause.
//!
//! Each renewal after a refusal takes one from the budget. It is refunded when the renewal has helped: a request that
//! was refused with the old token, and waited for the new one, is accepted. So any number of revoked tokens is
//! replaced, but a route that refuses every token soon causes no more renewals. It is *not* refunded if the refused
//! token was accepted meanwhile. In this case one server of many is faulty, and the second sending is accepted only
//! because it reaches another server.

use std::time::Duration;

use crate::clock::Now;
use crate::token::machine::events::{Generation, RefreshId};

/// The most renewals in a row.
const SIZE: u32 = 5;
/// One renewal is added after this time.
const REFILL: Duration = Duration::from_secs(30);

/// The renewals that are left, and the renewal that has not yet proved useful. There is at most one, because there
/// is at most one refresh.
#[derive(Debug)]
pub(crate) struct RenewalBudget {
    left: u32,
    /// When the budget was last full, or when time last added one.
    since: Option<Now>,
    open: Option<OpenRenewal>,
}

#[derive(Clone, Copy, Debug)]
struct OpenRenewal {
    refresh: RefreshId,
    refused: Generation,
    at: Now,
    /// The token that the renewal brought.
    brought: Option<Generation>,
    /// The refused token was accepted meanwhile.
    discredited: bool,
}

impl Default for RenewalBudget {
    fn default() -> RenewalBudget {
        RenewalBudget { left: SIZE, since: None, open: None }
    }
}

impl RenewalBudget {
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

    /// Spends one renewal for a refused token. Check first that one is [`left`](RenewalBudget::left).
    pub(crate) fn begin(&mut self, refresh: RefreshId, refused: Generation, now: Now) {
        self.since.get_or_insert(now);
        self.left = self.left.saturating_sub(1);
        let renewal = OpenRenewal { refresh, refused, at: now, brought: None, discredited: false };
        self.open = Some(renewal);
    }

    /// The refresh brought a new token.
    pub(crate) fn record(&mut self, refresh: RefreshId, brought: Generation) {
        if let Some(renewal) = self.open_for(refresh) {
            renewal.brought = Some(brought);
        }
    }

    /// The refresh failed or was lost. The renewal is refunded, because the pause that follows is
    /// limit enough.
    pub(crate) fn cancel(&mut self, refresh: RefreshId) {
        if self.open_for(refresh).is_some() {
            self.open = None;
            self.give_back();
        }
    }

    /// The refresh brought the refused token again. The renewal is not refunded.
    pub(crate) fn spend(&mut self, refresh: RefreshId) {
        if self.open_for(refresh).is_some() {
            self.open = None;
        }
    }

    /// A refused request was accepted with this token, after it had waited for the token.
    pub(crate) fn refund(&mut self, with: Generation) {
        let brought = |renewal: &mut OpenRenewal| renewal.brought.is_some_and(|it| with >= it);
        if self.open.take_if(brought).is_some_and(|renewal| !renewal.discredited) {
            self.give_back();
        }
    }

    /// A request that was sent at `sent` was accepted with the refused token.
    pub(crate) fn discredit(&mut self, refused: Generation, sent: Now) {
        if let Some(renewal) = &mut self.open
            && renewal.refused == refused
            && sent.since(renewal.at) > Duration::ZERO
        {
            renewal.discredited = true;
        }
    }

    /// The refused token. If another server accepts it, the server that refused it is faulty.
    pub(crate) fn rejected_token(&self) -> Option<Generation> {
        self.open.filter(|renewal| !renewal.discredited).map(|renewal| renewal.refused)
    }

    fn open_for(&mut self, refresh: RefreshId) -> Option<&mut OpenRenewal> {
        self.open.as_mut().filter(|renewal| renewal.refresh == refresh)
    }

    fn give_back(&mut self) {
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

    fn generation(number: usize) -> Generation {
        (0..number).fold(Generation::default(), |generation, _| generation.next())
    }

    fn refresh(tick: u64) -> RefreshId {
        RefreshId::at(tick)
    }

    /// Spends a renewal, if one is left.
    fn pays(budget: &mut RenewalBudget, tick: u64, now: Now) -> bool {
        let left = budget.left(now) > 0;
        if left {
            budget.begin(refresh(tick), generation(1), now);
        }
        left
    }

    #[test]
    fn constant_refusals_get_six_renewals_in_the_first_minute_and_two_a_minute_later() {
        let mut budget = RenewalBudget::default();
        let mut spent = |from: u64, to: u64| {
            (from..to).filter(|second| pays(&mut budget, *second, at(*second))).count()
        };
        assert_eq!(spent(0, 60), 6);
        assert_eq!(spent(60, 660), 20);
    }

    #[test]
    fn one_renewal_is_added_every_thirty_seconds_from_the_first_use_on() {
        let mut budget = RenewalBudget::default();
        assert!(pays(&mut budget, 1, at(0)));
        assert!(pays(&mut budget, 2, at(20)));
        assert_eq!(budget.left(at(29)), 3);
        assert_eq!(budget.left(at(30)), 4);
        assert_eq!(budget.left(at(60)), 5);
    }

    #[test]
    fn a_renewal_that_helped_is_refunded_once_and_to_its_token_only() {
        let mut budget = RenewalBudget::default();
        for tick in 0..100 {
            assert!(pays(&mut budget, tick, at(0)));
            budget.refund(generation(2)); // no refund: the renewal has not ended
            budget.record(refresh(1_000), generation(2)); // no effect: another refresh
            budget.refund(generation(2));
            budget.record(refresh(tick), generation(2));
            budget.refund(generation(1)); // no refund: the refused token was used
            assert_eq!(budget.left(at(0)), 4);
            budget.refund(generation(3)); // a successor from a response counts too
            budget.refund(generation(2));
            assert_eq!(budget.left(at(0)), 5);
        }
    }

    #[test]
    fn a_failed_renewal_is_refunded_even_if_discredited() {
        let mut budget = RenewalBudget::default();
        assert!(pays(&mut budget, 1, at(0)));
        budget.cancel(refresh(2));
        assert_eq!(budget.left(at(0)), 4, "the failure of another refresh changes nothing");
        budget.discredit(generation(1), at(1));
        budget.cancel(refresh(1));
        assert_eq!(budget.left(at(1)), 5);
    }

    #[test]
    fn a_renewal_that_brings_the_same_token_is_not_refunded() {
        let mut budget = RenewalBudget::default();
        assert!(pays(&mut budget, 1, at(0)));
        budget.spend(refresh(2));
        assert!(budget.rejected_token().is_some());
        budget.spend(refresh(1));
        budget.cancel(refresh(1));
        budget.refund(generation(9));
        assert_eq!((budget.left(at(0)), budget.rejected_token()), (4, None));
    }

    #[test]
    fn a_discredited_renewal_is_not_refunded() {
        let mut budget = RenewalBudget::default();
        assert!(pays(&mut budget, 1, at(10)));
        assert_eq!(budget.rejected_token(), Some(generation(1)));
        budget.record(refresh(1), generation(2));
        budget.discredit(generation(1), at(10)); // no effect: sent before the refusal
        budget.discredit(generation(2), at(11)); // no effect: another token
        assert!(budget.rejected_token().is_some());
        budget.discredit(generation(1), at(11));
        assert_eq!(budget.rejected_token(), None);
        budget.refund(generation(2));
        assert_eq!(budget.left(at(12)), 4);
    }

    #[test]
    fn the_budget_never_exceeds_five() {
        let mut budget = RenewalBudget::default();
        assert!(pays(&mut budget, 1, at(0)));
        assert_eq!(budget.left(at(1_000_000)), 5);
        budget.record(refresh(1), generation(2));
        budget.refund(generation(2));
        assert_eq!(budget.left(at(2_000_000)), 5);
    }
}
