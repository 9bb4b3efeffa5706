//! Where tokens come from: one source, one token, at most one exchange at a time.
//!
//! A [`TokenSource`] keeps one token and renews it on demand. Its rules, in the order in which they are
//! met:
//!
//! 1. Nothing happens without a request: making a source needs no runtime, and an idle one is silent.
//! 2. The first request causes an exchange; all that come while it is under way wait for that one.
//! 3. At a moment between 80 and 90 % of a token's life, drawn once per token, the next request causes
//!    an exchange in the background; nobody waits for it, a request that [cannot be sent
//!    again](crate::replay) aside.
//! 4. In the last tenth of the life, at most 30 s, callers wait for the successor; if it cannot be had,
//!    the token is used until it ends.
//! 5. After a failed exchange there is a pause: 1 s, doubling up to 30 s while there is no token and up
//!    to 2 min while there is one; 10 s to 5 min if the credentials were refused; as long as the endpoint
//!    asks for (`Retry-After`, 5 min at most). If a usable token would end before, there is one more attempt in
//!    its last tenth; after an outage, several. Callers
//!    without a token get the stored error at once.
//! 6. A refused token is renewed once, however many callers report it; see [`TokenSource::reject`].
//!
//! # Events
//!
//! All `tracing` events have the target `tower_outbound_auth` and the field `system` (the scheme's). None
//! is made per request, those of level `TRACE` aside: they are made per token in a response.
//!
//! | level | message | fields |
//! |---|---|---|
//! | `WARN` | `exchange failed` | `error`, `cause`, `reason`, `took`, `failures` in a row, `next_attempt_in` |
//! | `INFO` | `exchange succeeds again` | `generation`, `reason`, `took`, `failing_for` |
//! | `INFO` | `another scope was granted than was asked for`, once per exchange | `scope` |
//! | `DEBUG` | `exchange begins`, `exchange succeeded`, `exchange ended too late` | `reason`, `took`, `generation` |
//! | `INFO` | `the credentials have changed`, after they were refused | |
//! | `INFO` | `refresh tokens are not taken ..`, `the refresh endpoint is not there ..` | `status` |
//! | `WARN` | `a credential cannot be read: the last good one is used` | `credential` (where it is), `cause` |
//! | `TRACE` | `adopted a rotated token`, `did not adopt a rotated token` | `generation`, `why` |
//!
//! # By itself
//!
//! Most use it through [`AuthLayer`](crate::AuthLayer). By itself it serves what is no HTTP request:
//!
//! ```
//! use tower_outbound_auth::scheme::HeaderScheme;
//! use tower_outbound_auth::{exchange, TokenSource};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let login = exchange::from_fn(|| async { Ok(exchange::Issued::new("abc")) });
//! let source = TokenSource::new(HeaderScheme::bearer(), login);
//!
//! let token = source.token().await?; // for a WebSocket handshake, say
//! assert_eq!(token.header_value(), "Bearer abc");
//! assert_eq!(source.status().counters.exchanges(), 1);
//! # Ok::<_, tower_outbound_auth::Error>(()) })?;
//! # Ok::<_, tower_outbound_auth::BoxError>(())
//! ```

mod action;
mod backoff;
mod budget;
mod cell;
mod core;
mod flight;
mod landing;
mod parts;
mod riders;
mod rotation;
#[cfg(test)]
#[cfg(feature = "rotating")]
mod scenarios;
mod schedule;
mod state;
mod status;
mod successor;
mod wait;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

pub use self::action::Generation;
pub use self::cell::AccessToken;
pub(crate) use self::cell::Age;
pub(crate) use self::core::Core;
use self::parts::{MAX_TOKEN, Parts};
pub(crate) use self::riders::Ticket;
pub use self::rotation::NotAdopted;
pub use self::status::{Counters, State, Status};
pub(crate) use self::wait::Renewal;
use crate::clock::{Clock, SystemClock};
use crate::exchange::{
    Chain, ErasedExchange, Exchange, ExchangeError, ExchangeErrorKind, HttpExchange, Issued,
    from_fn,
};
use crate::recovery::Recovery;
use crate::scheme::Scheme;
use crate::{BoxError, Error, ErrorKind, Secret};

