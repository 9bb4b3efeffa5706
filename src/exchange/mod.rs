//! How a token is obtained.
//!
//! An [`Exchange`] turns credentials into a token: [`HttpExchange`] does it by asking a token endpoint
//! in the way that a [`Scheme`](crate::Scheme) describes; a type of your own reads a file, runs a
//! program or asks a key service. A [`TokenSource`](crate::TokenSource) decides *when* an exchange is
//! made: never two at once, on a task of its own, under a deadline, and with a pause after a failure.
//! So an `Exchange` makes one attempt and has no retry, cache or lock.
//!
//! ```
//! use std::time::Duration;
//! use tower_outbound_auth::exchange::{self, ExchangeError, ExchangeErrorKind, Issued};
//! use tower_outbound_auth::scheme::HeaderScheme;
//! use tower_outbound_auth::TokenSource;
//!
//! // A token that the platform keeps in a file and rewrites now and then. Its life here means: read the
//! // file again at 80 to 90 % of that. (Of a JWT, leave it out: its own claims are read.)
//! let from_file = exchange::from_fn(|| async {
//!     let text = tokio::fs::read_to_string("/var/run/secrets/token").await.map_err(|error| {
//!         ExchangeError::new(ExchangeErrorKind::Unavailable, "cannot read the token file")
//!             .with_source(error)
//!     })?;
//!     Ok(Issued::new(text.trim()).with_expires_in(Duration::from_secs(600)))
//! });
//! let source = TokenSource::new(HeaderScheme::bearer(), from_file);
//! # let _ = source;
//! ```

mod chain;
#[cfg(feature = "client")]
mod client;
mod error;
mod http;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use self::chain::{Chain, SourceId};
#[cfg(feature = "client")]
pub use self::client::{HttpClient, TlsProvider, TlsRoots};
pub use self::error::{ExchangeError, ExchangeErrorKind};
pub use self::http::HttpExchange;
use crate::Secret;
use crate::clock::{Clock, Now};

/// A refresh token may be this long.
const MAX_REFRESH_TOKEN: usize = 64 * 1024;

/// Of a granted scope, this much is kept.
const MAX_SCOPE: usize = 200;

/// Obtains a token; one attempt per call.
///
/// Written as a plain `async fn`:
///
/// ```
/// use tower_outbound_auth::exchange::{Exchange, ExchangeContext, ExchangeError, Issued};
///
/// #[derive(Debug)]
/// struct Hsm;
///
/// impl Exchange for Hsm {
///     async fn exchange(&self, _: &ExchangeContext) -> Result<Issued, ExchangeError> {
///         Ok(Issued::new("a-token-from-the-key-service"))
///     }
/// }
/// ```
///
/// The source runs it on a task of its own, so no caller's cancellation reaches it; only the deadline
/// of the exchange (10 s by default) and the end of the runtime drop the future. A panic counts as a
/// failed attempt.
pub trait Exchange: Send + Sync + 'static {
    /// Obtains a token.
    ///
    /// # Errors
    ///
    /// An [`ExchangeError`], whose kind decides how long the source waits before it asks again.
    fn exchange(
        &self,
        cx: &ExchangeContext,
    ) -> impl Future<Output = Result<Issued, ExchangeError>> + Send;
}

impl<E: Exchange> Exchange for Arc<E> {
    fn exchange(
        &self,
        cx: &ExchangeContext,
    ) -> impl Future<Output = Result<Issued, ExchangeError>> + Send {
        E::exchange(self, cx)
    }
}

/// An [`Exchange`] made of a function; see the [module](self) for an example.
///
/// It is called once per attempt, so it clones what it needs into each future:
///
/// ```
/// use tower_outbound_auth::exchange::{self, Issued};
///
/// let path = std::path::PathBuf::from("/var/run/secrets/token");
/// let from_file = exchange::from_fn(move || {
///     let path = path.clone();
///     async move { Ok(Issued::new(tokio::fs::read_to_string(path).await.unwrap_or_default())) }
/// });
/// # let _ = from_file;
/// ```
///
/// With more state than that, or to know the reason of the attempt, implement [`Exchange`]: it is five
/// lines.
pub fn from_fn<F, Fut>(exchange: F) -> FromFn<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Issued, ExchangeError>> + Send,
{
    FromFn(exchange)
}

/// What [`from_fn`] returns.
#[derive(Clone)]
pub struct FromFn<F>(F);

impl<F, Fut> Exchange for FromFn<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Issued, ExchangeError>> + Send,
{
    fn exchange(
        &self,
        _: &ExchangeContext,
    ) -> impl Future<Output = Result<Issued, ExchangeError>> + Send {
        (self.0)()
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn(…)")
    }
}

/// Why a source makes an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// There has been no token yet.
    First,
    /// The token is usable, and its refresh-ahead moment has come.
    RefreshAhead,
    /// The token is in the last part of its life, in which callers wait for a successor.
    Expiring,
    /// The token has ended.
    Expired,
    /// The API refused the token.
    Refused,
}

impl Reason {
    pub(crate) const ALL: [Reason; 5] =
        [Reason::First, Reason::RefreshAhead, Reason::Expiring, Reason::Expired, Reason::Refused];
}

labels!(Reason {
    First => "first",
    RefreshAhead => "refresh_ahead",
    Expiring => "expiring",
    Expired => "expired",
    Refused => "refused",
});

/// What an [`Exchange`] is told about the attempt that it makes.
#[derive(Debug)]
pub struct ExchangeContext {
    clock: Arc<dyn Clock>,
    reason: Reason,
    refresh_token: Option<Secret>,
    sent: Mutex<Now>,
    chain: Chain,
}

impl ExchangeContext {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        reason: Reason,
        refresh_token: Option<Secret>,
        chain: Chain,
    ) -> ExchangeContext {
        let sent = Mutex::new(clock.now());
        ExchangeContext { clock, reason, refresh_token, sent, chain }
    }

    /// Why the exchange is made.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The refresh token that the last exchange brought (RFC 6749 section 1.5).
    ///
    /// It is given to this attempt alone: whatever becomes of the attempt, no other one gets it, unless
    /// this one's [`Issued`] says that it [stays good](Issued::keeping_refresh_token). A token that may
    /// have been spent is not spent again: servers take that for theft, and revoke what they have issued.
    /// An exchange that does not care for refresh tokens leaves it alone.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&Secret> {
        self.refresh_token.as_ref()
    }

    /// The source's clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// Marks this as the moment of sending: the token's life counts from the last such mark, or from
    /// the beginning of the attempt if there is none. Counting from the answer would believe a token
    /// that travelled slowly too long (RFC 6749 section 5.1: `expires_in` counts from the generation
    /// of the response).
    pub fn mark_sent(&self) {
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = self.clock.now();
    }

    pub(crate) fn sent(&self) -> Now {
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }
}

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
    /// 64 KiB is refused by the source as [`Malformed`](ExchangeErrorKind::Malformed).
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

pub(crate) type ExchangeFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Issued, ExchangeError>> + Send + 'a>>;

/// [`Exchange`] behind a pointer: one allocation per exchange buys sources without a type parameter
/// for it.
pub(crate) trait ErasedExchange: Send + Sync {
    fn exchange<'a>(&'a self, cx: &'a ExchangeContext) -> ExchangeFuture<'a>;
}

impl<E: Exchange> ErasedExchange for E {
    fn exchange<'a>(&'a self, cx: &'a ExchangeContext) -> ExchangeFuture<'a> {
        Box::pin(Exchange::exchange(self, cx))
    }
}
