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
/// use tower_outbound_auth::credential::{CredentialProvider, Provided};
/// use tower_outbound_auth::{BoxError, Credential};
///
/// /// A key service, which has another version of the secret when it was asked to rotate it.
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
///     async fn rejected(&self, version: u64) {
///         // Once for each version, however many report it.
///         let next = |current: u64| (current == version).then_some(current + 1);
///         let _ = self.version.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
///     }
/// }
///
/// let secret = Credential::from_provider(Vault::default());
/// assert!(format!("{secret:?}").starts_with("Credential(provider "));
/// ```
pub trait CredentialProvider: Send + Sync + 'static {
    /// The value to show now. Called before each exchange; and, after the endpoint refused it, while the source pauses:
    /// once a second at most, and only if there is traffic.
    ///
    /// It is not called twice at once for one exchange. Its time counts as a part of the exchange's. It must not block.
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

    /// The token endpoint refused the value of this version. What follows is asked by [`read`](CredentialProvider::read):
    /// if it has another version then, the exchange is made once more, at once. Default: nothing.
    ///
    /// Several exchanges may report the same version, and a version that is no longer the current one.
    fn rejected(&self, version: u64) -> impl Future<Output = ()> + Send {
        let _ = version;
        async {}
    }
}

impl<P: CredentialProvider> CredentialProvider for Arc<P> {
    fn read(&self) -> impl Future<Output = Result<Provided, BoxError>> + Send {
        P::read(self)
    }

    fn rejected(&self, version: u64) -> impl Future<Output = ()> + Send {
        P::rejected(self, version)
    }
}

/// A value, and which one it is.
#[derive(Clone)]
pub struct Provided {
    pub(crate) value: Secret,
    pub(crate) version: u64,
}

impl Provided {
    /// A value. The same `version` means the same value; any other number is another one.
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
    fn rejected(&self, version: u64) -> BoxFuture<'_, ()>;
}

impl<P: CredentialProvider> ErasedProvider for P {
    fn read(&self) -> BoxFuture<'_, Result<Provided, BoxError>> {
        Box::pin(CredentialProvider::read(self))
    }

    fn rejected(&self, version: u64) -> BoxFuture<'_, ()> {
        Box::pin(CredentialProvider::rejected(self, version))
    }
}
