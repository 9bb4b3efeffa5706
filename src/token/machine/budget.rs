//! How many exchanges the refusals of an API may cause.
//!
//! A renewal that a refusal causes is paid for from a bucket, and the payment comes back when it is
//! shown to have been worth it: a request that was refused with the old token, and waited for the new
//! one, is accepted with it. So honest revocations are healed without end, while a route that refuses
//! every token runs dry. It is *not* worth it if the refused token was accepted meanwhile: then one
//! server of many is at fault, and each of its refusals would be followed by luck elsewhere.

use std::time::Duration;

use crate::clock::Now;
use crate::token::machine::events::{FlightId, Generation};

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
    flight: FlightId,
    refused: Generation,
    at: Now,
    /// The token that it brought.
    brought: Option<Generation>,
    /// The refused token was accepted meanwhile.
    contradicted: bool,
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

    /// Pays for the renewal of a refused token by a flight. To be asked before: is there anything
    /// [`left`](Payments::left)?
    pub(crate) fn pay(&mut self, flight: FlightId, refused: Generation, now: Now) {
        self.since.get_or_insert(now);
        self.left = self.left.saturating_sub(1);
        let payment = Payment { flight, refused, at: now, brought: None, contradicted: false };
        self.open = Some(payment);
    }

    /// The flight brought a successor.
    pub(crate) fn settle(&mut self, flight: FlightId, brought: Generation) {
        if let Some(payment) = self.open_for(flight) {
            payment.brought = Some(brought);
        }
    }

    /// The flight failed or vanished: its pause is limit enough.
    pub(crate) fn refund(&mut self, flight: FlightId) {
        if self.open_for(flight).is_some() {
            self.open = None;
            self.give_back();
        }
    }

    /// The flight brought the refused token once more: the payment is gone.
    pub(crate) fn forfeit(&mut self, flight: FlightId) {
        if self.open_for(flight).is_some() {
            self.open = None;
        }
    }

    /// A refused request was accepted with this token, which it had waited for.
    pub(crate) fn redeem(&mut self, with: Generation) {
        let brought = |payment: &mut Payment| payment.brought.is_some_and(|it| with >= it);
        if self.open.take_if(brought).is_some_and(|payment| !payment.contradicted) {
            self.give_back();
        }
    }

    /// A request that was sent at `sent` was accepted with a refused token.
    pub(crate) fn contradict(&mut self, refused: Generation, sent: Now) {
        if let Some(payment) = &mut self.open
            && payment.refused == refused
            && sent.since(payment.at) > Duration::ZERO
        {
            payment.contradicted = true;
        }
    }

    /// The token of which it is of interest whether it is accepted elsewhere.
    pub(crate) fn suspect(&self) -> Option<Generation> {
        self.open.filter(|payment| !payment.contradicted).map(|payment| payment.refused)
    }

    fn open_for(&mut self, flight: FlightId) -> Option<&mut Payment> {
        self.open.as_mut().filter(|payment| payment.flight == flight)
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

    fn flight(tick: u64) -> FlightId {
        FlightId::at(tick)
    }

    /// Pays if anything is left.
    fn pays(payments: &mut Payments, tick: u64, now: Now) -> bool {
        let left = payments.left(now) > 0;
        if left {
            payments.pay(flight(tick), generation(1), now);
        }
        left
    }

    #[test]
    fn a_constant_drain_gets_six_in_the_first_minute_and_two_a_minute_later() {
        let mut payments = Payments::default();
        let mut spent = |from: u64, to: u64| {
            (from..to).filter(|second| pays(&mut payments, *second, at(*second))).count()
        };
        assert_eq!(spent(0, 60), 6);
        assert_eq!(spent(60, 660), 20);
    }

    #[test]
    fn one_comes_back_every_thirty_seconds_from_the_first_payment_on() {
        let mut payments = Payments::default();
        assert!(pays(&mut payments, 1, at(0)));
        assert!(pays(&mut payments, 2, at(20)));
        assert_eq!(payments.left(at(29)), 3);
        assert_eq!(payments.left(at(30)), 4);
        assert_eq!(payments.left(at(60)), 5);
    }

    #[test]
    fn what_was_well_spent_comes_back_once_and_to_nobody_else() {
        let mut payments = Payments::default();
        for tick in 0..100 {
            assert!(pays(&mut payments, tick, at(0)));
            payments.redeem(generation(2)); // before there is anything to redeem: no
            payments.settle(flight(1_000), generation(2)); // another flight's: no
            payments.redeem(generation(2));
            payments.settle(flight(tick), generation(2));
            payments.redeem(generation(1)); // with the refused token: no
            assert_eq!(payments.left(at(0)), 4);
            payments.redeem(generation(3)); // a rotated successor will do
            payments.redeem(generation(2));
            assert_eq!(payments.left(at(0)), 5);
        }
    }

    #[test]
    fn what_failed_is_refunded_even_if_contradicted_and_what_succeeded_is_not() {
        let mut payments = Payments::default();
        assert!(pays(&mut payments, 1, at(0)));
        payments.refund(flight(2));
        assert_eq!(payments.left(at(0)), 4, "another flight's failure");
        payments.contradict(generation(1), at(1));
        payments.refund(flight(1));
        assert_eq!(payments.left(at(1)), 5);
    }

    #[test]
    fn the_same_token_again_forfeits_the_payment() {
        let mut payments = Payments::default();
        assert!(pays(&mut payments, 1, at(0)));
        payments.forfeit(flight(2));
        assert!(payments.suspect().is_some());
        payments.forfeit(flight(1));
        payments.refund(flight(1));
        payments.redeem(generation(9));
        assert_eq!((payments.left(at(0)), payments.suspect()), (4, None));
    }

    #[test]
    fn what_was_contradicted_does_not_come_back() {
        let mut payments = Payments::default();
        assert!(pays(&mut payments, 1, at(10)));
        assert_eq!(payments.suspect(), Some(generation(1)));
        payments.settle(flight(1), generation(2));
        payments.contradict(generation(1), at(10)); // sent before the refusal was known: says nothing
        payments.contradict(generation(2), at(11)); // another token: says nothing
        assert!(payments.suspect().is_some());
        payments.contradict(generation(1), at(11));
        assert_eq!(payments.suspect(), None);
        payments.redeem(generation(2));
        assert_eq!(payments.left(at(12)), 4);
    }

    #[test]
    fn the_bucket_never_holds_more_than_five() {
        let mut payments = Payments::default();
        assert!(pays(&mut payments, 1, at(0)));
        assert_eq!(payments.left(at(1_000_000)), 5);
        payments.settle(flight(1), generation(2));
        payments.redeem(generation(2));
        assert_eq!(payments.left(at(2_000_000)), 5);
    }
}
