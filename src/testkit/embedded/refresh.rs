//! Refresh tokens that rotate. Each may be used once. If one is used again, its whole family is revoked (RFC 9700
//! section 4.14.2).

use std::collections::VecDeque;

use super::EmbeddedServer;
use super::protocol::RefreshProtocol;

/// The most refresh tokens that a server remembers.
const MAX_TOKENS: usize = 10_000;

impl<P: RefreshProtocol> EmbeddedServer<P> {
    /// Every successful exchange also gives a `refresh_token`. The refresh endpoint accepts it once, and gives a new access token
    /// and the next refresh token. Default: there are none.
    ///
    /// If a refresh token is used twice, the second request is refused, and the newest refresh token of the same
    /// family is revoked. The server remembers the last 10,000.
    #[must_use]
    pub fn with_refresh_tokens(self) -> EmbeddedServer<P> {
        self.lock().issuer.refresh_tokens = Some(RefreshTokens::default());
        self
    }

    /// The URL that accepts refresh tokens.
    #[must_use]
    pub fn refresh_endpoint(&self) -> String {
        self.url(P::REFRESH_ENDPOINT)
    }

    /// Revokes all refresh tokens that were issued so far. Access tokens stay valid.
    pub fn revoke_refresh_tokens(&self) {
        if let Some(tokens) = &mut self.lock().issuer.refresh_tokens {
            tokens.remembered.clear();
        }
    }

    /// With `true`, a refresh token stays valid when it is used, and the answer has no new one (RFC 6749 section 6
    /// allows both). With `false`, each can be used once.
    pub fn keep_refresh_tokens(&self, keep: bool) {
        if let Some(tokens) = &mut self.lock().issuer.refresh_tokens {
            tokens.keep = keep;
        }
    }
}

/// The refresh tokens of a server.
#[derive(Default)]
pub(super) struct RefreshTokens {
    issued: u64,
    families: u64,
    keep: bool,
    /// Oldest first.
    remembered: VecDeque<Token>,
}

struct Token {
    text: String,
    /// An exchange with the client's credentials starts a family. The successors of a token belong to its family.
    family: u64,
    spent: bool,
}

/// The result of using a refresh token.
#[derive(Debug, PartialEq)]
pub(super) enum Spent {
    /// It was valid, and this is its successor.
    For(String),
    /// It was valid and still is.
    Kept,
    /// It had been used before. Its family is revoked now.
    Again,
    /// It is unknown, or has been revoked.
    Unknown,
}

impl RefreshTokens {
    /// The first token of a family.
    pub(super) fn found_family(&mut self) -> String {
        self.families += 1;
        self.issue(self.families)
    }

    pub(super) fn spend(&mut self, text: &str) -> Spent {
        let Some(token) = self.remembered.iter_mut().rev().find(|token| token.text == text) else {
            return Spent::Unknown;
        };
        let family = token.family;
        if token.spent {
            self.remembered.retain(|token| token.family != family || token.spent);
            return Spent::Again;
        }
        if self.keep {
            return Spent::Kept;
        }
        token.spent = true;
        Spent::For(self.issue(family))
    }

    fn issue(&mut self, family: u64) -> String {
        if self.remembered.len() == MAX_TOKENS {
            self.remembered.pop_front();
        }
        self.issued += 1;
        let text = format!("refresh-{:016x}-{}", fastrand::u64(..), self.issued);
        self.remembered.push_back(Token { text: text.clone(), family, spent: false });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(tokens: &mut RefreshTokens, text: &str) -> String {
        match tokens.spend(text) {
            Spent::For(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_second_use_revokes_only_its_own_family() {
        let mut tokens = RefreshTokens::default();
        let (first, stranger) = (tokens.found_family(), tokens.found_family());
        let second = next(&mut tokens, &first);
        let third = next(&mut tokens, &second);
        assert_eq!(tokens.spend(&first), Spent::Again);
        assert_eq!(tokens.spend(&third), Spent::Unknown);
        assert_eq!(tokens.spend(&second), Spent::Again);
        next(&mut tokens, &stranger);
    }

    #[test]
    fn no_more_than_a_fixed_number_is_remembered() {
        let mut tokens = RefreshTokens::default();
        let first = tokens.found_family();
        let mut last = first.clone();
        for _ in 0..MAX_TOKENS {
            last = next(&mut tokens, &last);
        }
        assert_eq!(tokens.remembered.len(), MAX_TOKENS);
        assert_eq!(tokens.spend(&first), Spent::Unknown);
        next(&mut tokens, &last);
    }
}
