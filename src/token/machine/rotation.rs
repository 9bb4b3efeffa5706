//! Whether a token from a response may replace the current one.
//!
//! A response is less reliable than the token endpoint: it may be late, cached, mixed up or forged. So its token is compared
//! with the token of the last exchange, the first of the *lineage*. It must have the same issuer, subject and audience, and
//! must not live longer. The machine decides which of two such tokens is newer.

use std::cmp::Ordering;
use std::time::Duration;

use crate::clock::Now;
use crate::scheme::jwt::Claims;
use crate::scheme::not_adopted::NotAdopted;
use crate::token::machine::Machine;
use crate::token::machine::backoff::Failing;
use crate::token::machine::events::{Arrival, Generation};
use crate::token::machine::window::Window;

/// The most that clocks may differ. It also covers lives in whole seconds.
pub(crate) const LEEWAY: Duration = Duration::from_secs(60);

/// The token of an exchange, the first of a lineage.
#[derive(Debug)]
pub(crate) struct Lineage {
    pub(crate) claims: Claims,
    pub(crate) obtained: Now,
    pub(crate) life: Duration,
}

impl Lineage {
    /// How long a token from a response lives from now on, or why it is not adopted.
    pub(crate) fn admits(&self, token: &Claims, now: Now) -> Result<Duration, NotAdopted> {
        let first = &self.claims;
        if first.is_jwt && !token.is_jwt {
            return Err(NotAdopted::Malformed);
        }
        if (&first.iss, &first.sub, &first.aud) != (&token.iss, &token.sub, &token.aud) {
            return Err(NotAdopted::OtherClaims);
        }
        if first.alg != token.alg {
            return Err(NotAdopted::BadSignature);
        }
        // Our clock may be wrong. The first token shows the issuer's clock.
        let issuers = first.times.iat.map(|iat| iat.saturating_add(now.since(self.obtained)));
        let ours = now.since_epoch();
        let latest = issuers.map_or(ours, |issuers| issuers.max(ours));
        if token.times.iat.is_some_and(|iat| iat > latest + LEEWAY) {
            return Err(NotAdopted::NotYetIssued);
        }
        let Some(end) = token.times.exp else {
            // Neither this token nor the first one states a life.
            let silent = first.times.exp.is_none();
            return if silent { Ok(self.life) } else { Err(NotAdopted::LivesTooLong) };
        };
        let left = end.saturating_sub(issuers.unwrap_or(ours));
        let life = token.times.life().unwrap_or(left);
        if left.is_zero() || life < Duration::from_secs(1) {
            return Err(NotAdopted::Ended);
        }
        if life > self.life + LEEWAY {
            return Err(NotAdopted::LivesTooLong);
        }
        // The token may be older than this response.
        Ok(if issuers.is_some() { life.min(left) } else { life })
    }
}

impl<R, E: Failing, W> Machine<R, E, W> {
    /// A response to a request with the token of generation `used` brought a new token.
    ///
    /// It is adopted if [all checks pass](Machine::may_follow).
    pub(crate) fn rotated(
        &mut self,
        now: Now,
        used: Generation,
        arrival: &Arrival<R>,
    ) -> Result<(Generation, Window), NotAdopted> {
        let draw = self.rng.f64();
        self.settle(now);
        self.may_follow(now, used, arrival)?;
        let current = self.current.as_mut().ok_or(NotAdopted::OtherLineage)?;
        self.counters.rotations_adopted += 1;
        self.tick += 1;
        self.generation = self.generation.next();
        current.generation = self.generation;
        current.issued = self.tick;
        current.sent = arrival.sent;
        (current.stated, current.dated_end) = (arrival.stated, arrival.dated_end());
        current.claimed = arrival.claimed;
        current.window = Window::new(arrival.sent, arrival.life, draw);
        (current.repeats, current.settled_at) = (0, None);
        Ok((current.generation, current.window))
    }

    /// Whether a new token may replace the current one. The request must have carried a token of the
    /// current lineage, so that a response from before a revocation does not replace the exchange after
    /// it. And the new token must be newer. A token in the answer to the current token is newer. Other
    /// tokens are compared by `iat`, then `exp`, then the time of sending.
    pub(crate) fn may_follow(
        &self,
        now: Now,
        used: Generation,
        arrival: &Arrival<R>,
    ) -> Result<(), NotAdopted> {
        let current = self.latest(now).filter(|it| !self.fixed && used >= it.line);
        // While the token of an exchange waits, it is the newest: no response brings its successor.
        let newest = self.settling.as_ref().or(current).map(|it| it.generation);
        let Some(current) = current.filter(|it| Some(it.generation) == newest) else {
            return Err(NotAdopted::OtherLineage);
        };
        if !Window::is_worth_having(arrival.sent, arrival.life, now) {
            return Err(NotAdopted::Ended);
        }
        let claim = |one: Option<Duration>, other: Option<Duration>| {
            one.zip(other).map_or(Ordering::Equal, |(one, other)| one.cmp(&other))
        };
        // A token in the answer to the current token is newer, even if the issuer's clock shows the same
        // second. But if its `iat` is more than 60 s earlier, it is an old token.
        if used == current.generation && !arrival.same {
            let iats = arrival.claimed.0.zip(current.claimed.0);
            let stale = iats.is_some_and(|(new, old)| new + LEEWAY < old);
            return if stale { Err(NotAdopted::NotNewer) } else { Ok(()) };
        }
        let sent_later = arrival.sent.since(current.sent) > Duration::ZERO;
        let by_claims = claim(arrival.claimed.0, current.claimed.0)
            .then(claim(arrival.claimed.1, current.claimed.1));
        match by_claims {
            Ordering::Greater => Ok(()),
            Ordering::Equal if sent_later && !arrival.same => Ok(()),
            _ => Err(NotAdopted::NotNewer),
        }
    }

