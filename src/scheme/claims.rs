//! Claims that an API demands, until a token has them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Now;

/// Other claims are accepted at most this often, so that an API that never has enough costs little.
const PAUSE: Duration = Duration::from_secs(60);

/// The judge of a system finds the demands of the API, and the requests of the system answer them.
#[derive(Debug, Default)]
pub(crate) struct ClaimsChallenges(Mutex<State>);

#[derive(Default)]
struct State {
    /// For the next exchange.
    waiting: Option<String>,
    /// Of the exchange that runs.
    asked: Option<String>,
    /// Of the part of an exchange that has failed. A further part may follow.
    failed: Option<String>,
    /// The exchange that runs has these claims in a second part.
    is_second_part: bool,
    /// Of the exchange that brought the current token.
    granted: Option<String>,
    /// When claims were accepted last.
    accepted: Option<Now>,
}

impl ClaimsChallenges {
    /// The API refuses the current token and demands these claims. Returns whether the next token is to have them.
    pub(crate) fn demanded(&self, json: &str, now: Now) -> bool {
        self.with(|state| state.demanded(json, now))
    }

    /// An exchange begins. Claims go into one exchange, whatever comes of it.
    pub(crate) fn begin(&self) {
        self.with(|state| {
            (state.asked, state.failed, state.is_second_part) = (state.waiting.take(), None, false);
        });
    }

    /// A further part of the same exchange begins: its first part has failed, with a refresh token, say. It has the same claims.
    pub(crate) fn go_on(&self) {
        self.with(|state| {
            state.is_second_part = state.failed.is_some();
            state.asked = state.failed.take().or_else(|| state.waiting.take());
        });
    }

    /// The claims for the requests of this exchange.
    pub(crate) fn asked(&self) -> Option<String> {
        self.with(|state| state.asked.clone())
    }

    /// The exchange has brought a token.
    pub(crate) fn issued(&self) {
        self.with(|state| state.granted = state.asked.take());
    }

    /// The exchange has failed, or a part of it.
    pub(crate) fn failed(&self) {
        self.with(|state| {
            let asked = state.asked.take();
            state.failed = asked.filter(|_| !state.is_second_part);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn demanded(&mut self, json: &str, now: Now) -> bool {
        let is_same = |claims: &Option<String>| claims.as_deref() == Some(json);
        if is_same(&self.waiting) || is_same(&self.asked) {
            return true;
        }
        // An exchange that was cancelled at its deadline has no end that is known here, so it counts for the pause only.
        let is_early = self.accepted.is_some_and(|accepted| now.since(accepted) < PAUSE);
        if is_same(&self.granted) || self.waiting.is_some() || is_early {
            return false;
        }
        (self.waiting, self.accepted) = (Some(json.to_owned()), Some(now));
        true
    }
}

/// The claims are a server's text.
impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("waiting", &self.waiting.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(secs: u64) -> Now {
        Now::new(Duration::from_secs(secs), UNIX_EPOCH + Duration::from_secs(secs))
    }

    /// The claims `a` were demanded at 100 s.
    fn waiting() -> ClaimsChallenges {
        let challenges = ClaimsChallenges::default();
        assert!(challenges.demanded("a", at(100)));
        challenges
    }

    #[test]
    fn claims_go_into_one_exchange() {
        let challenges = waiting();
        assert_eq!(challenges.asked(), None, "an exchange that runs already does not have them");
        challenges.begin();
        assert_eq!((challenges.asked(), challenges.asked()), (Some("a".into()), Some("a".into())));
        challenges.issued();
        challenges.begin();
        assert_eq!(challenges.asked(), None);
    }

    #[test]
    fn a_further_part_of_an_exchange_has_its_claims_and_the_next_exchange_does_not() {
        let challenges = waiting();
        challenges.begin();
        challenges.failed();
        challenges.go_on();
        assert_eq!(challenges.asked(), Some("a".into()));
        challenges.failed();
        challenges.go_on();
        assert_eq!(challenges.asked(), None, "they are sent in two parts at most");

        assert!(challenges.demanded("b", at(160)));
        challenges.begin();
        challenges.failed();
        challenges.begin();
        assert_eq!(challenges.asked(), None);
    }

    #[test]
    fn an_exchange_that_begins_with_other_requests_has_the_claims() {
        let challenges = waiting();
        challenges.go_on();
        assert_eq!(challenges.asked(), Some("a".into()));
        challenges.issued();
        assert!(!challenges.demanded("a", at(1_000)));
    }

    #[test]
    fn many_demands_of_the_same_claims_wait_for_the_same_exchange() {
        let challenges = waiting();
        assert!(challenges.demanded("a", at(101)));
        challenges.begin();
        assert!(challenges.demanded("a", at(102)));
    }

    #[test]
    fn claims_that_the_current_token_was_issued_for_are_handed_on() {
        let challenges = waiting();
        challenges.begin();
        challenges.issued();
        assert!(!challenges.demanded("a", at(1_000)));
        challenges.begin();
        challenges.issued();
        assert!(challenges.demanded("a", at(2_000)), "that token was issued without claims");
    }

    #[test]
    fn other_claims_are_handed_on_while_the_first_are_waited_for() {
        let challenges = waiting();
        assert!(!challenges.demanded("b", at(1_000)));
        challenges.begin();
        assert!(!challenges.demanded("b", at(159)));
        challenges.issued();
        assert!(challenges.demanded("b", at(160)));
    }

    #[test]
    fn other_claims_are_accepted_once_a_minute() {
        let challenges = waiting();
        challenges.begin();
        challenges.issued();
        assert!(!challenges.demanded("b", at(159)));
        assert!(challenges.demanded("b", at(160)));
    }

    #[test]
    fn an_exchange_that_was_cancelled_blocks_no_other_claims() {
        let challenges = waiting();
        challenges.begin(); // and its future is dropped
        assert!(!challenges.demanded("b", at(159)));
        assert!(challenges.demanded("b", at(160)));
        challenges.begin();
        assert_eq!(challenges.asked(), Some("b".into()));
    }

    #[test]
    fn claims_of_a_failed_exchange_are_forgotten() {
        let challenges = waiting();
        challenges.begin();
        challenges.failed();
        assert!(!challenges.demanded("a", at(101)), "once a minute");
        challenges.begin();
        assert_eq!(challenges.asked(), None);
        assert!(challenges.demanded("a", at(160)));
    }
}
