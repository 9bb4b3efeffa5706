//! The login that is kept: its refresh token, and whether that is in doubt.

use std::time::Duration;

use crate::exchange::bound_key::BoundKey;
use crate::secret::Secret;
use crate::store::document::Document;
use crate::store::key::fingerprint;

const SEED: &str = "seed";
const FORMER_SEEDS: &str = "former_seeds";
const TOKEN: &str = "token";
const REJECTED: &str = "rejected";
const IN_DOUBT_SINCE: &str = "in_doubt_since";
const DPOP_THUMBPRINT: &str = "dpop_thumbprint";
const DPOP_KEY: &str = "dpop_key";

/// At most this many former seeds are remembered.
const MOST_FORMER_SEEDS: usize = 16;

/// The refresh token that an operator gives. Its fingerprint tells whether it is another one than before.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    pub(crate) fingerprint: String,
    token: Secret,
}

impl Seed {
    pub(crate) fn new(token: Secret) -> Seed {
        Seed { fingerprint: fingerprint(token.expose()), token }
    }
}

/// A login, as a store keeps it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    /// The fingerprint of the seed that the login began with.
    pub(crate) seed: Option<String>,
    /// Fingerprints of the seeds before it. They do not count any more, although a process may still have one.
    pub(crate) former_seeds: Vec<String>,
    /// The newest refresh token.
    pub(crate) token: Option<Secret>,
    /// A refresh token that the endpoint has refused. It is kept for a person to look at.
    pub(crate) rejected: Option<Secret>,
    /// The token was sent at this time, in seconds since 1970, and no answer is known.
    pub(crate) in_doubt_since: Option<u64>,
    /// The key that the refresh token is bound to (DPoP, RFC 9449 section 5). The private half of a key that the user gives is not
    /// kept.
    pub(crate) key: Option<BoundKey>,
    /// Members that this crate does not know.
    pub(crate) others: Document,
}

impl Login {
    /// None if the text is no login.
    pub(crate) fn parse(carry: &Secret) -> Option<Login> {
        let mut others = Document::parse(carry.expose())?;
        let (thumbprint, private) =
            (others.read::<String>(DPOP_THUMBPRINT)?, others.read(DPOP_KEY)?);
        let login = Login {
            seed: others.read(SEED)?,
            former_seeds: others.read(FORMER_SEEDS)?.unwrap_or_default(),
            token: others.read(TOKEN)?,
            rejected: others.read(REJECTED)?,
            in_doubt_since: others.read(IN_DOUBT_SINCE)?,
            key: thumbprint.map(|it| BoundKey { thumbprint: it.into(), private }),
            others: Document::default(),
        };
        let known = [SEED, FORMER_SEEDS, TOKEN, REJECTED, IN_DOUBT_SINCE];
        for known in known.into_iter().chain([DPOP_THUMBPRINT, DPOP_KEY]) {
            others.take(known);
        }
        Some(Login { others, ..login })
    }

    pub(crate) fn to_json(&self) -> Secret {
        let mut document = self.others.clone();
        document.set_text(SEED, self.seed.as_deref());
        document.set_texts(FORMER_SEEDS, &self.former_seeds);
        document.set_text(TOKEN, self.token.as_ref().map(Secret::expose));
        document.set_text(REJECTED, self.rejected.as_ref().map(Secret::expose));
        document.set_number(IN_DOUBT_SINCE, self.in_doubt_since);
        let key = self.key.as_ref();
        document.set_text(DPOP_THUMBPRINT, key.map(|key| &*key.thumbprint));
        document.set_text(DPOP_KEY, key.and_then(|key| Some(key.private.as_ref()?.expose())));
        document.to_json()
    }

    /// The login to use with this seed. If the seed is a new one, somebody has logged in again: the new login replaces the
    /// old one.
    pub(crate) fn with_seed(self, seed: Option<&Seed>) -> Login {
        let Some(seed) = seed else { return self };
        let is_known = self.seed.as_ref() == Some(&seed.fingerprint)
            || self.former_seeds.contains(&seed.fingerprint);
        if is_known {
            return self;
        }
        let mut former_seeds = self.former_seeds;
        former_seeds.extend(self.seed);
        let surplus = former_seeds.len().saturating_sub(MOST_FORMER_SEEDS);
        former_seeds.drain(..surplus);
        Login {
            seed: Some(seed.fingerprint.clone()),
            former_seeds,
            // A file that a person wrote may have a token and no seed. The seed is the newer statement.
            token: Some(seed.token.clone()),
            rejected: None,
            in_doubt_since: None,
            key: None,
            others: self.others,
        }
    }

    /// The login, which is bound to this key if it was not bound before.
    pub(crate) fn bound_to(self, key: Option<BoundKey>) -> Login {
        Login { key: self.key.or(key), ..self }
    }

