//! What an embedded token endpoint knows of its tokens.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::jwt;
use crate::clock::Now;

/// Issues tokens, and recognises those that are good.
///
/// It remembers two numbers and the last token, however many it has issued: a token's `jti` is its
/// number, and revoked are all up to some number.
pub(super) struct Mint {
    key: [u8; 32],
    issued: u64,
    revoked: u64,
    sticky: bool,
    last: Option<Token>,
}

/// A token and its last moment, in whole seconds since the epoch.
#[derive(Clone)]
struct Token {
    text: String,
    exp: u64,
}

#[derive(Deserialize)]
struct Claims {
    exp: u64,
    jti: String,
}

impl Mint {
    /// A mint with a key of its own: what another one issued is worth nothing here.
    pub(super) fn new() -> Mint {
        let mut key = [0; 32];
        fastrand::Rng::new().fill(&mut key);
        Mint { key, issued: 0, revoked: 0, sticky: false, last: None }
    }

    /// A token for `subject` and the seconds that it has left.
    pub(super) fn issue(&mut self, subject: &str, lifetime: u64, now: Now) -> (String, u64) {
        let iat = now.since_epoch().as_secs();
        let living = self.last.as_ref().filter(|last| self.sticky && last.exp > iat);
        let token = match living {
            Some(last) => last.clone(),
            None => self.strike(subject, iat, end(lifetime, now)),
        };
        // A fresh token's `exp` may lie a part of a second further off than was asked for.
        let left = (token.exp - iat).min(lifetime);
        self.last = Some(token.clone());
        (token.text, left)
    }

    fn strike(&mut self, subject: &str, iat: u64, exp: u64) -> Token {
        self.issued += 1;
        let claims =
            json!({"sub": subject, "iat": iat, "exp": exp, "jti": self.issued.to_string()});
        Token { text: jwt::sign(&claims, &self.key), exp }
    }

    /// Whether this is a token of this mint that has neither ended nor been revoked.
    pub(super) fn accepts(&self, token: &str, now: Now) -> bool {
        jwt::verify(token, &self.key).is_some_and(|Claims { exp, jti }| {
            let revoked = jti.parse().is_ok_and(|number: u64| number <= self.revoked);
            now.since_epoch() < Duration::from_secs(exp) && !revoked
        })
    }

    pub(super) fn revoke_all(&mut self) {
        self.revoked = self.issued;
    }

    /// Hands out the last token again while it lives, revoked or not, as a cache in front of a token
    /// endpoint does.
    pub(super) fn set_sticky(&mut self, sticky: bool) {
        self.sticky = sticky;
    }
}

/// `exp` is rounded up, so that no token ends before its `expires_in` is over.
fn end(lifetime: u64, now: Now) -> u64 {
    let now = now.since_epoch();
    let begun = u64::from(now.subsec_nanos() > 0);
    now.as_secs().saturating_add(begun).saturating_add(lifetime)
}

/// By hand: it has a key and a token.
impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint")
            .field("issued", &self.issued)
            .field("revoked", &self.revoked)
            .field("sticky", &self.sticky)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(millis: u64) -> Now {
        Now::new(Duration::ZERO, UNIX_EPOCH + Duration::from_millis(millis))
    }

    #[test]
    fn a_token_is_good_for_all_of_its_life_and_no_longer_than_a_second_more() {
        let mut mint = Mint::new();
        let (token, left) = mint.issue("a", 3, at(10_500));
        assert_eq!(left, 3);
        assert!(mint.accepts(&token, at(13_500)));
        assert!(!mint.accepts(&token, at(14_000)));
        let (token, _) = mint.issue("a", 3, at(20_000));
        assert!(mint.accepts(&token, at(22_999)));
        assert!(!mint.accepts(&token, at(23_000)));
    }

    #[test]
    fn a_revocation_ends_what_was_issued_and_not_what_follows() {
        let mut mint = Mint::new();
        let (first, _) = mint.issue("a", 60, at(0));
        mint.revoke_all();
        let (second, _) = mint.issue("a", 60, at(0));
        assert!(!mint.accepts(&first, at(0)));
        assert!(mint.accepts(&second, at(0)));
        assert!(!Mint::new().accepts(&second, at(0)), "another mint's");
    }

    #[test]
    fn a_sticky_token_is_handed_out_until_it_ends_though_it_be_revoked() {
        let mut mint = Mint::new();
        mint.set_sticky(true);
        let (first, _) = mint.issue("a", 60, at(0));
        mint.revoke_all();
        assert_eq!(mint.issue("a", 60, at(59_500)), (first.clone(), 1));
        assert_ne!(mint.issue("a", 60, at(60_000)).0, first);
        mint.set_sticky(false);
        let (third, left) = mint.issue("a", 60, at(60_000));
        assert!(left == 60 && mint.accepts(&third, at(60_000)));
    }
}
