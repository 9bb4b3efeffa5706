//! The result of an exchange.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::secret::Secret;

/// A refresh token may be this long.
const MAX_REFRESH_TOKEN: usize = 64 * 1024;
/// Of a granted scope, this much is kept.
const MAX_SCOPE: usize = 200;
/// Of a token's type, this much is kept.
const MAX_TYPE: usize = 64;

/// The result of a successful exchange.
#[derive(Clone, Debug)]
pub struct Issued {
    access_token: Secret,
    stated: Stated,
    refresh: Refresh,
    scope: Option<Arc<str>>,
    token_type: Option<Arc<str>>,
}

/// What an answer says of the token's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) expires_in: Option<Duration>,
    /// Since the epoch.
    pub(crate) expires_at: Option<Duration>,
    /// A life of zero or less, which says nothing.
    pub(crate) no_life: bool,
    /// The server's clock when it made the answer, since the epoch.
    pub(crate) issuers_clock: Option<Duration>,
    /// How long the answer has been in a cache.
    pub(crate) age: Duration,
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
        Issued { access_token, stated: Stated::default(), refresh, scope: None, token_type: None }
    }

    /// The life that the issuer stated. It counts from when the request was sent (RFC 6749 section 5.1). Zero makes the attempt
    /// a failure. If several lives are known, the shortest one counts.
    #[must_use]
    pub fn with_expires_in(mut self, expires_in: Duration) -> Issued {
        self.stated.expires_in = Some(expires_in);
        self
    }

    /// The moment at which the token ends, by the issuer's clock.
    ///
    /// It is compared with our clock; or with the `Date` of the answer, if the two clocks differ by more than ten seconds. If
    /// the time has passed, the attempt fails.
    #[must_use]
    pub fn with_expires_at(mut self, expires_at: SystemTime) -> Issued {
        self.stated.expires_at = Some(expires_at.duration_since(UNIX_EPOCH).unwrap_or_default());
        self
    }

    /// The issuer stated a life of zero or less. It is ignored: servers mean "unknown" or "no end" by it.
    pub(crate) fn with_no_life(mut self) -> Issued {
        self.stated.no_life = true;
        self
    }

    /// With the server's clock when it made the answer, and the time that the answer has spent in a cache.
    pub(crate) fn answered(mut self, issuers_clock: Option<Duration>, age: Duration) -> Issued {
        (self.stated.issuers_clock, self.stated.age) = (issuers_clock, age);
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
    /// 3.3). It is reported, by an event and by [`Status`](crate::token::Status); nothing else depends
    /// on it, since it is for the API to say what a token is good for.
    ///
    /// The first 200 characters are kept; what is neither visible ASCII nor a blank becomes `_`, so that a
    /// server can forge neither log lines nor terminal sequences. An empty text counts as none.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Issued {
        self.scope = visible(&scope.into(), MAX_SCOPE);
        self
    }

    /// What the issuer calls the token (`token_type`, RFC 6749 section 7.1): `Bearer`, or `DPoP`. The
    /// [presentation](crate::scheme::Presentation::header_value) gets it in lower case. Nothing else depends on it.
    ///
    /// The first 64 characters are kept; what is neither visible ASCII nor a blank becomes `_`. An empty text counts as
    /// none.
    #[must_use]
    pub fn with_token_type(mut self, token_type: impl Into<String>) -> Issued {
        self.token_type = visible(&token_type.into().to_ascii_lowercase(), MAX_TYPE);
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
        self.stated.expires_in
    }

    /// The moment at which it ends, as the issuer stated it.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(self.stated.expires_at?)
    }

    pub(crate) fn stated(&self) -> &Stated {
        &self.stated
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

    /// What the issuer calls the token, in lower case.
    #[must_use]
    pub fn token_type(&self) -> Option<&str> {
        self.token_type.as_deref()
    }

    pub(crate) fn shared_token_type(&self) -> Option<Arc<str>> {
        self.token_type.clone()
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

/// The beginning of a server's text, with what could forge a line of a log or a terminal sequence replaced; none if it
/// is empty.
fn visible(text: &str, max: usize) -> Option<Arc<str>> {
    let visible = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '_' };
    let text: String = text.chars().take(max).map(visible).collect();
    (!text.is_empty()).then(|| text.into())
}
