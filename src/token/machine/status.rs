//! What an operator sees.

use std::fmt;
use std::time::Duration;

use crate::exchange::context::Reason;
use crate::exchange::error::ExchangeError;
use crate::scheme::not_adopted::NotAdopted;
use crate::token::machine::events::Generation;

/// The state of a source at one moment; made by [`TokenSource::status`](crate::TokenSource::status).
///
/// Nothing in it is secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// In one word.
    pub state: State,
    /// The generation of the current token, usable or not; none before the first.
    pub generation: Option<Generation>,
    /// What is left of the current token's life; zero when it is over; none if it has no end, or if
    /// there is no token.
    pub expires_in: Option<Duration>,
    /// The scope that the last successful exchange was granted (at most 200 visible ASCII characters and
    /// blanks); none if it is the one that was asked for, if none was asked for, or if the endpoint did not
    /// say.
    pub granted_scope: Option<String>,
    /// Whether an exchange is under way.
    pub exchange_under_way: bool,
    /// When traffic causes the next exchange at the earliest, leaving refusals aside: the end of the
    /// pause after a failure, else the refresh-ahead moment. Zero: the next request does.
    pub next_attempt_in: Option<Duration>,
    /// Failed exchanges since the last success.
    pub consecutive_failures: u32,
    /// The last of them.
    pub last_error: Option<ExchangeError>,
    /// How long ago the first of them failed.
    pub failing_for: Option<Duration>,
    /// Exchanges that refusals may still cause (of 5; one more every 30 s, or when a replay succeeds).
    pub renewal_budget: u32,
    /// Callers that wait for a token right now.
    pub waiters: usize,
    /// What has happened so far.
    pub counters: Counters,
}

/// The state of a source in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// No token yet, and nobody has asked for one.
    Empty,
    /// The token is usable.
    Fresh,
    /// The token is usable, and its successor is due.
    Stale,
    /// The token is over, and nobody has asked for another one.
    Expired,
    /// No usable token, and an exchange is under way.
    Exchanging,
    /// No usable token, and the last exchange failed. Callers get its error.
    Failing,
}

/// How often what happened, since the source was made.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// By [`index`].
    exchanges: [u64; Reason::ALL.len()],
    /// Exchanges that brought a token.
    pub exchanges_succeeded: u64,
    /// Exchanges that failed.
    pub exchanges_failed: u64,
    /// Exchanges whose task vanished with its runtime, or stood still with it.
    pub exchanges_lost: u64,
    /// Exchanges that brought the current token once more.
    pub same_token: u64,
    /// Refresh tokens that exchanges were given to spend.
    pub refresh_tokens_spent: u64,
    /// Refusals (401) that were judged.
    pub refusals: u64,
    /// Responses that were judged to be [`Doubted`](crate::scheme::Verdict::Doubted).
    pub doubts: u64,
    /// Refusals that were handed on because the budget of renewals was spent.
    pub budget_refusals: u64,
    /// Tokens adopted from responses.
    pub rotations_adopted: u64,
    /// By [`NotAdopted`]; the current token once more counts as none.
    not_adopted: [u64; NotAdopted::ALL.len()],
}

impl Counters {
    /// Exchanges begun for this reason.
    #[must_use]
    pub fn exchanges_for(&self, reason: Reason) -> u64 {
        self.exchanges[index(reason)]
    }