    /// The login to use, if the user gives this key. A refresh token that the endpoint has refused with another key is tried with this
    /// one.
    pub(crate) fn with_users_key(self, key: &BoundKey) -> Login {
        let is_other = self.key.as_ref().is_some_and(|it| it.thumbprint != key.thumbprint);
        match (&self.token, &self.rejected) {
            (None, Some(_)) if is_other && key.private.is_none() => {
                Login { token: self.rejected, rejected: None, key: None, ..self }
            }
            _ => self,
        }
    }

    /// The endpoint has refused the first refresh token of a login, which may be bound to another key.
    pub(crate) fn may_have_another_key(&self) -> bool {
        let refused = self.rejected.as_ref().map(|it| fingerprint(it.expose()));
        self.key.is_some() && refused.is_some() && refused == self.seed
    }

    /// The token is about to be sent.
    pub(crate) fn sending(&self, now: Duration) -> Login {
        let in_doubt_since = self.in_doubt_since.or(Some(now.as_secs()));
        Login { in_doubt_since, ..self.clone() }
    }

    /// The endpoint refuses the token.
    pub(crate) fn refused(self) -> Login {
        Login { rejected: self.token, token: None, in_doubt_since: None, ..self }
    }

    /// The endpoint has answered with this token, or with none.
    pub(crate) fn renewed(self, token: Option<Secret>) -> Login {
        Login { token, in_doubt_since: None, ..self }
    }

    pub(crate) fn has_token(&self, text: &Secret) -> bool {
        self.token.as_ref().is_some_and(|token| token.expose() == text.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(text: &str) -> Seed {
        Seed::new(Secret::from(text))
    }

    fn token(login: &Login) -> Option<&str> {
        login.token.as_ref().map(Secret::expose)
    }

    #[test]
    fn a_login_is_written_and_read_with_all_its_members_and_those_of_others() {
        let text = r#"{"note": {"a": [1.50]}, "token": "r\"1", "seed": "abc", "in_doubt_since": 7, "rejected": null}"#;
        let login = Login::parse(&text.into()).unwrap();
        assert_eq!((token(&login), login.in_doubt_since), (Some("r\"1"), Some(7)));
        let login = Login { former_seeds: vec!["x".into(), "\"y".into()], ..login };
        let json = login.to_json();
        assert_eq!(
            json.expose(),
            "{\n  \"former_seeds\": [\"x\", \"\\\"y\"],\n  \"in_doubt_since\": 7,\n  \
             \"note\": {\"a\": [1.50]},\n  \"seed\": \"abc\",\n  \"token\": \"r\\\"1\"\n}"
        );
        assert_eq!(Login::parse(&json).unwrap().to_json().expose(), json.expose());
        for wrong in ["", "[]", "{\"token\": 7}", "{\"in_doubt_since\": \"x\"}", "{\"seed\": {}}"] {
            assert!(Login::parse(&wrong.into()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_new_seed_replaces_the_login_and_a_former_one_does_not_come_back() {
        let first = Login::default().with_seed(Some(&seed("s1")));
        assert_eq!(token(&first), Some("s1"));
        let renewed = first.sending(Duration::from_secs(9)).renewed(Some("r2".into()));
        let same = renewed.with_seed(Some(&seed("s1")));
        assert_eq!((token(&same), same.in_doubt_since), (Some("r2"), None));

        let again = same.sending(Duration::from_secs(9)).with_seed(Some(&seed("s2")));
        assert_eq!((token(&again), again.in_doubt_since), (Some("s2"), None));
        // A process that still has the first seed goes on with the new login.
        let still = again.renewed(Some("r3".into())).with_seed(Some(&seed("s1")));
        assert_eq!(token(&still), Some("r3"));
        assert_eq!(still.seed, Some(seed("s2").fingerprint));
    }

    #[test]
    fn the_number_of_former_seeds_is_limited() {
        let seeds: Vec<_> = (0..40).map(|number| seed(&number.to_string())).collect();
        let login = seeds.iter().fold(Login::default(), |login, seed| login.with_seed(Some(seed)));
        assert_eq!(login.former_seeds.len(), MOST_FORMER_SEEDS);
        assert_eq!(login.former_seeds.last(), Some(&seeds[38].fingerprint));
    }

    #[test]
    fn the_first_sending_gives_the_time_of_the_doubt() {
        let login = Login::default().with_seed(Some(&seed("s1")));
        let sent = login.sending(Duration::from_millis(7_900));
        assert_eq!(sent.in_doubt_since, Some(7));
        let again = sent.sending(Duration::from_secs(20));
        assert_eq!(again.in_doubt_since, Some(7));
        let refused = again.refused();
        assert_eq!(refused.rejected.as_ref().map(Secret::expose), Some("s1"));
        assert!(refused.token.is_none() && refused.in_doubt_since.is_none());
    }
}
