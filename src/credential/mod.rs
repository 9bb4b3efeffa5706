//! Ids and secrets, and where they come from.
//!
//! | constructor | is read | may it block, or wait | after a refusal | after a failure |
//! |---|---|---|---|---|
//! | [`Credential::from`] a text | never | | | |
//! | [`Credential::file`], [`Credential::env`] | before each exchange | | a request has it read again, once a second at most; the requests after that reading use it | the last good value is used |
//! | [`Credential::from_fn`] | before each exchange | it may block: it runs on a thread of its own | the same | the last good value is used |
//! | [`Credential::minted`] | for each request on the wire | async, and must not block | the usual pause | the exchange fails |
//! | [`Credential::from_provider`], [`Credential::from`] a source | before each exchange | async, and must not block | the provider is told, and is asked for another value | the exchange fails |
//!
//! ```
//! use tower_outbound_auth::Credential;
//! use tower_outbound_auth::system::ClientCredentials;
//!
//! // Read before each exchange, so the next exchange uses a secret that was rotated on disk.
//! let secret = Credential::file("/run/secrets/billing");
//! let scheme = ClientCredentials::new("https://idp.example/token", "billing", secret)?;
//! # let _ = scheme;
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```

pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod in_time;
pub(crate) mod names;
pub(crate) mod need;
#[cfg(unix)]
pub(crate) mod pipe;
pub(crate) mod provider;
pub(crate) mod reading;
pub(crate) mod reference;
pub(crate) mod reload;
pub(crate) mod shown;
pub(crate) mod text;

use std::env::VarError;
use std::future::Future;
use std::mem;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::basics::{BoxError, TARGET};
use crate::clock::Now;
pub use crate::credential::error::CredentialError;
use crate::credential::error::{CredentialErrorKind, Unreadable};
use crate::credential::need::Need;
use crate::credential::provider::ErasedProvider;
pub use crate::credential::provider::{CredentialProvider, Provided, Rejection};
use crate::credential::reading::Readings;
use crate::credential::text::{has_control_character, trimmed};
use crate::secret::Secret;

/// A client's id or secret: a value, or where to find it.
///
/// The [module](crate::credential) compares the constructors. A file, a variable and a function are read before each
/// exchange, so the next exchange uses a secret that was rotated on disk. While the endpoint refuses the credentials,
/// they are read again once a second at most, when a request needs a token. A changed credential ends the pause: the request
/// that started the reading still gets the old error, and requests after the reading work. (A new text in a file is read for
/// up to 270 ms.) [`warm_up`](crate::TokenSource::warm_up) and [`probe`](crate::TokenSource::probe) read first, and use a
/// changed credential themselves.
///
/// - A byte order mark at the start and one line break at the end are removed, because editors and `echo` add them.
/// - If a file, a variable or a function gives an empty value or cannot be read, the last good value is used. Without one,
///   the exchange fails with [`Configuration`](crate::exchange::ExchangeErrorKind::Configuration).
/// - A new value in a file is used when the file has not changed for 250 ms, because a newer value may be
///   incomplete.
/// - A pipe is read once. A directory or a device is an error.
/// - One thread at a time reads a credential. If that takes more than five seconds, because a file system hangs, the
///   exchange fails.
/// - A control character within the value is an error. The error names the place and never the
///   text. Only a private key may have line breaks and tabs: a value that has `-----BEGIN ` or begins with `{`.
///
/// ```
/// use tower_outbound_auth::Credential;
///
/// let fixed = Credential::from("hunter2");
/// let mounted = Credential::file("/var/run/secrets/atlas/client-secret");
/// let passed = Credential::env("ATLAS_CLIENT_SECRET");
/// let asked = Credential::from_fn(|| Ok("from a key ring".into()));
/// let signed = Credential::minted(|| async { Ok("an assertion".into()) });
/// // From a provider, such as another source: `Credential::from_provider(source)`.
/// assert_eq!(format!("{fixed:?}"), "Credential(value)");
/// # let _ = (mounted, passed, asked, signed);
/// ```
#[derive(Clone)]
pub struct Credential(Arc<Inner>, Need);

struct Inner {
    place: Place,
    known: Mutex<Known>,
    readings: Readings,
}

/// What has been read.
#[derive(Default)]
struct Known {
    /// The last good value.
    good: Option<Secret>,
    /// The number of good values so far.
    version: u64,
    /// The version that the provider gave to this value.
    provided: Option<u64>,
    /// The number of readings of the provider that have begun, and the number of the reading that
    /// gave this value.
    began: u64,
    stored: u64,
    /// The last attempt to read failed, but there is a good value.
    unreadable: bool,
    /// The last attempt to read was an error.
    failed: bool,
}

impl Known {
    /// The provider is about to be read. Returns the number of this reading.
    fn begin(&mut self) -> u64 {
        self.began += 1;
        self.began
    }
}

enum Place {
    /// A value, with the number that identifies it.
    Value(u64),
    File(PathBuf),
    Env(String),
    /// A function, with the number that identifies it.
    Function(u64, Box<dyn Fn() -> Result<Secret, BoxError> + Send + Sync>),
    Minted(u64, Box<Mint>),
    Provided(u64, Box<dyn ErasedProvider>),
}

/// The function of a minted credential. It gets the source's time, and the values of the other credentials.
type Mint = dyn Fn(Now, Values<'_>) -> Pin<Box<dyn Future<Output = Result<Secret, BoxError>> + Send>>
    + Send
    + Sync;

/// The values of the credentials for one attempt, as they were read for it.
pub(crate) type Values<'a> = &'a dyn Fn(&Credential) -> Result<Secret, CredentialError>;

/// Identifies a value or a function: two functions never count as the same credential.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Credential {
    /// A credential in a file, as UTF-8.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Credential {
        Credential::at(Place::File(path.into()), None)
    }

    /// A credential in an environment variable of this process.
    #[must_use]
    pub fn env(name: impl Into<String>) -> Credential {
        Credential::at(Place::Env(name.into()), None)
    }

    /// A credential from a function, which may block. Operators see the text of its error.
    #[must_use]
    pub fn from_fn(
        read: impl Fn() -> Result<Secret, BoxError> + Send + Sync + 'static,
    ) -> Credential {
        Credential::at(Place::Function(next_number(), Box::new(read)), None)
    }

    /// A new value for each request to the token endpoint, by an async function: a signed assertion, or a
    /// one-time code. Each value is sent once: a second request of the same exchange, a retry, and another
    /// source with this credential each get a new value. (For a secret in a key service, use
    /// [`from_provider`](Credential::from_provider).)
    ///
    /// - A minted credential never counts as changed, because each value is new. So a new value does not end the
    ///   pause after a refusal.
    /// - The function must not block. Its time is part of the exchange's time limit.
    /// - If it fails, the exchange fails with [`Unavailable`](crate::exchange::ExchangeErrorKind::Unavailable), and
    ///   is soon tried again. An [`ExchangeError`](crate::exchange::ExchangeError) of the function keeps its kind. If
    ///   the function waited for a token of another source, the failure of that source keeps its kind. Operators see
    ///   the text of the error.
    /// - An empty value, or one with a control character, is an error. A byte order mark at the start and one line break at the
    ///   end are removed.
    ///
    /// ```
    /// use tower_outbound_auth::{Credential, Secret};
    ///
    /// async fn sign() -> Result<Secret, tower_outbound_auth::BoxError> {
    ///     Ok("an assertion".into()) // signed in a key service, say
    /// }
    /// let signed = Credential::minted(sign);
    /// assert!(format!("{signed:?}").starts_with("Credential(minting function "));
    /// ```
    #[must_use]
    pub fn minted<F, R>(mint: F) -> Credential
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<Secret, BoxError>> + Send + 'static,
    {
        let mint = move |_: Now, _: Values<'_>| Box::pin(mint()) as _;
        Credential::at(Place::Minted(next_number(), Box::new(mint)), None)
    }

    /// As [`minted`](Credential::minted). The function also gets the source's time, and the values of the other
    /// credentials, so these must be among the credentials of the exchange too.
    #[cfg(feature = "oauth")]
    pub(crate) fn signed<F, R>(sign: F) -> Credential
    where
        F: Fn(Now, Values<'_>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Secret, BoxError>> + Send + 'static,
    {
        let mint = move |now: Now, values: Values<'_>| Box::pin(sign(now, values)) as _;
        Credential::at(Place::Minted(next_number(), Box::new(mint)), None)
    }

    /// A credential from a provider: a key service, say, or another [`TokenSource`](crate::TokenSource). The provider
    /// is asked before each exchange, and is told when the endpoint refuses its value.
    ///
    /// An empty value, or one with a control character, is an error. A byte order mark at the start and one line break at the end
    /// are removed.
    #[must_use]
    pub fn from_provider(provider: impl CredentialProvider) -> Credential {
        Credential::at(Place::Provided(next_number(), Box::new(provider)), None)
    }

    fn at(place: Place, good: Option<Secret>) -> Credential {
        let known = Mutex::new(Known { good, ..Known::default() });
        let inner = Inner { place, known, readings: Readings::default() };
        Credential(Arc::new(inner), Need::default())
    }

    /// The error in the credential, if it is already known: a value is checked where it is given.
    pub(crate) fn check(
        &self,
        what: &str,
        flaw: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<(), CredentialError> {
        let good = self.known().good.clone();
        match good.as_ref().and_then(|value| flaw(value.expose())) {
            Some(flaw) => {
                let message = format!("the {what} {flaw}");
                Err(CredentialError::new(CredentialErrorKind::Unusable, message))
            }
            None => Ok(()),
        }
    }

    /// The last good value.
    pub(crate) fn current(&self) -> Result<Secret, CredentialError> {
        self.known().good.clone().ok_or_else(|| self.not_read())
    }

    fn not_read(&self) -> CredentialError {
        self.unreadable(
            "has no value here: is it among the credentials of the Grant, and of the Exchange that wraps it? \
             (In a test, say RequestContext::with_credential.)",
        )
    }

    /// Whether the credential is read again, so that it may change.
    pub(crate) fn may_change(&self) -> bool {
        !matches!(self.0.place, Place::Value(_) | Place::Minted(..))
    }

    /// Whether the credential is a fixed value.
    pub(crate) fn is_value(&self) -> bool {
        matches!(self.0.place, Place::Value(_))
    }

    /// Reads the credential again. This may block.
    fn reload(&self) -> Result<(), CredentialError> {
        let read = self.found();
        let mut known = self.known();
        let Some(good) = &known.good else {
            let found = match read {
                Ok(Some(found)) => found,
                Ok(None) if matches!(self.0.place, Place::File(_)) => {
                    return Err(self.unreadable("is empty, or being written"));
                }
                Ok(None) => return Err(self.unreadable("is empty")),
                Err(error) => {
                    let why = format!("cannot be read: {error}");
                    return Err(self.unreadable(&why).with_source(error));
                }
            };
            return self.learn(&mut known, found, None);
        };
        match read {
            // There is no value now, so the last good value is kept.
            Ok(None) => Ok(()),
            Err(error) => {
                if !mem::replace(&mut known.unreadable, true) {
                    let (credential, cause) = (self.to_string(), &error);
                    tracing::warn!(target: TARGET, credential, %cause, "a credential cannot be read: its last good value is used");
                }
                Ok(())
            }
            Ok(Some(found)) if found.expose() == good.expose() => {
                known.unreadable = false;
                Ok(())
            }
            Ok(Some(found)) => self.learn(&mut known, found, None),
        }
    }

    fn learn(
        &self,
        known: &mut Known,
        text: Secret,
        provided: Option<u64>,
    ) -> Result<(), CredentialError> {
        if has_control_character(text.expose()) {
            return Err(self.unreadable("has a control character"));
        }
        let version = known.version + 1;
        (known.good, known.version, known.provided) = (Some(text), version, provided);
        known.unreadable = false;
        Ok(())
    }

    /// The text. None if it is empty, or is being written.
    fn found(&self) -> Result<Option<Secret>, Unreadable> {
        let known = self.known().good.clone();
        let text = match &self.0.place {
            // These are not read here.
            Place::Value(_) | Place::Minted(..) | Place::Provided(..) => {
                self.current().map_err(Unreadable::of)?
            }
            Place::File(path) => {
                let found = file::read(path, known.as_ref())?;
                return Ok(found.filter(|text| !text.expose().is_empty()));
            }
            Place::Env(name) => match std::env::var(name) {
                Ok(text) => trimmed(&text),
                Err(VarError::NotPresent) => return Err(Unreadable("it is not set".to_owned())),
                // The standard error would quote the value.
                Err(VarError::NotUnicode(_)) => {
                    return Err(Unreadable("it is not UTF-8".to_owned()));
                }
            },
            Place::Function(_, read) => trimmed(read().map_err(Unreadable::of)?.expose()),
        };
        Ok(Some(text).filter(|text| !text.expose().is_empty()))
    }

    fn unreadable(&self, why: &str) -> CredentialError {
        let of = match self.0.place {
            Place::Function(..) | Place::Minted(..) | Place::Provided(..) => "of",
            Place::Value(_) | Place::File(_) | Place::Env(_) => "in",
        };
        let message = format!("the credential {of} {self} {why}");
        CredentialError::new(CredentialErrorKind::Unusable, message)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Secret> for Credential {
    fn from(value: Secret) -> Credential {
        Credential::at(Place::Value(next_number()), Some(value))
    }
}

impl From<String> for Credential {
    fn from(value: String) -> Credential {
        Credential::from(Secret::from(value))
    }
}

impl From<&str> for Credential {
    fn from(value: &str) -> Credential {
        Credential::from(Secret::from(value))
    }
}

#[cfg(test)]
mod tests;
