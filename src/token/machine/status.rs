//! What an operator sees of a source.

use std::fmt;
use std::time::Duration;
#[cfg(feature = "store")]
use std::time::UNIX_EPOCH;

use crate::error::clock_difference::ClockDifference;
use crate::exchange::context::Reason;
use crate::exchange::error::ExchangeError;
use crate::scheme::not_adopted::NotAdopted;
#[cfg(feature = "store")]
use crate::store::kept::status::LoginStatus;
use crate::token::machine::events::Generation;

/// The state of a source at one moment. [`TokenSource::status`](crate::TokenSource::status) makes
/// it.
///
/// It contains no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The state in one word.
    pub state: State,
    /// The generation of the current token, usable or not. None before the first token.
    pub generation: Option<Generation>,
    /// The rest of the current token's life. Zero if it has expired. None if it does not expire, or
    /// if there is no token.
    pub expires_in: Option<Duration>,
    /// The scope that the last successful exchange was granted (at most 200 visible ASCII characters and
    /// blanks). None if it equals the requested one, if none was requested, or if the endpoint did not
    /// state it.
    pub granted_scope: Option<String>,
    /// Whether an exchange is under way.
    pub exchange_under_way: bool,
    /// The earliest time at which requests cause the next exchange, apart from refusals: the end of the pause after a failure
    /// or the refresh-ahead time, the later of the two. Zero: the next request causes it.
    pub next_attempt_in: Option<Duration>,
    /// Failed exchanges since the last success.
    pub consecutive_failures: u32,
    /// The error of the last of these exchanges.
    pub last_error: Option<ExchangeError>,
    /// How long ago the first of these exchanges failed.
    pub failing_for: Option<Duration>,
    /// How many more renewals refusals may cause now (at most 5; one is added every 30 s, or when a
    /// request that is sent again is accepted).
    pub renewal_budget: u32,
    /// The callers that wait for a token now.
    pub waiters: usize,
    /// How far our clock and the API's differed at the last refusal. None if they agreed within 10 s, or if there was no refusal.
    pub clock_difference: Option<ClockDifference>,
    /// Counts of events so far.
    pub counters: Counters,
    /// (Feature `store`.) The login that a [store](crate::token::SourceBuilder::store) keeps. None without a store.
    #[cfg(feature = "store")]
    pub login: Option<LoginStatus>,
}

impl Status {
    /// For a readiness check. True if there has been a token, and if it is usable or no caller has asked since its end. So a
    /// failing renewal makes no service unready while its token is usable, and an idle service stays ready.
    ///
    /// ```
    /// # use tower_outbound_auth::TokenSource;
    /// # use tower_outbound_auth::system::HeaderScheme;
    /// # let source = TokenSource::fixed(HeaderScheme::bearer(), "abc")?;
    /// let code = if source.status().is_ready() { 200 } else { 503 };
    /// assert_eq!(code, 200);
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    #[must_use]
    pub fn is_ready(&self) -> bool {
        match self.state {
            State::Fresh | State::Stale | State::Expired => true,
            State::Empty | State::Exchanging | State::Failing => false,
        }
    }
}

/// One line that can be read aloud: `the token is fresh and expires in 3412 s; the next exchange is due in 2980 s`.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Empty => "there was no token yet, and no caller has asked for one",
            State::Fresh => "the token is fresh",
            State::Stale => "the token is usable and due for renewal",
            State::Expired => "the token has expired, and no caller has asked for another one",
            State::Exchanging => "there is no usable token, and an exchange is under way",
            State::Failing => "there is no usable token, and callers get an error",
        })?;
        if self.is_usable() {
            match self.expires_in {
                Some(left) => write!(f, " and expires in {} s", rounded(left))?,
                None => f.write_str(" and does not expire")?,
            }
        }
        if self.exchange_under_way && self.is_usable() {
            f.write_str("; an exchange is under way")?;
        }
        if let Some(pause) = self.next_attempt_in.filter(|_| !self.exchange_under_way) {
            match rounded(pause) {
                0.0 => f.write_str("; the next request causes an exchange")?,
                pause => write!(f, "; the next exchange is due in {pause} s")?,
            }
        }
        if self.waiters > 0 {
            write!(f, "; callers that wait: {}", self.waiters)?;
        }
        if self.consecutive_failures > 0 {
            write!(f, "; failed exchanges in a row: {}", self.consecutive_failures)?;
        }
        if let Some(failing_for) = self.failing_for {
            write!(f, ", the first {} s ago", rounded(failing_for))?;
        }
        #[cfg(feature = "store")]
        if let Some(login) = &self.login {
            write_faults_of(login, f)?;
        }
        match &self.last_error {
            Some(error) => write!(f, "; the last error: {error}"),
            None => Ok(()),
        }
    }
}

