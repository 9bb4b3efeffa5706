//! The result of an exchange.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::exchange::extra::Extra;
use crate::secret::Secret;

/// The longest refresh token, in bytes.
const MAX_REFRESH_TOKEN: usize = 64 * 1024;
/// The longest granted scope that is kept.
const MAX_SCOPE: usize = 200;
/// The longest token type that is kept.
const MAX_TYPE: usize = 64;
/// The shortest time after which a token is renewed. A shorter one would cause an exchange for nearly each request.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);

/// The result of a successful exchange.
#[derive(Clone, Debug)]
pub struct Issued {
    access_token: Secret,
    stated: Stated,
    refresh_after: Option<Duration>,
    refresh: Refresh,
    scope: Option<Arc<str>>,
    token_type: Option<Arc<str>>,
    extra: Extra,
    opaque: bool,
    has_no_issued_type: bool,
}

/// The token's life, as the answer states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) expires_in: Option<Duration>,
    /// Since the epoch.
    pub(crate) expires_at: Option<Duration>,
    /// A stated life of zero or less, which means nothing.
    pub(crate) no_life: bool,
    /// The server's clock when it made the answer, since the epoch.
    pub(crate) issuers_clock: Option<Duration>,
    /// How long the answer has been in a cache.
    pub(crate) age: Duration,
}

/// The refresh token for the next exchange.
#[derive(Clone, Debug)]
enum Refresh {
    Nothing,
    /// The refresh token that this exchange has used.
    Kept,
    Token(Secret),
}

impl Issued {
    /// An access token whose life is unknown.
    ///
    /// If it is a JWT, its claims give its life. Otherwise the source's default lifetime counts. The
    /// source rejects a token that cannot be in a header (line breaks, blanks, non-ASCII) or is longer
    /// than 64 KiB, with [`Malformed`](super::ExchangeErrorKind::Malformed).
    pub fn new(access_token: impl Into<Secret>) -> Issued {
        let (access_token, refresh) = (access_token.into(), Refresh::Nothing);
        let stated = Stated::default();
        let (scope, token_type, extra) = (None, None, Extra::default());
        Issued {
            access_token,
            stated,
            refresh_after: None,
            refresh,
            scope,
            token_type,
            extra,
            opaque: false,
            has_no_issued_type: false,
        }
    }

    /// The life that the issuer stated, from when the request was sent (RFC 6749 section 5.1). With zero, the attempt
    /// fails. If several lives are known, the shortest one counts.
    #[must_use]
    pub fn with_expires_in(mut self, expires_in: Duration) -> Issued {
        self.stated.expires_in = Some(expires_in);
        self
    }

    /// The time at which the token expires, by the issuer's clock.
    ///
    /// It is compared with our clock, or with the answer's `Date` if the two clocks differ by more than ten seconds.
    /// If it has passed, the attempt fails.
    #[must_use]
    pub fn with_expires_at(mut self, expires_at: SystemTime) -> Issued {
        self.stated.expires_at = Some(expires_at.duration_since(UNIX_EPOCH).unwrap_or_default());
        self
    }

    /// Renew the token in the background after this time at the latest, counted from the end of the exchange, although it
    /// lives longer. For an exchange that is cheap and may find a newer token at any time: it reads a file, say. The life
    /// stays as it is. So no request waits, and the token stays in use if the exchange fails.
    ///
    /// Such an exchange may return the same token again: that is no failure, and causes no pause. Default: the token is renewed
    /// at 80 to 90 % of its life. So 80 % of the life or more changes nothing. Less than 1 s counts as 1 s.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_outbound_auth::TokenSource;
    /// use tower_outbound_auth::exchange::{self, Issued};
    /// use tower_outbound_auth::system::HeaderScheme;
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let minute = Duration::from_secs(60);
    /// let shared = exchange::from_fn(move || async move {
    ///     Ok(Issued::new("abc").with_expires_in(60 * minute).with_refresh_after(minute))
    /// });
    /// let source = TokenSource::new(HeaderScheme::bearer(), shared);
    /// source.token().await?;
    /// let status = source.status();
    /// assert!(status.next_attempt_in <= Some(minute) && status.expires_in > Some(59 * minute));
    /// # Ok::<_, tower_outbound_auth::Error>(()) })?;
    /// # Ok::<_, tower_outbound_auth::BoxError>(())
    /// ```
    #[must_use]
    pub fn with_refresh_after(mut self, refresh_after: Duration) -> Issued {
        self.refresh_after = Some(refresh_after.max(SHORTEST_REFRESH));
        self
    }

    /// The issuer stated a life of zero or less. It is ignored: servers mean "unknown" or "no expiry" by
    /// it.
    pub(crate) fn with_no_life(mut self) -> Issued {
        self.stated.no_life = true;
        self
    }

    /// Sets the server's clock when it made the answer, and the time that the answer has spent in a cache.
    pub(crate) fn answered(mut self, issuers_clock: Option<Duration>, age: Duration) -> Issued {
        (self.stated.issuers_clock, self.stated.age) = (issuers_clock, age);
        self
    }

