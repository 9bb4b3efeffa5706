//! The crate's own error.
//!
//! A request through [`Auth`](crate::Auth) fails with a [`BoxError`]: the inner service's error, passed
//! through as it came, or an [`Error`] of this crate, found by downcast:
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
//!         Some(ours) => format!("somebody has to look: {ours}"),
//!         None => "the API itself failed".to_owned(),
//!     }
//! }
//! # let error: BoxError = "reset".into();
//! # assert_eq!(describe(&error), "the API itself failed");
//! ```

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::exchange::ExchangeError;

/// Any error, as tower's own layers use it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something given to a constructor cannot work; the text says what and how to mend it.
    Configuration,
    /// The request is for an origin that this credential is not bound to. It was not sent.
    ForeignOrigin,
    /// The request would carry the credential over plain HTTP. It was not sent.
    Insecure,
    /// There is no usable token because the exchange failed; see [`Error::exchange`].
    Exchange,
    /// No exchange came to an end in time. The one under way is not cut short by this.
    Timeout,
    /// The exchange went through the source that it was to supply, and would have waited for itself.
    Reentrant,
    /// The future was polled outside a tokio runtime, or in one without a timer.
    Runtime,
}

/// A failure of this crate (not of the service below, whose errors pass through unwrapped).
///
/// It never shows a secret.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    exchange: Option<ExchangeError>,
    retry_after: Option<Duration>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Error {
        Error(Box::new(Inner { kind, message: message.into(), exchange: None, retry_after: None }))
    }

    pub(crate) fn configuration(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::Configuration, message)
    }

    /// The outcome of an exchange that this caller waited for.
    pub(crate) fn exchange_failed(error: ExchangeError, retry_after: Duration) -> Error {
        let mut failed = Error::new(ErrorKind::Exchange, "no token: the exchange failed");
        failed.0.exchange = Some(error);
        failed.0.retry_after = Some(retry_after);
        failed
    }

    /// The stored outcome of an exchange `age` ago; the next one is due in `retry_after`.
    pub(crate) fn backing_off(error: ExchangeError, age: Duration, retry_after: Duration) -> Error {
        let message = format!(
            "no token: the exchange failed {:.1} s ago, the next one is due in {:.1} s",
            age.as_secs_f64(),
            retry_after.as_secs_f64(),
        );
        Error::exchange_failed(error, retry_after).with_message(message)
    }

    pub(crate) fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Error {
        self.0.message = message.into();
        self
    }

    pub(crate) fn reentrant() -> Error {
        Error::new(
            ErrorKind::Reentrant,
            "this exchange goes through the token source that it is to supply: \
             give the token endpoint's client a service without this layer",
        )
    }

    /// This crate's error in `error` or among its sources: layers above, such as a `Buffer`, wrap it.
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
            next = error.source();
        }
        None
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The failed exchange, if that is the reason.
    #[must_use]
    pub fn exchange(&self) -> Option<&ExchangeError> {
        self.0.exchange.as_ref()
    }

    /// Whether the same request may succeed later with nothing changed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.0.kind {
            ErrorKind::Exchange => self.0.exchange.as_ref().is_none_or(ExchangeError::is_transient),
            ErrorKind::Timeout => true,
            ErrorKind::Configuration
            | ErrorKind::ForeignOrigin
            | ErrorKind::Insecure
            | ErrorKind::Reentrant
            | ErrorKind::Runtime => false,
        }
    }

    /// When the next exchange may be made, counted from the moment of this error. Trying before costs
    /// nothing and gets this error again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

/// Says the failed exchange's own text too: most logs show an error and not its sources.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.exchange {
            Some(exchange) => write!(f, ": {exchange}"),
            None => Ok(()),
        }
    }
}

/// The source is what lies below the failed exchange, which is itself part of the text.
impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.exchange.as_ref().and_then(StdError::source)
    }
}

/// So that `impl TryInto<T>` parameters take a `T` itself.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Error {
        match never {}
    }
}