    /// A token of a response was not adopted.
    pub(crate) fn not_adopted(&mut self, why: NotAdopted) {
        self.counters.count_not_adopted(why);
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::scheme::jwt::Times;

    /// When the first token was obtained, by our clock and by the issuer's clock. Ours is an hour
    /// behind.
    const LANDED: u64 = 1_735_689_600;
    const ISSUED: f64 = 1_735_693_200.0;
    const LIFE: f64 = 600.0;

    /// This many seconds after the first token was obtained.
    fn after(secs: u64) -> Now {
        Now::new(Duration::from_secs(secs), UNIX_EPOCH + Duration::from_secs(LANDED + secs))
    }

    fn claims(iat: Option<f64>, exp: Option<f64>) -> Claims {
        let alg = Some("HS256".to_owned());
        let (iss, sub) = (Some("issuer".into()), Some("client".into()));
        let aud = vec!["api".to_owned()];
        Claims { is_jwt: true, alg, iss, sub, aud, times: Times::new(iat, exp) }
    }

    fn line(claims: Claims) -> Lineage {
        Lineage { claims, obtained: after(0), life: Duration::from_secs_f64(LIFE) }
    }

    /// The result for a token with these claims about time, ten seconds after the first token. Times
    /// are in seconds after the first token's.
    fn judged(iat: Option<f64>, exp: Option<f64>) -> Result<u64, NotAdopted> {
        let line = line(claims(Some(ISSUED), Some(ISSUED + LIFE)));
        let by_issuer = |time: f64| ISSUED + time;
        let token = claims(iat.map(by_issuer), exp.map(by_issuer));
        line.admits(&token, after(10)).map(|life| life.as_secs())
    }

    #[test]
    fn a_successor_lives_no_longer_than_the_first_token() {
        for (iat, exp, life) in [
            (10.0, 610.0, Ok(600)),
            (10.0, 670.0, Ok(660)),
            (10.0, 671.0, Err(NotAdopted::LivesTooLong)),
            (0.0, 600.0, Ok(590)), // issued before this response
            (70.0, 130.0, Ok(60)),
            (71.0, 130.0, Err(NotAdopted::NotYetIssued)),
            (10.0, 11.0, Ok(1)),
            (-50.0, 10.0, Err(NotAdopted::Ended)),
            (-50.0, 11.0, Ok(1)),
        ] {
            assert_eq!(judged(Some(iat), Some(exp)), life, "iat {iat}, exp {exp}");
        }
        assert_eq!(judged(None, Some(300.0)), Ok(290));
        assert_eq!(
            judged(Some(10.0), None),
            Err(NotAdopted::LivesTooLong),
            "the token states no expiry"
        );
    }

    #[test]
    fn without_the_issuers_clock_our_clock_counts() {
        let silent = line(claims(None, None));
        let at = |secs: u64| Some((LANDED + secs) as f64);
        let admits = |iat, exp| silent.admits(&claims(iat, exp), after(10));
        assert_eq!(
            admits(None, None),
            Ok(silent.life),
            "neither the token nor the first one states a life"
        );
        assert_eq!(admits(None, at(310)), Ok(Duration::from_secs(300)));
        assert_eq!(admits(at(0), at(300)), Ok(Duration::from_secs(300)), "a stated life counts");
        assert_eq!(admits(None, at(10)), Err(NotAdopted::Ended));
        assert_eq!(admits(at(71), at(300)), Err(NotAdopted::NotYetIssued));
    }

    #[test]
    fn a_successor_has_the_kind_the_issuer_the_subject_and_the_algorithm_of_the_first_token() {
        let first = || claims(Some(ISSUED), Some(ISSUED + LIFE));
        let opaque = || Claims { is_jwt: false, ..first() };
        for (line_of, token, why) in [
            (first(), opaque(), NotAdopted::Malformed),
            (first(), Claims { iss: None, ..first() }, NotAdopted::OtherClaims),
            (first(), Claims { sub: Some("other".into()), ..first() }, NotAdopted::OtherClaims),
            (first(), Claims { aud: Vec::new(), ..first() }, NotAdopted::OtherClaims),
            (first(), Claims { alg: Some("none".into()), ..first() }, NotAdopted::BadSignature),
        ] {
            assert_eq!(line(line_of).admits(&token, after(10)), Err(why), "{token:?}");
        }
        for (line_of, token) in [(first(), first()), (opaque(), first()), (opaque(), opaque())] {
            assert!(line(line_of).admits(&token, after(10)).is_ok(), "{token:?}");
        }
    }
}
