//! Decides what to do with a kept login. It is pure: it gets the login and the time, and reads no clock.

use std::time::Duration;

use crate::secret::Secret;
use crate::store::kept::login::Login;

/// A token in doubt waits for so long at most for the end of an access token that would end later. A clock that was ahead may have noted
/// an end in years.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// What a decision depends on besides the login.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Since 1970.
    pub(crate) now: Duration,
    /// For this long after its first use, the provider accepts a refresh token again.
    pub(crate) grace: Duration,
    /// The exchange can obtain a token without a refresh token.
    pub(crate) has_primary: bool,
    /// When the last known access token ends, since 1970. None if there is none, or if the API refuses it.
    pub(crate) access_ends: Option<Duration>,
}

/// What to do.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    /// Send this refresh token.
    Redeem(Secret),
    /// Obtain a token without a refresh token.
    Primary,
    /// The token is in doubt. Wait until the last access token has ended.
    Wait { since: u64, left: Duration },
    /// Send nothing: a person must log in again.
    LogInAgain(Lost),
}

/// Why a login is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The endpoint has refused the refresh token.
    Refused,
    /// There is no refresh token.
    Absent,
}

/// Decides.
///
/// 1. A token that is not in doubt is sent.
/// 2. Within the provider's grace a token in doubt is sent, because a second use does no harm there.
/// 3. Otherwise the primary credential is used, if there is one.
/// 4. Otherwise the token is sent again when the last access token has ended: if the provider takes that for theft, it also ends
///    the access tokens. From then on nothing more can be lost, so it is sent until the provider accepts or refuses it.
pub(crate) fn decide(login: &Login, facts: Facts) -> Decision {
    let Some(token) = login.token.clone() else {
        return match (facts.has_primary, &login.rejected) {
            (true, _) => Decision::Primary,
            (false, Some(_)) => Decision::LogInAgain(Lost::Refused),
            (false, None) => Decision::LogInAgain(Lost::Absent),
        };
    };
    let Some(since) = login.in_doubt_since else {
        return Decision::Redeem(token);
    };
    // None if the clock was set back, so that nobody knows how long ago the token was sent.
    let elapsed = facts.now.checked_sub(Duration::from_secs(since));
    if elapsed.is_some_and(|elapsed| elapsed < facts.grace) {
        return Decision::Redeem(token);
    }
    if facts.has_primary {
        return Decision::Primary;
    }
    let left = facts.access_ends.map_or(Duration::ZERO, |ends| ends.saturating_sub(facts.now));
    let is_early = left <= LONGEST_WAIT || elapsed.is_some_and(|elapsed| elapsed < LONGEST_WAIT);
    match !left.is_zero() && is_early {
        true => Decision::Wait { since, left },
        false => Decision::Redeem(token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000;
    const DAY: u64 = 86_400;
    const YEARS: u64 = 3_650 * DAY;

    #[derive(Clone, Copy, Default)]
    struct Case {
        token: bool,
        rejected: bool,
        since: Option<u64>,
        grace: u64,
        primary: bool,
        ends: Option<u64>,
        /// Default: `NOW`.
        now: u64,
    }

    impl Case {
        fn decided(self) -> String {
            let login = Login {
                token: self.token.then(|| "r".into()),
                rejected: self.rejected.then(|| "x".into()),
                in_doubt_since: self.since,
                ..Login::default()
            };
            let facts = Facts {
                now: Duration::from_secs(if self.now == 0 { NOW } else { self.now }),
                grace: Duration::from_secs(self.grace),
                has_primary: self.primary,
                access_ends: self.ends.map(Duration::from_secs),
            };
            match decide(&login, facts) {
                Decision::Redeem(_) => "redeem".to_owned(),
                Decision::Primary => "primary".to_owned(),
                Decision::Wait { left, .. } => format!("wait {}", left.as_secs()),
                Decision::LogInAgain(lost) => format!("{lost:?}"),
            }
        }
    }

    #[test]
    fn each_state_of_a_login_has_one_decision() {
        let good = Case { token: true, ..Case::default() };
        let doubt = Case { since: Some(990), ..good };
        let none = Case::default();
        for (number, (case, decided)) in [
            (good, "redeem"),
            (Case { primary: true, ..good }, "redeem"),
            (Case { ends: Some(2_000), rejected: true, ..good }, "redeem"),
            // within the grace, which counts from the first sending
            (Case { grace: 11, ..doubt }, "redeem"),
            (Case { grace: 11, primary: true, ends: Some(2_000), ..doubt }, "redeem"),
            (Case { grace: u64::MAX, since: Some(0), ..doubt }, "redeem"),
            (Case { grace: 10, ends: Some(1_007), ..doubt }, "wait 7"),
            (Case { grace: 60, since: Some(1_001), ends: Some(1_007), ..doubt }, "wait 7"), // the clock was set back
            // the primary credential
            (Case { primary: true, ..doubt }, "primary"),
            (Case { primary: true, ends: Some(2_000), ..doubt }, "primary"),
            // the end of the last access token
            (doubt, "redeem"),
            (Case { ends: Some(1_000), ..doubt }, "redeem"),
            (Case { ends: Some(1_007), ..doubt }, "wait 7"),
            // an end in years, which a clock that was ahead has noted
            (Case { ends: Some(NOW + YEARS), ..doubt }, "wait 315360000"),
            (Case { ends: Some(NOW + YEARS), since: Some(0), now: DAY, ..doubt }, "redeem"),
            (Case { ends: Some(NOW + YEARS), since: Some(NOW + YEARS), ..doubt }, "redeem"),
            (Case { ends: Some(DAY + 7), since: Some(0), now: DAY, ..doubt }, "wait 7"),
            // no token
            (none, "Absent"),
            (Case { rejected: true, ..none }, "Refused"),
            (Case { primary: true, ..none }, "primary"),
            (Case { primary: true, rejected: true, ..none }, "primary"),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(case.decided(), decided, "row {number}");
        }
    }
}