    /// The refresh token that came with the token, for the next exchange. An empty one, or one of more
    /// than 64 KiB, is ignored.
    #[must_use]
    pub fn with_refresh_token(mut self, refresh_token: impl Into<Secret>) -> Issued {
        let token = refresh_token.into();
        let usable = (1..=MAX_REFRESH_TOKEN).contains(&token.expose().len());
        self.refresh = if usable { Refresh::Token(token) } else { Refresh::Nothing };
        self
    }

    /// The refresh token that this exchange has used stays valid. Servers say so by an answer without a
    /// new one (RFC 6749 section 6).
    #[must_use]
    pub fn keeping_refresh_token(mut self) -> Issued {
        self.refresh = Refresh::Kept;
        self
    }

    /// The scope that the endpoint granted, if it differs from the requested one (RFC 6749 section 3.3).
    /// An event and [`Status`](crate::token::Status) report it. Nothing else depends on it, because the
    /// API decides what a token may do.
    ///
    /// The first 200 characters are kept. Characters other than visible ASCII and the blank become `_`, so
    /// that a server cannot forge log lines or terminal sequences. An empty text is ignored.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Issued {
        self.scope = visible(&scope.into(), MAX_SCOPE);
        self
    }

    /// The issuer's name for the kind of token (`token_type`, RFC 6749 section 7.1): `Bearer`, or `DPoP`. The
    /// [presentation](crate::scheme::Presentation::header_value) gets it in lower case. Nothing else depends on it.
    ///
    /// The first 64 characters are kept. Characters other than visible ASCII and the blank become `_`. An empty text
    /// is ignored.
    #[must_use]
    pub fn with_token_type(mut self, token_type: impl Into<String>) -> Issued {
        self.token_type = visible(&token_type.into().to_ascii_lowercase(), MAX_TYPE);
        self
    }

    /// A member of the answer that the caller wants to know, such as `instance_url` or `team_id`.
    /// [`AccessToken::extra`](crate::AccessToken::extra) returns it. Nothing in this crate depends on it. If it is an
    /// address, it is *not* added to the origins of the layer: an answer must not decide where a credential goes.
    ///
    /// `Debug` shows the name and not the value, which may be a secret. At most 16 members are kept, with 4 KiB of names and
    /// values together: a member for which there is no room is left out. A member of the same name is replaced.
    #[must_use]
    pub fn with_extra(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Issued {
        self.extra.set(name.into(), value.into());
        self
    }

    /// The token is not read as a JWT, although it may contain one.
    #[cfg(feature = "oauth")]
    pub(crate) fn opaque(self) -> Issued {
        Issued { opaque: true, ..self }
    }

    pub(crate) fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// The answer to a token exchange does not say what type of token it has (RFC 8693 section 2.2.1).
    pub(crate) fn with_no_issued_type(self) -> Issued {
        Issued { has_no_issued_type: true, ..self }
    }

    pub(crate) fn has_no_issued_type(&self) -> bool {
        self.has_no_issued_type
    }

    /// The members of another token's answer.
    pub(crate) fn with_all_extra(self, extra: Extra) -> Issued {
        Issued { extra, ..self }
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

    /// The time at which the token expires, as the issuer stated it.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(self.stated.expires_at?)
    }

    pub(crate) fn refresh_after(&self) -> Option<Duration> {
        self.refresh_after
    }

    pub(crate) fn stated(&self) -> &Stated {
        &self.stated
    }

    /// The refresh token that came with the token.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&Secret> {
        match &self.refresh {
            Refresh::Token(token) => Some(token),
            Refresh::Nothing | Refresh::Kept => None,
        }
    }

    /// The granted scope, if it differs from the requested one.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// The issuer's name for the kind of token, in lower case.
    #[must_use]
    pub fn token_type(&self) -> Option<&str> {
        self.token_type.as_deref()
    }

    /// A member of the answer that [`with_extra`](Issued::with_extra) has kept.
    #[must_use]
    pub fn extra(&self, name: &str) -> Option<&str> {
        self.extra.get(name)
    }

    pub(crate) fn all_extra(&self) -> &Extra {
        &self.extra
    }

    pub(crate) fn shared_token_type(&self) -> Option<Arc<str>> {
        self.token_type.clone()
    }

    pub(crate) fn shared_scope(&self) -> Option<Arc<str>> {
        self.scope.clone()
    }

    /// Whether the refresh token that was used stays valid.
    #[cfg(feature = "store")]
    pub(crate) fn keeps_refresh_token(&self) -> bool {
        matches!(self.refresh, Refresh::Kept)
    }

    /// The refresh token has another keeper.
    #[cfg(feature = "store")]
    pub(crate) fn without_refresh_token(self) -> Issued {
        Issued { refresh: Refresh::Nothing, ..self }
    }

    /// Keeps the refresh token that was used, if it stays valid.
    pub(crate) fn settle_refresh_token(mut self, spent: Option<&Secret>) -> Issued {
        if let Refresh::Kept = self.refresh {
            self.refresh = spent.cloned().map_or(Refresh::Nothing, Refresh::Token);
        }
        self
    }
}

/// The beginning of a server's text. Characters that could forge a log line or a terminal sequence are replaced. None
/// if the text is empty.
fn visible(text: &str, max: usize) -> Option<Arc<str>> {
    let visible = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '_' };
    let text: String = text.chars().take(max).map(visible).collect();
    (!text.is_empty()).then(|| text.into())
}
