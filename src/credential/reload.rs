//! Reading the credentials of an exchange again, and what follows from their refusal.

use futures_util::future::join_all;

use crate::basics::BoxError;
use crate::clock::{Clock, SystemClock};
use crate::credential::error::{CredentialError, CredentialErrorKind};
use crate::credential::provider::{Provided, Rejection};
use crate::credential::{Credential, Place};
use crate::secret::Secret;

impl Credential {
    /// The value to show now: reads it, or asks its provider, or mints one. For an exchange or a scheme of your own that
    /// is run by no source; within an exchange, [`ExchangeContext::credential`](crate::exchange::ExchangeContext::credential)
    /// has the value that was read for it.
    ///
    /// ```
    /// use tower_outbound_auth::Credential;
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// assert_eq!(Credential::from("hunter2").read().await?.expose(), "hunter2");
    /// let unset = Credential::env("NOT_SET_ANYWHERE").read().await.unwrap_err();
    /// assert!(unset.to_string().contains("environment variable NOT_SET_ANYWHERE"));
    /// # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
    /// # Ok::<_, tower_outbound_auth::BoxError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no value: it cannot be read and has no last good one, or its function or provider fails. And outside a
    /// tokio runtime, for what is read on a thread of its own.
    ///
    /// # Cancel safety
    ///
    /// A reading on a thread goes on; its value is kept. The future of a provider or of a minting function is dropped.
    pub async fn read(&self) -> Result<Secret, CredentialError> {
        let is_on_a_thread = self.may_change() && !matches!(self.0.place, Place::Provided(..));
        if is_on_a_thread && tokio::runtime::Handle::try_current().is_err() {
            return Err(self.unreadable("cannot be read here: there is no tokio runtime"));
        }
        if let Place::Minted(_, mint) = &self.0.place {
            return self.minted_value(mint().await);
        }
        reload(std::slice::from_ref(self), &SystemClock::new()).await?;
        self.current()
    }

    /// Reads it again, on a thread where that may block; at most one at a time, and no longer than the deadline.
    async fn read_again(&self, clock: &dyn Clock) -> Result<(), CredentialError> {
        if let Place::Provided(_, provider) = &self.0.place {
            return self.take(provider.read().await);
        }
        let credential = self.clone();
        let read = self.0.readings.join(clock, move || credential.reload()).await;
        read.unwrap_or_else(|| {
            Err(self.unreadable(
                "cannot be read: it has taken more than 5 s (a pipe that nobody writes into, or a file \
                 system that hangs?)",
            ))
        })
    }

    /// What its provider says.
    fn take(&self, provided: Result<Provided, BoxError>) -> Result<(), CredentialError> {
        let Provided { value, version } = provided.map_err(|error| {
            let message = format!("the credential of {self} cannot be read: {error}");
            CredentialError::new(CredentialErrorKind::Unavailable, message).with_source(error)
        })?;
        if self.known().provided == Some(version) {
            return Ok(());
        }
        let value = self.checked(&value)?;
        self.learn(&mut self.known(), value, Some(version))
    }

    /// The version of its provider's last value.
    fn provided(&self) -> Option<u64> {
        self.known().provided
    }

    /// Tells its provider that the endpoint refused the value of a version. Returns whether there is another one now.
    async fn rejected(&self, version: Option<u64>, code: Option<&str>) -> bool {
        let (Place::Provided(_, provider), Some(version)) = (&self.0.place, version) else {
            return false;
        };
        provider.rejected(Rejection::new(version, code)).await;
        self.take(provider.read().await).is_ok() && self.provided() != Some(version)
    }
}

/// Reads those that may change again.
///
/// # Errors
///
/// If one cannot be read and has no last good value, or if its reading takes too long.
pub(crate) async fn reload(
    credentials: &[Credential],
    clock: &dyn Clock,
) -> Result<(), CredentialError> {
    let changing = credentials.iter().filter(|credential| credential.may_change());
    let read = join_all(changing.map(|credential| credential.read_again(clock))).await;
    read.into_iter().collect()
}

/// Grows whenever one of them changes.
pub(crate) fn version(credentials: &[Credential]) -> u64 {
    credentials.iter().map(|it| it.known().version).sum()
}

/// Those that are read again, in words.
pub(crate) fn read_again(credentials: &[Credential]) -> String {
    let names = credentials.iter().filter(|it| it.may_change()).map(|it| format!("{it:?}"));
    names.collect::<Vec<_>>().join(", ")
}

/// The versions of what providers gave.
pub(crate) fn provided(credentials: &[Credential]) -> Vec<Option<u64>> {
    credentials.iter().map(Credential::provided).collect()
}

/// The endpoint refused these versions with this code: tells the providers. Returns whether one of them has another value
/// now.
pub(crate) async fn rejected(
    credentials: &[Credential],
    versions: &[Option<u64>],
    code: Option<&str>,
) -> bool {
    let told = credentials.iter().zip(versions).map(|(it, version)| it.rejected(*version, code));
    join_all(told).await.contains(&true)
}
