//! Providers of credentials, which are told when a credential is refused.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::basics::BoxError;
use crate::secret::Secret;

/// Where a credential comes from: a key service, your own login, or another
/// [`TokenSource`](crate::TokenSource), which provides its token.
///
/// [`Credential::from_provider`](super::Credential::from_provider) makes a credential of it.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use tower_outbound_auth::credential::{CredentialProvider, Provided, Rejection};
/// use tower_outbound_auth::{BoxError, Credential};
///
/// /// A key service. When it is told that a version was refused, it makes the next one.
/// #[derive(Default)]
/// struct Vault {
///     version: AtomicU64,
/// }
///
/// impl CredentialProvider for Vault {
///     async fn read(&self) -> Result<Provided, BoxError> {
///         let version = self.version.load(Ordering::Relaxed);
///         Ok(Provided::new(format!("secret-{version}"), version))
///     }
///
///     async fn rejected(&self, rejection: Rejection<'_>) {
///         // Rotates once for each version, however many reports there are.
///         let next = |current: u64| (current == rejection.version).then_some(current + 1);
///         let _ = self.version.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
///     }
/// }
///
/// let secret = Credential::from_provider(Vault::default());
/// assert!(format!("{secret:?}").starts_with("Credential(provider "));
/// ```
pub trait CredentialProvider: Send + Sync + 'static {
    /// The value to use now. The source calls this before each exchange. After a refusal, the source also calls it
    /// during the pause: at most once a second when a request needs a token, and for
    /// [`warm_up`](crate::TokenSource::warm_up) and [`probe`](crate::TokenSource::probe). So a provider should cache a value
    /// while it is valid. The time of this call is part of the exchange's time limit. It must not block.
    ///
    /// # Errors
    ///
    /// The exchange then fails with [`Unavailable`](crate::exchange::ExchangeErrorKind::Unavailable), so that it is
    /// soon tried again. An [`ExchangeError`](crate::exchange::ExchangeError) keeps its kind, and so does the failure
    /// of another source. Operators see the text of the error. A provider that has a last good value returns it
    /// instead of an error.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the time for the exchange is over.
    fn read(&self) -> impl Future<Output = Result<Provided, BoxError>> + Send;

    /// The token endpoint refused the credentials, and this value is one of them. Then
    /// [`read`](CredentialProvider::read) is called once more. If it returns another version, the exchange is
    /// repeated once, immediately. Default: does nothing.
    ///
    /// - Only clear refusals are reported: errors of kind [`Refused`](crate::exchange::ExchangeErrorKind::Refused). A
    ///   401 that cannot be read, such as an empty one, is not reported. In a [`Grant`](crate::endpoint::Grant) of
    ///   your own, [`ExchangeAnswer::refused`](crate::endpoint::ExchangeAnswer::refused) makes such an error.
    /// - Codes about the request and not about the client are not reported: `invalid_request`, `invalid_scope`,
    ///   `invalid_target`, `unsupported_grant_type`, `invalid_authorization_details`, and `unauthorized_client` if
    ///   the status is not 401.
    /// - If an exchange uses several credentials, each provider is told, because the endpoint does not say which one
    ///   is wrong.
    /// - The same version may be reported several times, even after `read` has returned a newer
    ///   one.
    /// - This call and the `read` after it may take half of the exchange's time (5 s by default). After that, the
    ///   exchange fails with the refusal.
    fn rejected(&self, rejection: Rejection<'_>) -> impl Future<Output = ()> + Send {
        let _ = rejection;
        async {}
    }

    /// An exchange that was repeated with this version has succeeded. Default: does nothing.
    fn accepted(&self, version: u64) {
        let _ = version;
    }

    /// What errors and logs call this provider, such as `the key service vault`. It is no secret. Default: none, and they call it
    /// `provider` with a number. A source is called `the source`, with the name of its system.
    fn name(&self) -> Option<String> {
        None
    }
}

impl<P: CredentialProvider> CredentialProvider for Arc<P> {
    fn read(&self) -> impl Future<Output = Result<Provided, BoxError>> + Send {
        P::read(self)
    }

    fn rejected(&self, rejection: Rejection<'_>) -> impl Future<Output = ()> + Send {
        P::rejected(self, rejection)
    }

    fn accepted(&self, version: u64) {
        P::accepted(self, version);
    }

    fn name(&self) -> Option<String> {
        P::name(self)
    }
}

/// A refusal by a token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection<'a> {
    /// The version of the value that was refused.
    pub version: u64,
    /// The endpoint's error code, such as `invalid_client` (RFC 6749 section 5.2). None without a code.
    pub code: Option<&'a str>,
}

impl<'a> Rejection<'a> {
    /// Makes a refusal for tests of a [`CredentialProvider`]. A source does this by itself.
    #[must_use]
    pub fn new(version: u64, code: Option<&'a str>) -> Rejection<'a> {
        Rejection { version, code }
    }
}

/// A value and its version.
#[derive(Clone)]
pub struct Provided {
    pub(crate) value: Secret,
    pub(crate) version: u64,
}

impl Provided {
    /// A value. Two values with the same `version` must be equal, and another version means another value. If a
    /// service uses texts as versions, count the changes.
    pub fn new(value: impl Into<Secret>, version: u64) -> Provided {
        Provided { value: value.into(), version }
    }
}

/// Does not show the value.
impl fmt::Debug for Provided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provided").field("version", &self.version).finish_non_exhaustive()
    }
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`CredentialProvider`] behind a pointer.
pub(crate) trait ErasedProvider: Send + Sync {
    fn read(&self) -> BoxFuture<'_, Result<Provided, BoxError>>;
    fn rejected<'a>(&'a self, rejection: Rejection<'a>) -> BoxFuture<'a, ()>;
    fn accepted(&self, version: u64);
    fn name(&self) -> Option<String>;
}

impl<P: CredentialProvider> ErasedProvider for P {
    fn read(&self) -> BoxFuture<'_, Result<Provided, BoxError>> {
        Box::pin(CredentialProvider::read(self))
    }

    fn rejected<'a>(&'a self, rejection: Rejection<'a>) -> BoxFuture<'a, ()> {
        Box::pin(CredentialProvider::rejected(self, rejection))
    }

    fn accepted(&self, version: u64) {
        CredentialProvider::accepted(self, version);
    }

    fn name(&self) -> Option<String> {
        CredentialProvider::name(self)
    }
}
