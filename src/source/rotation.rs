//! Which of the tokens that an API's responses hand out may follow the current one.
//!
//! A response is a weaker witness than the token endpoint: it may be late, cached, mixed up or forged.
//! So a rotated token is held against the token that the last exchange brought, the first of its *line*:
//! it must be of the same party, and must not claim more than that one had. What is left to decide, which
//! of two good tokens is the newer one, is the machine's.

use std::time::Duration;

use crate::clock::Now;
use crate::scheme::jwt::{Claims, seconds};

/// What clocks, and lives stated in whole seconds, may differ by.
pub(super) const LEEWAY: Duration = Duration::from_secs(60);

/// Why a token that a response handed out was not adopted. The caller never notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotAdopted {
    /// The response carried several different ones.
    Ambiguous,
    /// The response came from a shared cache (it has an `Age`).
    FromCache,
    /// It cannot stand in the header, or it is no JWT and the exchanged token was.
    Malformed,
    /// It is longer than 16 KiB.
    TooLong,
    /// Its `iss`, `sub` or `aud` is not that of the exchanged token, or one of the two has none.
    OtherParty,
    /// It was signed with another algorithm than the exchanged token, or its signature is wrong.
    BadSignature,
    /// It has ended, or lives for less than a second.
    Ended,
    /// It was issued more than 60 s from now.
    NotYetIssued,
    /// It would live more than 60 s longer than the exchanged token did, or does not say how long.
    LivesTooLong,
    /// The request carried a token from before the last exchange.
    OtherLine,
    /// A newer one is current.
    NotNewer,
}

impl NotAdopted {
    pub(super) const ALL: [NotAdopted; 11] = [
        NotAdopted::Ambiguous,
        NotAdopted::FromCache,
        NotAdopted::Malformed,
        NotAdopted::TooLong,
        NotAdopted::OtherParty,
        NotAdopted::BadSignature,
        NotAdopted::Ended,
        NotAdopted::NotYetIssued,
        NotAdopted::LivesTooLong,
        NotAdopted::OtherLine,
        NotAdopted::NotNewer,
    ];
}

labels!(NotAdopted {
    Ambiguous => "ambiguous",
    FromCache => "from_cache",
    Malformed => "malformed",
    TooLong => "too_long",
    OtherParty => "other_party",
    BadSignature => "bad_signature",
    Ended => "ended",
    NotYetIssued => "not_yet_issued",
    LivesTooLong => "lives_too_long",
    OtherLine => "other_line",
    NotNewer => "not_newer",
});

/// What a line began with: the exchanged token.
#[derive(Debug)]
pub(crate) struct Line {
    pub(super) claims: Claims,
    pub(super) landed: Now,
    pub(super) life: Duration,
}

impl Line {
    /// How long a token lives that a response hands out now; or why it may not follow.
    pub(super) fn admits(&self, token: &Claims, now: Now) -> Result<Duration, NotAdopted> {
        let first = &self.claims;
        if first.is_jwt && !token.is_jwt {
            return Err(NotAdopted::Malformed);
        }
        if (&first.iss, &first.sub, &first.aud) != (&token.iss, &token.sub, &token.aud) {
            return Err(NotAdopted::OtherParty);
        }
        if first.alg != token.alg {
            return Err(NotAdopted::BadSignature);
        }
        // The issuer's clock, told by its own first token: ours may be wrong.
        let issuers = first.times.iat.map(|iat| seconds(iat) + now.since(self.landed));
        let ours = now.since_epoch();
        let latest = issuers.map_or(ours, |issuers| issuers.max(ours));
        if token.times.iat.is_some_and(|iat| seconds(iat) > latest + LEEWAY) {
            return Err(NotAdopted::NotYetIssued);
        }
        let Some(end) = token.times.end() else {
            // It says nothing of its life, as the first one did not.
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
        // One that was not made for this response has lived for a while.
        Ok(if issuers.is_some() { life.min(left) } else { life })
    }
}
