//! Credentials that come from elsewhere, and hear of their refusal.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::basics::BoxError;
use crate::secret::Secret;

/// Where a credential comes from: a key service, a login of one's own, or another
/// [`TokenSource`](crate::TokenSource), which is a provider of its token.
///
/// [`Credential::from_provider`](super::Credential::from_provider) makes a credential of it.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use tower_outbound_auth::credential::{CredentialProvider, Provided, Rejection};
/// use tower_outbound_auth::{BoxError, Credential};
///
/// /// A key service. When it hears that a version was refused, it makes the next one.
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
///         // Once for each version, however many report it.
///         let next = |current: u64| (current == rejection.version).then_some(current + 1);
///         let _ = self.version.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
///     }
/// }
///
/// let secret = Credential::from_provider(Vault::default());
/// assert!(format!("{secret:?}").starts_with("Credential(provider "));
/// ```
pub trait CredentialProvider: Send + Sync + 'static {
    /// The value to show now. It is called before each exchange. After the endpoint refused the value, it is also called
    /// while the source pauses: once a second at most, and only if there is traffic. So it should keep what it has read,
    /// as long as that is good. Its time counts as a part of the exchange's. It must not block.
    ///
    /// # Errors
    ///
    /// The exchange then fails with [`Unavailable`](crate::exchange::ExchangeErrorKind::Unavailable), so that it is tried
    /// again soon. An [`ExchangeError`](crate::exchange::ExchangeError) keeps its kind, and so does the failure of another
    /// source. The text of the error is shown to operators. A provider that has a last good value returns that one instead.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the time for the exchange is over.
    fn read(&self) -> impl Future<Output = Result<Provided, BoxError>> + Send;

    /// The token endpoint refused the credentials, and this value is one of them. Then
    /// [`read`](CredentialProvider::read) is called once more. If it gives another version, the exchange is repeated at
    /// once, and never a third time. Default: nothing is done.
    ///
    /// - Only a verdict is reported: an error of kind [`Refused`](crate::exchange::ExchangeErrorKind::Refused). A 401 that
    ///   cannot be read, such as an empty one, is none. In a [`Grant`](crate::endpoint::Grant) of your own, that is what
    ///   [`ExchangeAnswer::refused`](crate::endpoint::ExchangeAnswer::refused) makes.
    /// - Codes that are about the request and not about the client are not reported: `invalid_request`, `invalid_scope`,
    ///   `invalid_target`, `unsupported_grant_type`, `invalid_authorization_details`, and `unauthorized_client` with
    ///   another status than 401.
    /// - Where an exchange shows several credentials, each provider is told: the endpoint does not say which one is wrong.
    /// - The same version may be reported several times, also after `read` has given a newer one.
    /// - This and the `read` that follows may take half of the exchange's time (5 s by default). Then the refusal counts.
    fn rejected(&self, rejection: Rejection<'_>) -> impl Future<Output = ()> + Send {
        let _ = rejection;
        async {}
    }

    /// An exchange that was repeated with this version has succeeded. Default: nothing is done.
    fn accepted(&self, version: u64) {
        let _ = version;
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
}

/// What a token endpoint refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection<'a> {
    /// The version of the value that was shown.
    pub version: u64,
    /// The endpoint's error code, such as `invalid_client` (RFC 6749 section 5.2); none if it gave none.
    pub code: Option<&'a str>,
}

impl<'a> Rejection<'a> {
    /// For tests of a [`CredentialProvider`]; a source sees to it by itself.
    #[must_use]
    pub fn new(version: u64, code: Option<&'a str>) -> Rejection<'a> {
        Rejection { version, code }
    }
}

/// A value, and which one it is.
#[derive(Clone)]
pub struct Provided {
    pub(crate) value: Secret,
    pub(crate) version: u64,
}

impl Provided {
    /// A value. The same `version` means the same value; any other number is another one. A service whose versions are
    /// texts counts the changes.
    pub fn new(value: impl Into<Secret>, version: u64) -> Provided {
        Provided { value: value.into(), version }
    }
}

/// The value is not shown.
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
}
