//! Why a store could not do its work.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::basics::BoxError;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};

/// Why a store could not do its work. That somebody else has the lease is no error.
///
/// ```
/// use tower_outbound_auth::store::StoreError;
///
/// let full = StoreError::configuration("cannot write /var/lib/billing/login.json: the disk is full");
/// assert!(full.is_lasting());
/// assert!(!StoreError::unreachable("no connection to the store").is_lasting());
/// ```
#[derive(Clone, Debug)]
pub struct StoreError {
    lasting: bool,
    message: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl StoreError {
    /// A person must correct something. The message says what, and contains no secret.
    pub fn configuration(message: impl Into<Cow<'static, str>>) -> StoreError {
        StoreError { lasting: true, message: message.into(), source: None }
    }

    /// The store did not answer. A later try may succeed. The message contains no secret.
    pub fn unreachable(message: impl Into<Cow<'static, str>>) -> StoreError {
        StoreError { lasting: false, message: message.into(), source: None }
    }

    /// Sets the cause. Its text must not contain a secret.
    #[must_use]
    pub fn with_source(self, source: impl Into<BoxError>) -> StoreError {
        StoreError { source: Some(Arc::from(source.into())), ..self }
    }

    /// Whether a person must correct something.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.lasting
    }
}

/// [`Configuration`](ExchangeErrorKind::Configuration) if a person must correct something, else
/// [`Unavailable`](ExchangeErrorKind::Unavailable).
impl From<StoreError> for ExchangeError {
    fn from(error: StoreError) -> ExchangeError {
        let kind = match error.lasting {
            true => ExchangeErrorKind::Configuration,
            false => ExchangeErrorKind::Unavailable,
        };
        ExchangeError::new(kind, error.message.clone()).with_source(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
