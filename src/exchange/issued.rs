//! What an exchange yields.

use std::sync::Arc;
use std::time::Duration;

use crate::Secret;

/// A refresh token may be this long.
const MAX_REFRESH_TOKEN: usize = 64 * 1024;
/// Of a granted scope, this much is kept.
const MAX_SCOPE: usize = 200;

/// What a successful exchange yields.
#[derive(Clone, Debug)]
pub struct Issued {
    access_token: Secret,
    expires_in: Option<Duration>,
    refresh: Refresh,
    scope: Option<Arc<str>>,
}

/// What the next exchange may spend.
#[derive(Clone, Debug)]
enum Refresh {
    Nothing,
    /// The refresh token that this exchange has spent.
    Kept,
    Token(Secret),
}

impl Issued {
    /// An access token of unknown life.
    ///
    /// Its life is then read from its claims if it is a JWT, else the source's default lifetime is
    /// assumed. What cannot stand in a header (line breaks, blanks, non-ASCII) and what is longer than
    /// 64 KiB is refused by the source as [`Malformed`](super::ExchangeErrorKind::Malformed).
    pub fn new(access_token: impl Into<Secret>) -> Issued {
        let (access_token, refresh) = (access_token.into(), Refresh::Nothing);
        Issued { access_token, expires_in: None, refresh, scope: None }
    }

    /// The life that the issuer stated, counted from the sending of the request (RFC 6749 section 5.1).
    /// Zero makes the attempt a failure.
    #[must_use]
    pub fn with_expires_in(mut self, expires_in: Duration) -> Issued {
        self.expires_in = Some(expires_in);
        self
    }

    /// The refresh token that came with it, for the next exchange; an empty one counts as none, and so
    /// does one of more than 64 KiB.
    #[must_use]
    pub fn with_refresh_token(mut self, refresh_token: impl Into<Secret>) -> Issued {
        let token = refresh_token.into();
        let usable = (1..=MAX_REFRESH_TOKEN).contains(&token.expose().len());
        self.refresh = if usable { Refresh::Token(token) } else { Refresh::Nothing };
        self
    }

    /// The refresh token that this exchange has spent stays good: an answer to it that brings no new one
    /// says so (RFC 6749 section 6).
    #[must_use]
    pub fn keeping_refresh_token(mut self) -> Issued {
        self.refresh = Refresh::Kept;
        self
    }

    /// The scope that the endpoint granted, where it is not the one that was asked for (RFC 6749 section
    /// 3.3). It is reported, by an event and by [`Status`](crate::source::Status); nothing else depends
    /// on it, since it is for the API to say what a token is good for.
    ///
    /// The first 200 characters are kept; what is neither visible ASCII nor a blank becomes `_`, so that a
    /// server can forge neither log lines nor terminal sequences. An empty text counts as none.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Issued {
        let visible = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '_' };
        let scope: String = scope.into().chars().take(MAX_SCOPE).map(visible).collect();
        self.scope = (!scope.is_empty()).then(|| scope.into());
        self
    }

    /// The access token.
    #[must_use]
    pub fn access_token(&self) -> &Secret {
        &self.access_token
    }

    /// The life that the issuer stated.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    /// The refresh token that came with it.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&Secret> {
        match &self.refresh {
            Refresh::Token(token) => Some(token),
            Refresh::Nothing | Refresh::Kept => None,
        }
    }

    /// The scope that was granted, where it is not the one that was asked for.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    pub(crate) fn shared_scope(&self) -> Option<Arc<str>> {
        self.scope.clone()
    }

    /// With the refresh token that was spent, if that stays good.
    pub(crate) fn settle_refresh_token(mut self, spent: Option<&Secret>) -> Issued {
        if let Refresh::Kept = self.refresh {
            self.refresh = spent.cloned().map_or(Refresh::Nothing, Refresh::Token);
        }
        self
    }
}
