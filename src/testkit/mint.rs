//! The tokens of an embedded token endpoint.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::jwt;
use crate::clock::Now;

/// Issues tokens, and checks them.
///
/// It remembers two numbers and the last token. The `jti` of a token is a number, and all tokens up to some number
/// are revoked.
pub(super) struct Mint {
    key: Vec<u8>,
    iss: String,
    sub: String,
    issued: u64,
    revoked: u64,
    sticky: bool,
    last: Option<Token>,
}

/// A token and its expiry, in whole seconds since the epoch.
#[derive(Clone)]
struct Token {
    text: String,
    exp: u64,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    exp: u64,
    #[serde(default)]
    jti: String,
}

/// The audience of all tokens.
const AUDIENCE: &str = "api";

impl Mint {
    /// A mint of tokens for `subject`, signed with `key`.
    pub(super) fn new(key: Vec<u8>, subject: &str) -> Mint {
        let (iss, sub) = (String::new(), subject.to_owned());
        Mint { key, iss, sub, issued: 0, revoked: 0, sticky: false, last: None }
    }

    /// Sets the issuer of tokens. A token of another issuer is not valid, even if the same key signed it.
    pub(super) fn set_issuer(&mut self, issuer: String) {
        self.iss = issuer;
    }

    /// From now on tokens are for `subject` and signed with `key`. Tokens that were issued before are not valid.
    pub(super) fn set_client(&mut self, subject: &str, key: Vec<u8>) {
        (self.sub, self.key, self.last) = (subject.to_owned(), key, None);
    }

    /// A token and the rest of its life in seconds.
    pub(super) fn issue(&mut self, lifetime: u64, now: Now) -> (String, u64) {
        let iat = now.since_epoch().as_secs();
        let living = self.last.as_ref().filter(|last| self.sticky && last.exp > iat);
        let token = match living {
            Some(last) => last.clone(),
            None => self.strike(lifetime, now),
        };
        // The `exp` of a new token may be up to one second later than requested.
        let left = (token.exp - iat).min(lifetime);
        self.last = Some(token.clone());
        (token.text, left)
    }

    /// A new token, even if the last one is still valid.
    pub(super) fn succeed(&mut self, lifetime: u64, now: Now) -> String {
        self.strike(lifetime, now).text
    }

    fn strike(&mut self, lifetime: u64, now: Now) -> Token {
        self.issued += 1;
        let exp = end(lifetime, now);
        let claims = json!({
            "iss": self.iss,
            "sub": self.sub,
            "aud": AUDIENCE,
            "iat": now.since_epoch().as_secs(),
            "exp": exp,
            "jti": self.issued.to_string(),
        });
        Token { text: self.sign(&claims.to_string()), exp }
    }

    /// A token with any claims.
    pub(super) fn sign(&self, claims: &str) -> String {
        jwt::sign(claims, &self.key)
    }

    /// The expiry, in seconds since the epoch, of a token of this mint that has neither expired nor
    /// been revoked.
    pub(super) fn end_of(&self, token: &str, now: Now) -> Option<u64> {
        let Claims { iss, exp, jti } = jwt::verify(token, &self.key)?;
        let revoked = jti.parse().is_ok_and(|number: u64| number <= self.revoked);
        let living = now.since_epoch() < Duration::from_secs(exp);
        (living && iss == self.iss && !revoked).then_some(exp)
    }

    pub(super) fn revoke_all(&mut self) {
        self.revoked = self.issued;
    }

    /// Returns the last token again until it expires, revoked or not, like a cache in front of a
    /// token endpoint.
    pub(super) fn set_sticky(&mut self, sticky: bool) {
        self.sticky = sticky;
    }
}

/// A key that no other mint has.
pub(super) fn random_key() -> Vec<u8> {
    let mut key = vec![0; 32];
    fastrand::Rng::new().fill(&mut key);
    key
}

/// `exp` is rounded up, so that no token expires before its `expires_in` has passed.
fn end(lifetime: u64, now: Now) -> u64 {
    let now = now.since_epoch();
    let begun = u64::from(now.subsec_nanos() > 0);
    now.as_secs().saturating_add(begun).saturating_add(lifetime)
}

/// Not derived, because it contains a key and a token.
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

    fn new() -> Mint {
        Mint::new(random_key(), "a")
    }

    fn accepts(mint: &Mint, token: &str, now: Now) -> bool {
        mint.end_of(token, now).is_some()
    }

    fn at(millis: u64) -> Now {
        Now::new(Duration::ZERO, UNIX_EPOCH + Duration::from_millis(millis))
    }

    #[test]
    fn a_token_is_valid_for_its_life_and_at_most_one_second_longer() {
        let mut mint = new();
        let (token, left) = mint.issue(3, at(10_500));
        assert_eq!(left, 3);
        assert!(accepts(&mint, &token, at(13_500)));
        assert!(!accepts(&mint, &token, at(14_000)));
        let (token, _) = mint.issue(3, at(20_000));
        assert!(accepts(&mint, &token, at(22_999)));
        assert!(!accepts(&mint, &token, at(23_000)));
    }

    #[test]
    fn a_revocation_affects_only_tokens_that_were_issued_before() {
        let mut mint = new();
        let (first, _) = mint.issue(60, at(0));
        mint.revoke_all();
        let (second, _) = mint.issue(60, at(0));
        assert!(!accepts(&mint, &first, at(0)));
        assert!(accepts(&mint, &second, at(0)));
        assert!(!accepts(&new(), &second, at(0)), "a token of another mint is rejected");
    }

    #[test]
    fn a_sticky_token_is_returned_until_it_expires_even_if_revoked() {
        let mut mint = new();
        mint.set_sticky(true);
        let (first, _) = mint.issue(60, at(0));
        mint.revoke_all();
        assert_eq!(mint.issue(60, at(59_500)), (first.clone(), 1));
        assert_ne!(mint.issue(60, at(60_000)).0, first);
        mint.set_sticky(false);
        let (third, left) = mint.issue(60, at(60_000));
        assert!(left == 60 && accepts(&mint, &third, at(60_000)));
    }

    #[test]
    fn mints_with_the_same_key_issue_different_tokens() {
        let (mut one, mut other) = (Mint::new(vec![1], "a"), Mint::new(vec![1], "a"));
        one.set_issuer("one".to_owned());
        other.set_issuer("other".to_owned());
        let (token, _) = one.issue(60, at(0));
        assert!(accepts(&one, &token, at(0)));
        assert!(!accepts(&other, &token, at(0)));
    }
}
