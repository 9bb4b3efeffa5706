//! The kind of an exchange's error when a credential had no value.

use std::error::Error as StdError;

use crate::error::{Error, ErrorKind};
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};

/// A provider or a minting function may have waited for a token of another source. If that source failed, the kind is
/// that of its error.
pub(crate) fn with_the_kind_below(error: ExchangeError) -> ExchangeError {
    if !error.is_of_credential() {
        return error;
    }
    let ours = StdError::source(&error).and_then(Error::find);
    let kind = match (ours.and_then(Error::exchange), ours.map(Error::kind)) {
        (Some(failure), _) => failure.kind(),
        (None, Some(ErrorKind::Reentrant)) => ExchangeErrorKind::Reentrant,
        (None, Some(ErrorKind::Configuration)) => ExchangeErrorKind::Configuration,
        (None, _) => return error,
    };
    error.with_kind(kind)
}
