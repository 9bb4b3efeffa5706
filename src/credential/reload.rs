//! Reads the credentials of an exchange again, and handles their refusal.

use std::panic::AssertUnwindSafe;
use std::pin::pin;

use futures_util::FutureExt;
use futures_util::future::{Either, join_all, select};

use crate::basics::BoxError;
use crate::clock::{Clock, SystemClock};
use crate::credential::error::{CredentialError, CredentialErrorKind};
use crate::credential::need::Need;
use crate::credential::provider::{Provided, Rejection};
use crate::credential::shown::{Shown, Value};
use crate::credential::text::DEADLINE;
use crate::credential::{Credential, Place};
use crate::secret::Secret;

impl Credential {
    /// The value to use now. Depending on the credential, this reads it, asks its provider, or mints it. It is for an
    /// exchange or a scheme that no source runs. Within an exchange, use
    /// [`ExchangeContext::credential`](crate::exchange::ExchangeContext::credential), which has the value that was
    /// read for that exchange.
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
    /// If there is no value: the credential cannot be read and has no last good value, or its function or provider
    /// fails. Also outside a tokio runtime, if the credential is read on a thread of its own.
    ///
    /// # Cancel safety
    ///
    /// A reading on a thread continues, and its value is kept. The future of a provider or of a minting function is
    /// dropped.
    pub async fn read(&self) -> Result<Secret, CredentialError> {
        let is_on_a_thread = self.may_change() && !matches!(self.0.place, Place::Provided(..));
        if is_on_a_thread && tokio::runtime::Handle::try_current().is_err() {
            return Err(self.unreadable("cannot be read here: there is no tokio runtime"));
        }
        if let Place::Minted(_, mint) = &self.0.place {
            let minted = mint(SystemClock::new().now(), &Credential::current).await;
            return self.minted_value(minted);
        }
        Ok(self.read_again_if_it_changes(&SystemClock::new()).await?.secret)
    }

    async fn read_again_if_it_changes(&self, clock: &dyn Clock) -> Result<Value, CredentialError> {
        match self.may_change() {
            true => self.read_again(clock).await,
            false => self.known_value(),
        }
    }

    /// What a reading gives an exchange. None if the credential has no value, and is optional. Then a provider that hangs or
    /// panics does not stop the exchange.
    async fn read_for_an_exchange(
        &self,
        clock: &dyn Clock,
    ) -> Result<Option<Value>, CredentialError> {
        let read = self.read_again_if_it_changes(clock);
        if self.is_needed() {
            return self.used(read.await);
        }
        let read = AssertUnwindSafe(read).catch_unwind();
        let read = match select(pin!(read), clock.sleep(DEADLINE)).await {
            Either::Left((Ok(read), _)) => read,
            Either::Left((Err(_), _)) | Either::Right(_) => self.known_value(),
        };
        self.used(read)
    }

    /// Reads the credential again. Only one thread at a time reads it, and no caller waits longer than the
    /// deadline.
    pub(crate) async fn read_again(&self, clock: &dyn Clock) -> Result<Value, CredentialError> {
        if let Place::Provided(_, provider) = &self.0.place {
            let began = self.known().begin();
            let taken = self.take(began, provider.read().await);
            self.known().failed = taken.is_err();
            return taken;
        }
        let credential = self.clone();
        let read = self.0.readings.join(clock, move || credential.reload()).await;
        let read = read.unwrap_or_else(|| {
            Err(self.unreadable(
                "cannot be read: it has taken more than 5 s (a pipe without a writer, or a file \
                 system that hangs?)",
            ))
        });
        self.known().failed = read.is_err();
        read?;
        self.known_value()
    }

    /// Stores what the provider returned to the reading with this number.
    fn take(
        &self,
        began: u64,
        provided: Result<Provided, BoxError>,
    ) -> Result<Value, CredentialError> {
        let Provided { value, version: provided } = provided.map_err(|error| {
            let message = format!("the credential of {self} cannot be read: {error:#}");
            CredentialError::new(CredentialErrorKind::Unavailable, message).with_source(error)
        })?;
        let secret = self.checked(&value)?;
        let mut known = self.known();
        // A reading that began before the last stored one may have an older value.
        let is_late = began < known.stored;
        if known.provided != Some(provided) && !is_late {
            known.stored = began;
            self.learn(&mut known, secret.clone(), Some(provided))?;
        }
        let is_known = known.provided == Some(provided);
        let version = if is_known { known.version } else { known.version.wrapping_sub(1) };
        let provided = Some(provided);
        Ok(Value { credential: self.clone(), secret, version, provided })
    }

    /// The last good value.
    pub(crate) fn known_value(&self) -> Result<Value, CredentialError> {
        let secret = self.current()?;
        let known = self.known();
        let (version, provided) = (known.version, known.provided);
        Ok(Value { credential: self.clone(), secret, version, provided })
    }
}

