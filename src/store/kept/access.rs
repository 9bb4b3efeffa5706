//! The access token that is kept, so that processes that share a store need one exchange for all.

use std::time::Duration;

use crate::clock::Now;
use crate::exchange::bound_key::BoundKey;
use crate::exchange::issued::Issued;
use crate::scheme::jwt::Claims;
use crate::secret::Secret;
use crate::store::document::Document;

const TOKEN: &str = "token";
const ENDS_AT: &str = "ends_at";
const TYPE: &str = "token_type";
const SCOPE: &str = "scope";
const SEED: &str = "seed";
const DPOP_THUMBPRINT: &str = "dpop_thumbprint";

/// A token that ends sooner is not taken from a store: it would end on its way.
const SHORTEST: Duration = Duration::from_secs(1);

/// An access token of a kept login.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    token: Secret,
    /// In seconds since 1970, rounded down.
    ends_at: u64,
    token_type: Option<String>,
    scope: Option<String>,
    /// The fingerprint of the seed of its login.
    seed: Option<String>,
    /// The thumbprint of the key that it is bound to. None if it is not bound.
    dpop_thumbprint: Option<String>,
}

impl Access {
    /// The token of an exchange that was sent at `sent` and has ended `now`. `default` is its life if nothing states one.
    pub(crate) fn of(
        issued: &Issued,
        seed: Option<String>,
        (sent, now): (Now, Now),
        default: Duration,
    ) -> Access {
        let token = issued.access_token();
        let claimed = match issued.is_opaque() {
            true => None,
            false => Claims::of(token.expose()).times.exp,
        };
        let stated = issued.expires_in().map(|life| sent.since_epoch().saturating_add(life));
        let ends = [stated, issued.stated().expires_at, claimed];
        let is_stated = ends.iter().any(Option::is_some);
        // If a time has passed, the token has ended, or its issuer has another clock. Other processes cannot know which.
        let later = ends.into_iter().flatten().filter(|ends| *ends > now.since_epoch()).min();
        let unstated = || match is_stated {
            true => now.since_epoch(),
            false => sent.since_epoch().saturating_add(default),
        };
        let ends = later.unwrap_or_else(unstated);
        Access {
            token: token.clone(),
            ends_at: ends.as_secs(),
            token_type: issued.token_type().map(str::to_owned),
            scope: issued.scope().map(str::to_owned),
            seed,
            dpop_thumbprint: None,
        }
    }

    /// The same, for no process: the source does not accept it.
    pub(crate) fn that_nobody_can_use(self) -> Access {
        Access { ends_at: 0, ..self }
    }

    /// The same, bound to this key.
    pub(crate) fn bound_to(self, key: Option<&BoundKey>) -> Access {
        Access { dpop_thumbprint: key.map(|key| key.thumbprint.to_string()), ..self }
    }

    /// None if the text is not what [`to_json`](Access::to_json) writes.
    pub(crate) fn parse(json: &Secret) -> Option<Access> {
        let document = Document::parse(json.expose())?;
        Some(Access {
            token: document.read(TOKEN)??,
            ends_at: document.read(ENDS_AT)??,
            token_type: document.read(TYPE)?,
            scope: document.read(SCOPE)?,
            seed: document.read(SEED)?,
            dpop_thumbprint: document.read(DPOP_THUMBPRINT)?,
        })
    }

    pub(crate) fn to_json(&self) -> Secret {
        let null = || Some(Secret::from("null"));
        let mut document = Document::default();
        // All members are written, because a store may keep those that are absent.
        for (name, text) in [
            (TYPE, &self.token_type),
            (SCOPE, &self.scope),
            (SEED, &self.seed),
            (DPOP_THUMBPRINT, &self.dpop_thumbprint),
        ] {
            document.set_json(name, null());
            if text.is_some() {
                document.set_text(name, text.as_deref());
            }
        }
        document.set_text(TOKEN, Some(self.token.expose()));
        document.set_number(ENDS_AT, Some(self.ends_at));
        document.to_json()
    }

    /// The thumbprint of the key that it is bound to.
    pub(crate) fn dpop_thumbprint(&self) -> Option<&str> {
        self.dpop_thumbprint.as_deref()
    }

    /// Since 1970.
    pub(crate) fn ends_at(&self) -> Duration {
        Duration::from_secs(self.ends_at)
    }

    /// The token for a source, if it is of the login with this seed and lives long enough.
    pub(crate) fn issued(&self, seed: Option<&str>, now: Now) -> Option<Issued> {
        let left = self.ends_at().checked_sub(now.since_epoch())?;
        if left <= SHORTEST || self.seed.as_deref() != seed {
            return None;
        }
        let issued = Issued::new(self.token.clone()).with_expires_in(left);
        let issued = self.token_type.iter().fold(issued, Issued::with_token_type);
        Some(self.scope.iter().fold(issued, Issued::with_scope))
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> Now {
        Now::new(Duration::from_secs(seconds), UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_earliest_end_that_is_stated_counts_and_without_one_the_default() {
        let until = |issued: Issued| {
            Access::of(&issued, None, (at(100), at(101)), secs(300)).ends_at().as_secs()
        };
        let issued = || Issued::new("a");
        assert_eq!(until(issued()), 400);
        assert_eq!(until(issued().with_expires_in(secs(60))), 160);
        let both = issued().with_expires_in(secs(60)).with_expires_at(UNIX_EPOCH + secs(150));
        assert_eq!(until(both), 150);
        assert_eq!(until(issued().with_expires_at(UNIX_EPOCH + secs(7))), 101, "it has ended");
    }

    #[test]
    fn a_kept_token_is_used_by_its_own_login_until_shortly_before_its_end() {
        let issued =
            Issued::new("a").with_expires_in(secs(60)).with_token_type("Bearer").with_scope("read");
        let access = Access::of(&issued, Some("seed".into()), (at(100), at(101)), secs(300));
        let access = Access::parse(&access.to_json()).unwrap();
        let kept = access.issued(Some("seed"), at(110)).unwrap();
        assert_eq!(kept.access_token().expose(), "a");
        assert_eq!(kept.expires_in(), Some(secs(50)));
        assert_eq!((kept.token_type(), kept.scope()), (Some("bearer"), Some("read")));
        assert!(access.issued(Some("seed"), at(158)).is_some());
        for (seed, now) in
            [(Some("seed"), 159), (Some("seed"), 161), (Some("other"), 110), (None, 110)]
        {
            assert!(access.issued(seed, at(now)).is_none(), "{seed:?} {now}");
        }
    }
}