    /// Exchanges begun.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.exchanges.iter().sum()
    }

    /// Tokens in responses that were not adopted for this reason.
    #[must_use]
    pub fn rotations_not_adopted_for(&self, why: NotAdopted) -> u64 {
        self.not_adopted[why as usize]
    }

    /// Tokens in responses that were not adopted. The current token once more is not counted.
    #[must_use]
    pub fn rotations_not_adopted(&self) -> u64 {
        self.not_adopted.iter().sum()
    }

    /// The counters with their names, for exporters. The names do not change; a later version may have more.
    ///
    /// `exchanges` and `rotations_not_adopted` are sums. For each reason, ask
    /// [`exchanges_for`](Counters::exchanges_for) with [`Reason::ALL`], and
    /// [`rotations_not_adopted_for`](Counters::rotations_not_adopted_for) with [`NotAdopted::ALL`].
    ///
    /// ```
    /// # use tower_outbound_auth::TokenSource;
    /// # use tower_outbound_auth::system::HeaderScheme;
    /// # let source = TokenSource::fixed(HeaderScheme::bearer(), "abc")?;
    /// for (name, value) in source.status().counters.iter() {
    ///     println!("auth_{name} {value}");
    /// }
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        [
            ("exchanges", self.exchanges()),
            ("exchanges_succeeded", self.exchanges_succeeded),
            ("exchanges_failed", self.exchanges_failed),
            ("exchanges_lost", self.exchanges_lost),
            ("same_token", self.same_token),
            ("refresh_tokens_spent", self.refresh_tokens_spent),
            ("refusals", self.refusals),
            ("doubts", self.doubts),
            ("budget_refusals", self.budget_refusals),
            ("rotations_adopted", self.rotations_adopted),
            ("rotations_not_adopted", self.rotations_not_adopted()),
        ]
        .into_iter()
    }

    pub(crate) fn count_not_adopted(&mut self, why: NotAdopted) {
        self.not_adopted[why as usize] += 1;
    }

    pub(crate) fn count_exchange(&mut self, reason: Reason) {
        self.exchanges[index(reason)] += 1;
    }
}

fn index(reason: Reason) -> usize {
    reason as usize
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = Reason::ALL.iter().map(|reason| (reason, self.exchanges_for(*reason)));
        let exchanges: Vec<_> = reasons.filter(|(_, count)| *count > 0).collect();
        let whys = NotAdopted::ALL.iter().map(|why| (why, self.rotations_not_adopted_for(*why)));
        let not_adopted: Vec<_> = whys.filter(|(_, count)| *count > 0).collect();
        let mut counters = f.debug_struct("Counters");
        for (name, value) in self.iter() {
            match name {
                "exchanges" => counters.field(name, &exchanges),
                "rotations_not_adopted" => counters.field(name, &not_adopted),
                _ => counters.field(name, &value),
            };
        }
        counters.finish()
    }
}

crate::basics::as_str::impl_as_str!(State {
    Empty => "empty",
    Fresh => "fresh",
    Stale => "stale",
    Expired => "expired",
    Exchanging => "exchanging",
    Failing => "failing",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_happened_is_not_listed() {
        let mut counters = Counters::default();
        let nothing = format!("{counters:?}");
        assert!(nothing.contains("exchanges: [], "), "{nothing}");
        assert!(nothing.ends_with("rotations_not_adopted: [] }"), "{nothing}");
        counters.count_exchange(Reason::First);
        counters.count_not_adopted(NotAdopted::Ended);
        let one = format!("{counters:?}");
        assert!(one.contains("exchanges: [(First, 1)], "), "{one}");
        assert!(one.ends_with("rotations_not_adopted: [(Ended, 1)] }"), "{one}");
    }

    #[test]
    fn each_reason_is_counted_apart_and_is_among_all() {
        let mut counters = Counters::default();
        for (times, &reason) in (1_u64..).zip(Reason::ALL) {
            (0..times).for_each(|_| counters.count_exchange(reason));
        }
        for (times, &why) in (1_u64..).zip(NotAdopted::ALL) {
            (0..times).for_each(|_| counters.count_not_adopted(why));
        }
        for (times, &reason) in (1_u64..).zip(Reason::ALL) {
            assert_eq!(counters.exchanges_for(reason), times, "{reason}");
        }
        for (times, &why) in (1_u64..).zip(NotAdopted::ALL) {
            assert_eq!(counters.rotations_not_adopted_for(why), times, "{why}");
        }
    }

    #[test]
    fn the_counters_have_names_and_no_name_stands_twice() {
        let counters = Counters { doubts: 7, same_token: 3, ..Counters::default() };
        let all: std::collections::BTreeMap<_, _> = counters.iter().collect();
        assert_eq!(all.len(), counters.iter().count());
        assert_eq!((all["doubts"], all["same_token"], all["exchanges"]), (7, 3, 0));
    }
}
