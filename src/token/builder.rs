//! The options of a source.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::exchange::Exchange;
use crate::exchange::context::ExchangeContext;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::exchange::identity::Identity;
use crate::exchange::issued::Issued;
use crate::scheme::presentation::Presentation;
use crate::secret::Secret;
#[cfg(feature = "store")]
use crate::store::token_store::TokenStore;
use crate::token::keeping::Keeping;
use crate::token::observer::{Observer, Observers};
use crate::token::options::{SourceOptions, present};
use crate::token::source::TokenSource;

/// An exchange may take this long in all.
pub(crate) const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);
/// Assumed of a token that says nothing of its life.
pub(crate) const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// A provider that needs longer has a fault.
const LONGEST_SETTLING_TIME: Duration = Duration::from_secs(30);

/// Makes a [`TokenSource`] with options other than the defaults.
///
/// ```
/// use std::time::Duration;
/// use tower_outbound_auth::exchange::{self, Issued};
/// use tower_outbound_auth::system::HeaderScheme;
/// use tower_outbound_auth::{AuthLayer, Origin, TokenSource};
///
/// let login = exchange::from_fn(|| async { Ok(Issued::new("abc")) });
/// let source = TokenSource::builder(HeaderScheme::bearer(), login)
///     .exchange_timeout(Duration::from_secs(3))
///     .build();
/// let layer = AuthLayer::new(source).with_origin(Origin::parse("https://api.example")?);
/// # let _ = layer;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
///
/// For the source of a layer that a preset has made, see [`AuthLayer::rebuild_source`](crate::AuthLayer::rebuild_source).
#[must_use = "a builder does nothing before `build`"]
pub struct SourceBuilder<P: ?Sized = dyn Presentation> {
    options: SourceOptions,
    presentation: Arc<P>,
}

impl<P: Presentation> SourceBuilder<P> {
    pub(crate) fn new(presentation: Arc<P>, exchange: impl Exchange) -> SourceBuilder<P> {
        let options = SourceOptions {
            presentation: presentation.clone(),
            exchange: Arc::new(exchange),
            clock: Arc::new(SystemClock::new()),
            exchange_timeout: EXCHANGE_TIMEOUT,
            default_lifetime: DEFAULT_LIFETIME,
            settling_time: Duration::ZERO,
            fixed: None,
            keeping: Keeping::default(),
            name: None,
            observers: Observers::default(),
        };
        SourceBuilder { options, presentation }
    }

    /// For a source of one token, which has no end.
    pub(crate) fn fixed(presentation: P, token: Secret) -> Result<SourceBuilder<P>, Error> {
        present(&presentation, &token, None).map_err(Error::configuration)?;
        let mut builder = SourceBuilder::new(Arc::new(presentation), NoExchange);
        builder.options.fixed = Some(token);
        Ok(builder)
    }
}

impl<P: ?Sized> SourceBuilder<P> {
    pub(crate) fn of(options: SourceOptions, presentation: Arc<P>) -> SourceBuilder<P> {
        SourceBuilder { options, presentation }
    }

    /// The clocks of the source. Default: those of the machine. Tests and simulations use another one; see
    /// [`clock`](crate::clock).
    pub fn clock(mut self, clock: impl Clock) -> SourceBuilder<P> {
        self.options.clock = Arc::new(clock);
        self
    }

    /// The deadline of a whole exchange: reading the credentials, all requests and their answers. Default: 10 s, which is enough
    /// for a slow identity provider, and not too long for a caller that waits. Less than 10 ms counts as 10 ms.
    pub fn exchange_timeout(mut self, timeout: Duration) -> SourceBuilder<P> {
        self.options.exchange_timeout = timeout.max(Duration::from_millis(10));
        self
    }

    /// The lifetime of a token that states none, neither in the answer nor in its claims. Default: 5 min. If it is too
    /// long, the API refuses the token, and the layer renews it. If it is too short, there are more exchanges than
    /// necessary. The least is 1 s: a shorter one is raised to that.
    pub fn default_lifetime(mut self, lifetime: Duration) -> SourceBuilder<P> {
        self.options.default_lifetime = lifetime.max(Duration::from_secs(1));
        self
    }

