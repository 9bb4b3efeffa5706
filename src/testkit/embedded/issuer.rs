//! What a token endpoint knows: its client, and how it makes tokens.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::counts::ServerCounts;
use super::refresh::{RefreshTokens, Spent};
use crate::clock::{Clock, SystemClock};
use crate::testkit::mint::Mint;

/// The client that a server knows.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: String,
}

impl Client {
    pub(super) fn new(id: &str, secret: &str) -> Client {
        Client { id: id.to_owned(), secret: secret.to_owned() }
    }
}

/// The part of a server's state that its protocol uses.
pub struct Issuer {
    pub(super) client: Arc<Client>,
    pub(super) clock: Arc<dyn Clock>,
    /// In seconds.
    pub(super) lifetime: u64,
    pub(super) mint: Mint,
    /// `None` if the server has no refresh tokens.
    pub(super) refresh_tokens: Option<RefreshTokens>,
    pub(super) refuse_credentials: bool,
    pub(super) counts: ServerCounts,
}

/// The result of a successful exchange.
pub(super) struct Issued {
    pub(super) access_token: String,
    /// In seconds.
    pub(super) expires_in: u64,
    refresh_token: Option<String>,
}

impl Issuer {
    pub(super) fn new(client: Client, key: Vec<u8>) -> Issuer {
        Issuer {
            mint: Mint::new(key, &client.id),
            client: Arc::new(client),
            clock: Arc::new(SystemClock::new()),
            lifetime: 3_600,
            refresh_tokens: None,
            refuse_credentials: false,
            counts: ServerCounts::default(),
        }
    }

    /// Whether these are the client's credentials, and the test does not want them refused.
    pub(super) fn knows(&self, id: &str, secret: &str) -> bool {
        !self.refuse_credentials && id == self.client.id && secret == self.client.secret
    }

    /// A token for the client, which has authenticated.
    pub(super) fn issue(&mut self) -> Issued {
        let refresh_token = self.refresh_tokens.as_mut().map(RefreshTokens::found_family);
        self.issue_with(refresh_token)
    }

    /// A token for a refresh token, if that is valid.
    pub(super) fn refresh(&mut self, refresh_token: &str) -> Option<Issued> {
        match self.refresh_tokens.as_mut()?.spend(refresh_token) {
            Spent::For(next) => Some(self.issue_with(Some(next))),
            Spent::Kept => Some(self.issue_with(None)),
            Spent::Again => {
                self.counts.refresh_tokens_reused += 1;
                None
            }
            Spent::Unknown => None,
        }
    }

    fn issue_with(&mut self, refresh_token: Option<String>) -> Issued {
        self.counts.exchanges_succeeded += 1;
        let (access_token, expires_in) = self.mint.issue(self.lifetime, self.clock.now());
        Issued { access_token, expires_in, refresh_token }
    }

    /// Whether a token is valid now.
    pub(super) fn accepts(&self, token: &str) -> bool {
        self.mint.end_of(token, self.clock.now()).is_some()
    }
}

impl Issued {
    /// The members that OAuth and Atlas have in common.
    pub(super) fn to_json(&self) -> Value {
        let mut body = json!({"access_token": self.access_token, "expires_in": self.expires_in});
        if let Some(refresh_token) = &self.refresh_token {
            body["refresh_token"] = json!(refresh_token);
        }
        body
    }
}

/// Not derived, because it has keys and credentials.
impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("mint", &self.mint).finish_non_exhaustive()
    }
}