/// Nothing, if the login is as it should be.
#[cfg(feature = "store")]
fn write_faults_of(login: &LoginStatus, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(since) = login.in_doubt_since {
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        write!(f, "; the refresh token of the login is in doubt since {since} (Unix time)")?;
    }
    if login.is_refused {
        f.write_str("; the refresh token of the login was refused: log in again")?;
    }
    if !login.is_saved {
        f.write_str("; the newest refresh token of the login is not saved, and is lost when the process ends")?;
    }
    match &login.store_error {
        Some(error) if !login.is_saved => write!(f, ": {error}"),
        _ => Ok(()),
    }
}

impl Status {
    fn is_usable(&self) -> bool {
        matches!(self.state, State::Fresh | State::Stale)
    }
}

/// Seconds, with one decimal below ten.
fn rounded(duration: Duration) -> f64 {
    match duration.as_secs_f64() {
        seconds if seconds < 10.0 => (seconds * 10.0).round() / 10.0,
        seconds => seconds.round(),
    }
}

/// The state of a source in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// There was no token yet, and no caller has asked for one.
    Empty,
    /// The token is usable.
    Fresh,
    /// The token is usable, and due for renewal.
    Stale,
    /// The token has expired, and no caller has asked for another one.
    Expired,
    /// There is no usable token, and an exchange is under way.
    Exchanging,
    /// There is no usable token, and the last exchange failed. Callers get its error.
    Failing,
}

/// Counts of events since the source was made.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// By [`index`].
    exchanges: [u64; Reason::ALL.len()],
    /// Exchanges that brought a token.
    pub exchanges_succeeded: u64,
    /// Exchanges that failed.
    pub exchanges_failed: u64,
    /// Exchanges whose task was lost, because its runtime ended or did not run.
    pub exchanges_lost: u64,
    /// Exchanges that brought the current token again.
    pub same_token: u64,
    /// Refresh tokens that exchanges were given, without those that a store keeps.
    pub refresh_tokens_spent: u64,
    /// Refusals (401).
    pub refusals: u64,
    /// Responses that were [`Doubted`](crate::scheme::Verdict::Doubted).
    pub doubts: u64,
    /// Refusals that were returned to callers because the budget of renewals was used up.
    pub budget_refusals: u64,
    /// Requests that were sent again with new headers of their own, such as a DPoP proof with another nonce. They renew no token,
    /// and do not count as refusals.
    pub new_proofs: u64,
    /// Tokens adopted from responses.
    pub rotations_adopted: u64,
    /// By [`NotAdopted`]. The current token again does not count.
    not_adopted: [u64; NotAdopted::ALL.len()],
}

impl Counters {
    /// Exchanges that began for this reason.
    #[must_use]
    pub fn exchanges_for(&self, reason: Reason) -> u64 {
        self.exchanges[index(reason)]
    }

    /// Exchanges that began.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.exchanges.iter().sum()
    }

    /// Tokens in responses that were not adopted for this reason.
    #[must_use]
    pub fn rotations_not_adopted_for(&self, why: NotAdopted) -> u64 {
        self.not_adopted[why as usize]
    }

    /// Tokens in responses that were not adopted. The current token again does not count.
    #[must_use]
    pub fn rotations_not_adopted(&self) -> u64 {
        self.not_adopted.iter().sum()
    }

    /// The counters with their names, for exporters. The names do not change. A later version may have more.
    ///
    /// `exchanges` and `rotations_not_adopted` are sums. For the count of each reason, use
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
            ("new_proofs", self.new_proofs),
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
    fn reasons_with_a_count_of_zero_are_not_listed() {
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
    fn each_reason_has_its_own_count_and_is_in_all() {
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
    fn each_counter_has_a_unique_name() {
        let counters = Counters { doubts: 7, same_token: 3, ..Counters::default() };
        let all: std::collections::BTreeMap<_, _> = counters.iter().collect();
        assert_eq!(all.len(), counters.iter().count());
        assert_eq!((all["doubts"], all["same_token"], all["exchanges"]), (7, 3, 0));
    }
}
