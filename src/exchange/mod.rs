//! How to obtain a token.
//!
//! An [`Exchange`] turns credentials into a token. [`HttpExchange`](crate::endpoint::HttpExchange) asks a token
//! endpoint, as a [`Scheme`](crate::Scheme) describes it. A type of your own can read a file, run a program or ask a
//! key service. A [`TokenSource`](crate::TokenSource) decides *when* an exchange is made: never two at once, on a
//! task of its own, under a deadline, and with a pause after a failure. So an `Exchange` makes one attempt and has no
//! retry, cache or lock.
//!
//! ```
//! use std::time::Duration;
//! use tower_outbound_auth::exchange::{self, ExchangeError, ExchangeErrorKind, Issued};
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::TokenSource;
//!
//! // A token that a program prints. The source runs it again at 80 to 90 % of the life that is stated here. (Without
//! // `with_expires_in`, the claims of a JWT say how long it lives. For a token in a file, there is `AuthLayer::token_file`.)
//! let from_program = exchange::from_fn(|| async {
//!     let output = tokio::process::Command::new("print-token").output().await.map_err(|error| {
//!         ExchangeError::new(ExchangeErrorKind::Unavailable, "cannot run print-token").with_source(error)
//!     })?;
//!     let text = String::from_utf8_lossy(&output.stdout).into_owned();
//!     Ok(Issued::new(text.trim()).with_expires_in(Duration::from_secs(600)))
//! });
//! let source = TokenSource::new(HeaderScheme::bearer(), from_program);
//! # let _ = source;
//! ```

pub(crate) mod bound_key;
pub(crate) mod chain;
pub(crate) mod context;
pub(crate) mod error;
pub(crate) mod extra;
pub(crate) mod identity;
pub(crate) mod issued;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::credential::Credential;

pub use self::context::{ExchangeContext, Reason};
pub use self::error::{ExchangeError, ExchangeErrorKind};
pub use self::identity::Identity;
pub use self::issued::Issued;

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
/// The source runs it on a task of its own, so a caller that gives up does not stop it. The future is
/// dropped only at the deadline of the exchange (10 s by default) or at the end of the runtime. A
/// panic counts as a failed attempt.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not obtain tokens",
    label = "not an `Exchange`",
    note = "make one of a function, `exchange::from_fn(|| async {{ Ok(Issued::new(..)) }})`, or implement \
            `tower_outbound_auth::exchange::Exchange`; a client of a token endpoint goes to \
            `TokenSource::over_http`"
)]
pub trait Exchange: Send + Sync + 'static {
    /// Obtains a token.
    ///
    /// # Errors
    ///
    /// An [`ExchangeError`]. Its kind decides how long the source waits before the next attempt.
    fn exchange(
        &self,
        cx: &ExchangeContext,
    ) -> impl Future<Output = Result<Issued, ExchangeError>> + Send;

    /// What the tokens are for. Two exchanges with the same identity get tokens that can replace each other. The
    /// identity's name appears in logs, in the field `system`. Default: the name `exchange`, and no other part.
    fn identity(&self) -> Identity {
        Identity::unnamed()
    }

    /// The credentials that the exchange uses. Credentials that may change are read again before each attempt
    /// ([`ExchangeContext::credential`] has the value). After a refusal, they are also read again during the pause,
    /// and a changed credential ends the pause. An exchange that wraps another one must return the credentials and
    /// the identity of the inner one. Default: none.
    ///
    /// ```
    /// use tower_outbound_auth::Credential;
    /// use tower_outbound_auth::exchange::{Exchange, ExchangeContext, ExchangeError, Issued};
    ///
    /// struct Vault {
    ///     password: Credential,
    /// }
    ///
    /// impl Exchange for Vault {
    ///     async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
    ///         let password = cx.credential(&self.password).await?;
    ///         Ok(Issued::new(format!("token-of-{}", password.expose().len())))
    ///     }
    ///
    ///     fn credentials(&self) -> &[Credential] {
    ///         std::slice::from_ref(&self.password)
    ///     }
    /// }
    /// # let _ = Vault { password: Credential::file("/run/secrets/vault") };
    /// ```
    fn credentials(&self) -> &[Credential] {
        &[]
    }

    /// The credential that has the first refresh token of a login, if the exchange works by refresh tokens alone. It is also one of
    /// the [`credentials`](Exchange::credentials). Then the source keeps the newest refresh token in its
    /// [store](crate::token::SourceBuilder::store), and gives it to each exchange
    /// ([`ExchangeContext::refresh_token`]). An exchange that wraps another one must return the seed of the inner one.
    /// Default: none.
    fn seed(&self) -> Option<&Credential> {
        None
    }
}

impl<E: Exchange> Exchange for Arc<E> {
    fn seed(&self) -> Option<&Credential> {
        E::seed(self)
    }

    fn identity(&self) -> Identity {
        E::identity(self)
    }

    fn credentials(&self) -> &[Credential] {
        E::credentials(self)
    }

    fn exchange(
        &self,
        cx: &ExchangeContext,
    ) -> impl Future<Output = Result<Issued, ExchangeError>> + Send {
        E::exchange(self, cx)
    }
}

/// An [`Exchange`] made of a function; see the [module](self) for an example.
///
/// The function is called once per attempt, so it clones what it needs into each future:
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
/// If it needs more state, or the reason of the attempt, implement [`Exchange`]: that takes five
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

pub(crate) type ExchangeFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Issued, ExchangeError>> + Send + 'a>>;

/// [`Exchange`] behind a pointer. It costs one allocation per exchange, and sources need no type
/// parameter for the exchange.
pub(crate) trait ErasedExchange: Send + Sync {
    fn exchange<'a>(&'a self, cx: &'a ExchangeContext) -> ExchangeFuture<'a>;
    fn identity(&self) -> Identity;
    fn credentials(&self) -> &[Credential];
    #[cfg(feature = "store")]
    fn seed(&self) -> Option<&Credential>;
}

impl<E: Exchange> ErasedExchange for E {
    fn exchange<'a>(&'a self, cx: &'a ExchangeContext) -> ExchangeFuture<'a> {
        Box::pin(Exchange::exchange(self, cx))
    }

    fn identity(&self) -> Identity {
        Exchange::identity(self)
    }

    fn credentials(&self) -> &[Credential] {
        Exchange::credentials(self)
    }

    #[cfg(feature = "store")]
    fn seed(&self) -> Option<&Credential> {
        Exchange::seed(self)
    }
}
