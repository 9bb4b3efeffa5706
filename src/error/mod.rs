//! The crate's own error.
//!
//! A request through [`Auth`](crate::Auth) fails with a [`BoxError`]: the inner service's error,
//! unchanged, or an [`Error`] of this crate, found by downcast:
//!
//! ```
//! use tower_outbound_auth::{BoxError, Error, ErrorKind};
//!
//! fn describe(error: &BoxError) -> String {
//!     match error.downcast_ref::<Error>() {
//!         Some(ours) if ours.is_transient() => {
//!             format!("no token yet, try again in {:?}", ours.retry_after().unwrap_or_default())
//!         }
//!         Some(ours) if ours.kind() == ErrorKind::ForeignOrigin => "a bug of ours".to_owned(),
//!         Some(ours) => format!("a person must correct this: {ours}"),
//!         None => "the API itself failed".to_owned(),
//!     }
//! }
//! # let error: BoxError = "reset".into();
//! # assert_eq!(describe(&error), "the API itself failed");
//! ```
//!
//! [`Error::find`] also finds it if a layer above, or `AuthLayer::for_tonic`, has wrapped it.

pub(crate) mod clock_difference;
pub(crate) mod kind;
pub(crate) mod of_credential;
pub(crate) mod recovery;
#[cfg(feature = "reqwest")]
pub(crate) mod without_url;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

pub use self::clock_difference::ClockDifference;
pub use self::kind::ErrorKind;
pub use crate::basics::BoxError;
use crate::credential::error::CredentialError;
use crate::error::recovery::Recovery;
use crate::exchange::error::ExchangeError;

/// The most characters that are kept of the text of another error.
const MAX_CAUSE: usize = 200;

/// The text of the deepest source of an error, which says most: "Connection refused", "UnknownIssuer". It may contain
/// text of a peer. So it is cut to a length, and characters that could forge a log line are replaced.
pub(crate) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    root.to_string().chars().take(MAX_CAUSE).map(visible).collect()
}

