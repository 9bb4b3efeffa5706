//! How many exchanges the refusals of an API may cause.
//!
//! A renewal that a refusal causes is paid for from a bucket, and the payment comes back when it is
//! shown to have been worth it: a request that was refused with the old token, and waited for the new
//! one, is accepted with it. So honest revocations are healed without end, while a route that refuses
//! every token runs dry. It is *not* worth it if the refused token was accepted meanwhile: then one
//! server of many is at fault, and each of its refusals would be followed by luck elsewhere.

use std::time::Duration;

use super::action::Generation;
use crate::clock::Now;

/// Renewals in a row that honest revocations may need.
const SIZE: u32 = 5;
/// One comes back after this long.
const REFILL: Duration = Duration::from_secs(30);

/// The bucket, and the payment that is not settled yet. There is at most one of those, as there is at
/// most one flight.
#[derive(Debug)]
pub(crate) struct Payments {
    left: u32,
    /// When the bucket was last full, or last got one back by the passing of time.
    since: Option<Now>,
    open: Option<Payment>,
}

#[derive(Clone, Copy, Debug)]
struct Payment {
    refused: Generation,
    at: Now,
    /// The token that it brought.
    brought: Option<Generation>,
}

impl Default for Payments {
    fn default() -> Payments {
        Payments { left: SIZE, since: None, open: None }
    }
}

impl Payments {
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

    /// Pays for the renewal of a refused token, if there is anything left.
    pub(crate) fn pay(&mut self, refused: Generation, now: Now) -> bool {
        if self.left(now) == 0 {
            return false;
        }
        self.since.get_or_insert(now);
        self.left -= 1;
        self.open = Some(Payment { refused, at: now, brought: None });
        true
    }

    /// The exchange that was paid for succeeded.
    pub(crate) fn settle(&mut self, brought: Generation) {
        if let Some(payment) = &mut self.open {
            payment.brought.get_or_insert(brought);
        }
    }

    /// The exchange that was paid for failed or vanished: its pause is limit enough.
    pub(crate) fn refund(&mut self) {
        if self.open.take_if(|payment| payment.brought.is_none()).is_some() {
            self.give_back();
        }
    }

    /// The exchange that was paid for brought the refused token once more: the payment is gone.
    pub(crate) fn forfeit(&mut self) {
        self.open = None;
    }

    /// A refused request was accepted with the token that was paid for.
    pub(crate) fn redeem(&mut self, with: Generation) {
        if self.open.take_if(|payment| payment.brought.is_some_and(|it| with >= it)).is_some() {
            self.give_back();
        }
    }

    /// A request that was sent at `sent` was accepted with a refused token.
    pub(crate) fn contradict(&mut self, refused: Generation, sent: Now) {
        let after = |at| sent.since(at) > Duration::ZERO;
        self.open.take_if(|payment| payment.refused == refused && after(payment.at));
    }

    /// The token whose renewal is not settled.
    pub(crate) fn suspect(&self) -> Option<Generation> {
        self.open.map(|payment| payment.refused)
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

    /// Two generations, the older one first.
    fn generations() -> (Generation, Generation) {
        (Generation::default().next(), Generation::default().next().next())
    }

    #[test]
    fn a_constant_drain_gets_six_in_the_first_minute_and_two_a_minute_later() {
        let mut payments = Payments::default();
        let (old, new) = generations();
        let mut spent = |from: u64, to: u64| {
            let pays = |second: &u64| {
                let paid = payments.pay(old, at(*second));
                payments.settle(new);
                paid
            };
            (from..to).filter(pays).count()
        };
        assert_eq!(spent(0, 60), 6);
        assert_eq!(spent(60, 660), 20);
    }

    #[test]
    fn what_was_well_spent_comes_back_once() {
        let mut payments = Payments::default();
        let (old, new) = generations();
        for _ in 0..100 {
            assert!(payments.pay(old, at(0)));
            payments.settle(new);
            payments.redeem(old); // with the refused token: no
            assert_eq!(payments.left(at(0)), 4);
            payments.redeem(new);
            payments.redeem(new);
            assert_eq!(payments.left(at(0)), 5);
        }
    }

    #[test]
    fn what_failed_is_refunded_and_what_succeeded_is_not() {
        let mut payments = Payments::default();
        let (old, new) = generations();
        assert!(payments.pay(old, at(0)));
        payments.refund();
        assert_eq!(payments.left(at(0)), 5);
        assert!(payments.pay(old, at(0)));
        payments.settle(new);
        payments.refund();
        assert_eq!(payments.left(at(0)), 4);
    }

    #[test]
    fn what_was_contradicted_does_not_come_back() {
        let mut payments = Payments::default();
        let (old, new) = generations();
        assert!(payments.pay(old, at(10)));
        assert_eq!(payments.suspect(), Some(old));
        payments.settle(new);
        payments.contradict(old, at(10)); // sent before the refusal was known: says nothing
        payments.contradict(old, at(11));
        payments.redeem(new);
        assert_eq!(payments.left(at(12)), 4);
        assert_eq!(payments.suspect(), None);
    }

    #[test]
    fn the_bucket_never_holds_more_than_five() {
        let mut payments = Payments::default();
        let (old, new) = generations();
        assert!(payments.pay(old, at(0)));
        assert_eq!(payments.left(at(1_000_000)), 5);
        payments.settle(new);
        payments.redeem(new);
        assert_eq!(payments.left(at(2_000_000)), 5);
    }
}