impl Value {
    /// Tells the provider that the endpoint refused its value. Returns whether there is another
    /// value now. A file is read again if the endpoint says that its value `has_ended`.
    async fn rejected(&self, code: Option<&str>, has_ended: bool, clock: &dyn Clock) -> bool {
        let credential = &self.credential;
        if has_ended && matches!(credential.1, Need::InTime(_)) {
            let next = credential.read_again(clock).await;
            return next.is_ok_and(|next| next.version != self.version);
        }
        let (Place::Provided(_, provider), Some(version)) = (&credential.0.place, self.provided)
        else {
            return false;
        };
        provider.rejected(Rejection::new(version, code)).await;
        let began = credential.known().begin();
        let next = credential.take(began, provider.read().await);
        next.is_ok_and(|next| next.provided != self.provided)
    }

    /// Tells the provider that the endpoint accepted its value after it had refused another one.
    fn accepted(&self) {
        if let (Place::Provided(_, provider), Some(version)) =
            (&self.credential.0.place, self.provided)
        {
            provider.accepted(version);
        }
    }
}

/// Reads the credentials that may have changed. Returns the values of all but the minted ones.
///
/// # Errors
///
/// If a credential that is needed cannot be read and has no last good value, or if its reading takes too long.
pub(crate) async fn reload(
    credentials: &[Credential],
    clock: &dyn Clock,
) -> Result<Shown, CredentialError> {
    let each = each_once(credentials);
    let used = join_all(each.iter().map(|credential| credential.read_for_an_exchange(clock)));
    let used = used.await.into_iter();
    let values = used.filter_map(Result::transpose).collect::<Result<_, CredentialError>>()?;
    Ok(Shown::new(values))
}

/// Those that are not minted, without doubles.
fn each_once(credentials: &[Credential]) -> Vec<&Credential> {
    let mut each: Vec<&Credential> = Vec::with_capacity(credentials.len());
    for credential in credentials {
        let is_minted = matches!(credential.0.place, Place::Minted(..));
        if !is_minted && !each.iter().any(|it| it.is(credential)) {
            each.push(credential);
        }
    }
    each
}

/// Grows whenever a credential changes. Equal to [`Shown::version`] while none does.
pub(crate) fn version(credentials: &[Credential]) -> u64 {
    each_once(credentials).iter().fold(0, |sum, it| sum.wrapping_add(it.known().version))
}

/// What the readings of a credential have brought so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    version: u64,
    pub(crate) is_unreadable: bool,
}

impl Reading {
    /// There is another value. The first value is none, unless the credential was unreadable before.
    pub(crate) fn is_a_change_of(self, old: Reading) -> bool {
        self.version > old.version && (old.version > 0 || old.is_unreadable)
    }
}

pub(crate) fn readings(credentials: &[Credential]) -> Vec<Reading> {
    let reading = |it: &Credential| {
        let known = it.known();
        Reading { version: known.version, is_unreadable: known.unreadable || known.failed }
    };
    credentials.iter().map(reading).collect()
}

/// The credentials that are read again, as a text.
pub(crate) fn read_again(credentials: &[Credential]) -> String {
    let names = credentials.iter().filter(|it| it.may_change()).map(|it| format!("{it:?}"));
    names.collect::<Vec<_>>().join(", ")
}

/// The endpoint refused these values with this code: tells the providers. Returns whether there is another value now: of a
/// provider, or in the file of a value that, as the endpoint says, `has_ended`.
pub(crate) async fn rejected(
    shown: &Shown,
    code: Option<&str>,
    has_ended: bool,
    clock: &dyn Clock,
) -> bool {
    let told = shown.values().iter().map(|it| it.rejected(code, has_ended, clock));
    join_all(told).await.contains(&true)
}

/// The endpoint accepted these values after it had refused `refused`: tells the providers.
pub(crate) fn accepted(shown: &Shown, refused: &Shown) {
    let is_new = |it: &&Value| {
        let before = refused.values().iter().find(|other| other.credential.is(&it.credential));
        before.is_some_and(|before| before.provided != it.provided)
    };
    shown.values().iter().filter(is_new).for_each(Value::accepted);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::provider::CredentialProvider;

    /// It is never asked here: the tests give the readings themselves.
    struct Unasked;

    impl CredentialProvider for Unasked {
        async fn read(&self) -> Result<Provided, BoxError> {
            Err("not asked".into())
        }
    }

    fn taken(credential: &Credential, began: u64, value: &str, version: u64) -> (String, u64) {
        let value = credential.take(began, Ok(Provided::new(value, version))).unwrap();
        (value.secret.expose().to_owned(), value.version)
    }

    #[test]
    fn a_reading_that_began_before_the_stored_one_replaces_nothing() {
        let credential = Credential::from_provider(Unasked);
        let began: Vec<_> = (0..4).map(|_| credential.known().begin()).collect();
        let good = || credential.current().unwrap().expose().to_owned();
        assert_eq!(taken(&credential, began[1], "first", 1), ("first".into(), 1));
        // Late: its own exchange uses it, but it is not stored, and it does not count as the stored value.
        assert_eq!(taken(&credential, began[0], "older", 0), ("older".into(), 0));
        assert_eq!((good(), version(std::slice::from_ref(&credential))), ("first".into(), 1));
        // The same value once more is no change.
        assert_eq!(taken(&credential, began[2], "first", 1), ("first".into(), 1));
        assert_eq!(taken(&credential, began[3], "second", 2), ("second".into(), 2));
        assert_eq!((good(), version(std::slice::from_ref(&credential))), ("second".into(), 2));
    }
}