/// An exchange may take this long in all.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);
/// Assumed of a token that says nothing of its life.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// One token, renewed on demand. See the [module](self) for its rules.
///
/// A clone is a handle to the same source; several layers may share one. The `with_…` methods are for
/// its making: each returns a source with a state of its own, which shares nothing with the one it was
/// made from.
pub struct TokenSource<S> {
    core: Arc<Core<S>>,
}

impl<S: Scheme> TokenSource<S> {
    /// A source that obtains its tokens by `exchange`, for use in the way of `scheme`.
    pub fn new(scheme: S, exchange: impl Exchange) -> TokenSource<S> {
        TokenSource::assemble(Arc::new(scheme), Arc::new(exchange))
    }

    fn assemble(scheme: Arc<S>, exchange: Arc<dyn ErasedExchange>) -> TokenSource<S> {
        TokenSource::from_parts(Parts {
            scheme,
            exchange,
            clock: Arc::new(SystemClock::new()),
            exchange_timeout: EXCHANGE_TIMEOUT,
            default_lifetime: DEFAULT_LIFETIME,
            fixed: None,
        })
    }

    /// A source that asks the scheme's token endpoint through `client`; see [`HttpExchange`]. For reqwest, that is
    /// `HttpService::build(builder)?` (feature `reqwest`).
    pub fn over_http<C, RB>(scheme: S, client: C) -> TokenSource<S>
    where
        C: Service<Request<Full<Bytes>>, Response = Response<RB>> + Clone + Send + 'static,
        C::Future: Send,
        C::Error: Into<BoxError>,
        RB: Body + Send + 'static,
        RB::Data: Send,
        RB::Error: Into<BoxError>,
    {
        let scheme = Arc::new(scheme);
        let exchange = HttpExchange::new(scheme.clone(), client);
        TokenSource::assemble(scheme, Arc::new(exchange))
    }

    /// A source of one token, which has no end and is never renewed: for tests, and for API keys.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if the token cannot stand in the scheme's header.
    pub fn fixed(scheme: S, token: impl Into<Secret>) -> Result<TokenSource<S>, Error> {
        let none = from_fn(|| async {
            let message = "a fixed token cannot be renewed";
            Err::<Issued, _>(ExchangeError::new(ExchangeErrorKind::Configuration, message))
        });
        let source = TokenSource::new(scheme, none);
        let token = token.into();
        source.core.present(&token, MAX_TOKEN).map_err(Error::configuration)?;
        Ok(source.with_parts(|parts| Parts { fixed: Some(token), ..parts }))
    }