    /// How long the API may refuse a new token, because not all of the provider's servers know it yet. GitHub needs some
    /// seconds. Default: zero, because with most providers a new token is accepted at once. More than 30 s counts as 30 s.
    ///
    /// - While the old token is usable, it is used until the new one has settled. No request waits.
    /// - Without a usable token, or after its refusal, the new one is used at once. If the API refuses it within this time, the
    ///   request is sent again after 1 s, with the same token. That is its only second sending. Such a refusal renews
    ///   nothing, and takes nothing from the budget of renewals.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_outbound_auth::TokenSource;
    /// use tower_outbound_auth::exchange::{self, Issued};
    /// use tower_outbound_auth::system::HeaderScheme;
    ///
    /// let app = exchange::from_fn(|| async { Ok(Issued::new("ghs_abc")) });
    /// let source = TokenSource::builder(HeaderScheme::bearer(), app)
    ///     .settling_time(Duration::from_secs(5))
    ///     .build();
    /// # let _ = source;
    /// ```
    pub fn settling_time(mut self, settling_time: Duration) -> SourceBuilder<P> {
        self.options.settling_time = settling_time.min(LONGEST_SETTLING_TIME);
        self
    }

    /// (Feature `store`.) Keeps the login of the source: its newest refresh token and access token, for the next start, and for other
    /// processes with the same store. See [`store`](crate::store) and [`manual::refresh_tokens`](crate::manual::refresh_tokens).
    /// Default: none. A source whose login begins with a refresh token
    /// ([`OAuthGrant::RefreshToken`](crate::system::OAuthGrant::RefreshToken)) keeps it in memory, and a `WARN` event says so when it is
    /// first renewed.
    #[cfg(feature = "store")]
    pub fn store(mut self, store: impl TokenStore) -> SourceBuilder<P> {
        self.options.keeping.set_store(store);
        self
    }

    /// (Feature `store`.) How long the provider accepts a refresh token again after its first use. Within this time, a refresh token whose
    /// answer was lost is sent again. Default: zero, because a second use ends the login at many providers. For a
    /// provider that does not rotate refresh tokens, give [`Duration::MAX`].
    /// [`manual::refresh_tokens`](crate::manual::refresh_tokens) has a table of providers.
    #[cfg(feature = "store")]
    pub fn reuse_grace(mut self, grace: Duration) -> SourceBuilder<P> {
        self.options.keeping.reuse_grace = grace;
        self
    }

    /// Adds an observer, which is told what the source and its layers do. Several observers are told one after another. Default:
    /// none, because a source works without. [`token::Observer`](crate::token::Observer) has an example.
    pub fn observer(mut self, observer: impl Observer) -> SourceBuilder<P> {
        self.options.observers.add(observer);
        self
    }

    /// The name of the source for observers: the label `source` of metrics. It must not be secret. Default: the name of the
    /// system, which is enough while each system has one source.
    pub fn name(mut self, name: impl Into<String>) -> SourceBuilder<P> {
        self.options.name = Some(name.into().into());
        self
    }

    /// Makes the source. The source asks for no token before the first request.
    #[must_use]
    pub fn build(mut self) -> TokenSource<P> {
        self.options.keeping.complete(&*self.options.exchange);
        TokenSource::built(self.options, self.presentation)
    }
}

impl<P: Presentation> TokenSource<P> {
    /// A source that gets its tokens from `exchange`. `presentation` says how requests carry them.
    pub fn new(presentation: P, exchange: impl Exchange) -> TokenSource<P> {
        TokenSource::builder(presentation, exchange).build()
    }

    /// As [`new`](TokenSource::new), with options.
    pub fn builder(presentation: P, exchange: impl Exchange) -> SourceBuilder<P> {
        SourceBuilder::new(Arc::new(presentation), exchange)
    }

    /// A source with one fixed token, which does not expire and is never renewed: for tests, and for API keys.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the token cannot stand in the presentation's header.
    pub fn fixed(presentation: P, token: impl Into<Secret>) -> Result<TokenSource<P>, Error> {
        Ok(SourceBuilder::fixed(presentation, token.into())?.build())
    }
}

impl<P: Presentation + ?Sized> TokenSource<P> {
    /// A builder with the exchange and the options of this source. It builds another source: with a token, a lock and
    /// counters of its own. Nothing of this source changes.
    pub fn to_builder(&self) -> SourceBuilder<P> {
        SourceBuilder::of(self.core().options.clone(), self.shared_presentation())
    }
}

impl<P: ?Sized> fmt::Debug for SourceBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceBuilder")
            .field("exchange_timeout", &self.options.exchange_timeout)
            .field("default_lifetime", &self.options.default_lifetime)
            .field("settling_time", &self.options.settling_time)
            .finish_non_exhaustive()
    }
}

/// The exchange of a source whose token is fixed.
struct NoExchange;

impl Exchange for NoExchange {
    async fn exchange(&self, _: &ExchangeContext) -> Result<Issued, ExchangeError> {
        let message = "a fixed token cannot be renewed";
        Err(ExchangeError::new(ExchangeErrorKind::Configuration, message))
    }

    fn identity(&self) -> Identity {
        Identity::new("fixed")
    }
}