/// A failure of this crate. It shows no secret.
///
/// Errors of the inner service pass through unwrapped, with one exception: [`Recovery::ResendFailed`].
///
/// Print it with `{}`, which is one line with the cause. `Debug` has the same text in quotes. It is what
/// `fn main() -> Result<(), Error>` prints, after `Error: `:
///
/// ```
/// use tower_outbound_auth::Credential;
///
/// let error = tower_outbound_auth::Error::from(Credential::from_reference("env:").unwrap_err());
/// let text = "a reference to a credential is `file:/path` or `env:NAME`; this one has no name";
/// assert_eq!(format!("{error}"), text);
/// assert_eq!(format!("{error:?}"), format!("Error {{ kind: Configuration, text: \"{text}\", .. }}"));
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    exchange: Option<ExchangeError>,
    age: Option<Duration>,
    retry_after: Option<Duration>,
    recovery: Option<Recovery>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            exchange: None,
            age: None,
            retry_after: None,
            recovery: None,
        }))
    }

    pub(crate) fn configuration(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::Configuration, message)
    }

    /// The outcome of an exchange that this caller waited for. The next exchange is due in
    /// `retry_after`.
    pub(crate) fn exchange_failed(error: ExchangeError, retry_after: Duration) -> Error {
        Error::new(ErrorKind::Exchange, "no token").because(Some(error), Some(retry_after))
    }

    /// The stored outcome of an exchange `age` ago. The next exchange is due in `retry_after`.
    pub(crate) fn backing_off(error: ExchangeError, age: Duration, retry_after: Duration) -> Error {
        let mut error = Error::exchange_failed(error, retry_after);
        error.0.age = Some(age);
        error
    }

    pub(crate) fn no_successor(
        recovery: Recovery,
        error: Option<ExchangeError>,
        retry_after: Option<Duration>,
    ) -> Error {
        let why = match recovery {
            Recovery::FixedToken => "it is fixed",
            Recovery::SameToken => "the token endpoint gave the same one again",
            Recovery::BudgetSpent => "too many renewals in a row did not help",
            _ if error.is_none() => "no renewal has ended, and none can be waited for here",
            _ => "the exchange failed, or its pause is not over",
        };
        let message = format!("the refused token has no successor: {why}");
        let mut error = Error::new(ErrorKind::NoSuccessor, message).because(error, retry_after);
        error.0.recovery = Some(recovery);
        error
    }

    fn because(mut self, error: Option<ExchangeError>, retry_after: Option<Duration>) -> Error {
        (self.0.exchange, self.0.retry_after) = (error, retry_after);
        self
    }

    pub(crate) fn reentrant() -> Error {
        Error::new(
            ErrorKind::Reentrant,
            "this exchange needs a token of the source that it works for: if the token endpoint's client has this \
             layer, give it a client without the layer; if a credential comes from this source, take that credential from \
             another source",
        )
    }

    pub(crate) fn out_of_time() -> Error {
        Error::new(
            ErrorKind::Timeout,
            "the caller's deadline (grpc-timeout) ended while the request waited for a token, or for the \
             inner service to be ready: it was not sent",
        )
    }

    /// Finds this crate's error in `error` or among its sources: layers above, such as a `Buffer`,
    /// wrap it.
    ///
    /// ```
    /// use tower_outbound_auth::{BoxError, Error};
    ///
    /// # let error: BoxError = "reset".into();
    /// if let Some(ours) = Error::find(&*error) {
    ///     println!("no token, next attempt in {:?}", ours.retry_after());
    /// }
    /// # assert!(Error::find(&*error).is_none());
    /// ```
    #[must_use]
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(ours) = error.downcast_ref() {
                return Some(ours);
            }
            // This variant has the text and the source of the error in it, so `source()` would skip that error.
            #[cfg(feature = "reqwest-middleware")]
            if let Some(reqwest_middleware::Error::Middleware(error)) = error.downcast_ref() {
                next = Some(&**error);
                continue;
            }
            next = error.source();
        }
        None
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The failed exchange, if it is the reason.
    #[must_use]
    pub fn exchange(&self) -> Option<&ExchangeError> {
        self.0.exchange.as_ref()
    }

    /// Whether the same request may succeed later without any change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.0.kind {
            ErrorKind::Exchange | ErrorKind::NoSuccessor => {
                self.0.recovery != Some(Recovery::FixedToken)
                    && self.0.exchange.as_ref().is_none_or(ExchangeError::is_transient)
            }
            ErrorKind::Timeout => true,
            ErrorKind::Configuration
            | ErrorKind::ForeignOrigin
            | ErrorKind::SentElsewhere
            | ErrorKind::Insecure
            | ErrorKind::Proof
            | ErrorKind::Reentrant
            | ErrorKind::Runtime => false,
        }
    }

    /// Why a refused token has no successor.
    #[must_use]
    pub fn recovery(&self) -> Option<Recovery> {
        self.0.recovery
    }

    /// How long ago the exchange failed, if it failed before this request. The error is then a stored one, and
    /// nothing was sent for this request.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.0.age
    }

    /// The time from this error until the next exchange is allowed. An earlier request gets this error again, at
    /// once.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

/// Has the text of `Display` in quotes. `fn main() -> Result<(), Error>` prints this.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &self.0.kind).field("text", &format_args!("\"{self}\""));
        if let Some(recovery) = &self.0.recovery {
            shown.field("recovery", recovery);
        }
        shown.finish_non_exhaustive()
    }
}

/// Also contains the text of the failed exchange, because most logs show an error without its
/// sources.
///
/// The alternate form (`{:#}`) leaves out the age of the failure and the time of the next attempt, for errors that quote this one.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(exchange) = &self.0.exchange {
            write!(f, ": {exchange}")?;
        }
        if f.alternate() {
            return Ok(());
        }
        if let Some(age) = self.0.age {
            write!(f, "; that was {:.1} s ago", age.as_secs_f64())?;
        }
        match self.0.retry_after {
            Some(next) => write!(f, "; the next attempt is due in {:.1} s", next.as_secs_f64()),
            None => Ok(()),
        }
    }
}

/// The source of the failed exchange's error. The text of that error is already part of this
/// error's text.
impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.exchange.as_ref().and_then(StdError::source)
    }
}

/// For a credential whose value is already wrong when it is given.
impl From<CredentialError> for Error {
    fn from(error: CredentialError) -> Error {
        Error::configuration(error.to_string())
    }
}

/// Lets a parameter of type `impl TryInto<T>` take a `T`.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Error {
        match never {}
    }
}