    /// With another clock. Like all `with_…` of a source, this makes another source: handles that were
    /// cloned before keep watching the old one.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> TokenSource<S> {
        let clock = Arc::new(clock);
        self.with_parts(|parts| Parts { clock, ..parts })
    }

    /// With another deadline for an exchange as a whole. Default: 10 s, which a slow identity provider
    /// needs on a bad day and a caller can just bear. Below 10 ms it is taken for 10 ms.
    #[must_use]
    pub fn with_exchange_timeout(self, timeout: Duration) -> TokenSource<S> {
        let exchange_timeout = timeout.max(Duration::from_millis(10));
        self.with_parts(|parts| Parts { exchange_timeout, ..parts })
    }

    /// With another life for tokens that say nothing of theirs, neither in the answer nor in claims.
    /// Default: 5 min. Too long a guess costs a refusal, which is healed; too short a one, an exchange.
    /// Below one second it is taken for one second.
    #[must_use]
    pub fn with_default_lifetime(self, lifetime: Duration) -> TokenSource<S> {
        let default_lifetime = lifetime.max(Duration::from_secs(1));
        self.with_parts(|parts| Parts { default_lifetime, ..parts })
    }

    /// A usable token: at once if there is one, else after the exchange that this call joins or causes.
    /// While nothing is due for the token, this takes no lock and needs no runtime.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Exchange`] if there is no usable token and the exchange failed (with the time of the
    /// next attempt); [`ErrorKind::Runtime`] outside a tokio runtime with a timer;
    /// [`ErrorKind::Reentrant`] within the exchange of this very source; [`ErrorKind::Timeout`] if the
    /// runtime that the exchange runs on stands still.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the exchange under way; its token is kept for the next caller.
    pub async fn token(&self) -> Result<AccessToken, Error> {
        self.core.clone().acquire(Chain::current()).await
    }

    /// Reports that a server refused `token`, and waits for its successor.
    ///
    /// If a newer token is current already, that is the answer. Otherwise there is one exchange for all
    /// who report this token; the others go on using it meanwhile, since a single server may be at fault.
    /// Renewals are limited: five in a row, then one every 30 s.
    ///
    /// A renewal that was caused by this is not given back: the source does not learn whether it helped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSuccessor`] if none can be had now, with the reason ([`Error::recovery`]); the
    /// refused token stays current. [`ErrorKind::Configuration`] if the token is of another source.
    ///
    /// # Cancel safety
    ///
    /// As for [`token`](TokenSource::token).
    pub async fn reject(&self, token: &AccessToken) -> Result<AccessToken, Error> {
        if !token.is_of(self.core.id) {
            return Err(Error::configuration("the rejected token is of another source"));
        }
        match self.core.clone().renew(token.generation(), Chain::current()).await {
            Renewal::Token { token, .. } => Ok(token),
            Renewal::HandOn(recovery) => {
                let status = self.status();
                let failed = status.last_error.filter(|_| recovery == Recovery::RenewalFailed);
                let next = status.next_attempt_in.filter(|_| failed.is_some());
                Err(Error::no_successor(recovery, failed, next))
            }
        }
    }

    /// Waits until there has been a token, for a service's start: ready means warmed once, and a failing
    /// renewal later on never means unready.
    ///
    /// Failed attempts are repeated after their pause, until `deadline` has passed.
    ///
    /// # Errors
    ///
    /// The last attempt's error, when the deadline has passed, or at once if it is not transient (the
    /// credentials were refused, say); [`ErrorKind::Timeout`] if no attempt came to an end.
    ///
    /// # Cancel safety
    ///
    /// As for [`token`](TokenSource::token).
    pub async fn warm_up(&self, deadline: Duration) -> Result<(), Error> {
        let mut last = None;
        let attempts = async {
            loop {
                match self.token().await {
                    Ok(_) => return Ok(()),
                    Err(error) if !error.is_transient() => return Err(error),
                    Err(error) => {
                        let pause = error.retry_after().unwrap_or_default();
                        last = Some(error);
                        self.core.sleep(pause.max(Duration::from_millis(10)))?.await;
                    }
                }
            }
        };
        // The first attempt goes before the deadline: outside a runtime it says what is missing.
        let deadline = async {
            self.core.sleep(deadline)?.await;
            Ok::<_, Error>(())
        };
        match select(Box::pin(attempts), Box::pin(deadline)).await {
            Either::Left((ended, _)) => return ended,
            Either::Right((slept, _)) => slept?,
        }
        Err(last.unwrap_or_else(|| {
            Error::new(ErrorKind::Timeout, "no exchange came to an end before the deadline")
        }))
    }

    /// Ends the pause after a failure: the next request causes an exchange at once. For an operator who
    /// has just mended something.
    pub fn retry_now(&self) {
        self.core.lift_pause();
    }

    /// Waits until no exchange is under way, for a service's end: what a token endpoint has issued by
    /// then is not lost on the wire. It takes no longer than an exchange may: if the runtime that the
    /// exchange runs on stands still, or this one has no timer, it returns all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn settled(&self) {
        self.core.settled().await;
    }

    /// The state of this source at this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        self.core.status()
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &S {
        self.core.scheme()
    }

    pub(crate) fn core(&self) -> &Arc<Core<S>> {
        &self.core
    }

    fn from_parts(parts: Parts<S>) -> TokenSource<S> {
        TokenSource { core: Arc::new(Core::new(parts)) }
    }

    fn with_parts(self, change: impl FnOnce(Parts<S>) -> Parts<S>) -> TokenSource<S> {
        TokenSource::from_parts(change(self.core.parts.clone()))
    }
}

/// By hand: a derive would ask for `S: Clone`.
impl<S> Clone for TokenSource<S> {
    fn clone(&self) -> TokenSource<S> {
        TokenSource { core: self.core.clone() }
    }
}

impl<S: Scheme> fmt::Debug for TokenSource<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource")
            .field("system", &self.scheme().identity().system())
            .field("exchange_timeout", &self.core.parts.exchange_timeout)
            .field("default_lifetime", &self.core.parts.default_lifetime)
            .field("status", &self.status())
            .finish()
    }
}
