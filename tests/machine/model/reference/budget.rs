//! The budget of renewals: what a refusal takes from it, and what is given back.

use std::time::Duration;

use crate::clock::Now;
use crate::token::machine::events::{Generation, RefreshId};
use crate::token::machine::model::reference::{Model, OpenRenewal, SECOND};

impl Model {
    pub(super) fn spends(&mut self, refresh: RefreshId, refused: Generation) {
        let at = self.now.monotonic();
        self.bucket.push((at, false));
        let mut taken = 0;
        for &(since, given_back) in self.bucket.iter().rev() {
            taken += if given_back { -1 } else { 1 };
            let refills = (at - since).as_secs() / 30 + 1;
            assert!(taken <= 5 + i64::try_from(refills).unwrap(), "5: {taken} since {since:?}");
        }
        let (now, brought) = (self.now, None);
        let (open, discredited) = (true, false);
        self.renewals.iter_mut().for_each(|renewal| renewal.open = false);
        self.renewals.push(OpenRenewal { refresh, refused, at: now, open, discredited, brought });
    }

    pub(super) fn refunded(&mut self, id: RefreshId) {
        if let Some(renewal) = self.open_renewal().filter(|renewal| renewal.refresh == id) {
            renewal.open = false;
            self.bucket.push((self.now.monotonic(), true));
        }
    }

    /// What is left of the budget. It gains one every 30 s, counted from when it was last full.
    pub(super) fn left_in_budget(&self) -> u32 {
        let (mut left, mut since) = (5, Duration::ZERO);
        let mut until = |moment: Duration, change: i32| {
            while left < 5 && moment >= since + 30 * SECOND {
                left += 1;
                since += 30 * SECOND;
            }
            if left == 5 {
                since = moment;
            }
            left = (left + change).min(5);
            left
        };
        for &(at, given_back) in &self.bucket {
            until(at, if given_back { 1 } else { -1 });
        }
        u32::try_from(until(self.now.monotonic(), 0)).expect("5: no debts")
    }

    pub(super) fn open_renewal(&mut self) -> Option<&mut OpenRenewal> {
        self.renewals.last_mut().filter(|renewal| renewal.open)
    }

    pub(crate) fn replay_accepted(&mut self, with: Generation) {
        let worth_it = |renewal: &&mut OpenRenewal| renewal.brought.is_some_and(|it| with >= it);
        if let Some(renewal) = self.open_renewal().filter(worth_it) {
            renewal.open = false;
            if !renewal.discredited {
                self.bucket.push((self.now.monotonic(), true));
            }
        }
    }

    pub(crate) fn rejected_token_accepted(&mut self, rejected_token: Generation, sent: Now) {
        if let Some(renewal) = self.open_renewal() {
            let after = sent.monotonic() > renewal.at.monotonic();
            renewal.discredited |= renewal.refused == rejected_token && after;
        }
    }
}
