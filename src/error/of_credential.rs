//! The failure of a credential, as that of the exchange that wanted to show it.

use std::error::Error as StdError;

use crate::credential::error::CredentialError;
use crate::error::{Error, ErrorKind};
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};

/// What provides or mints a value may have waited for a token of another source: the error then has the kind of that
/// source's failure.
pub(crate) fn of_credential(error: CredentialError) -> ExchangeError {
    let source = StdError::source(&error);
    if source.and_then(|it| it.downcast_ref::<ExchangeError>()).is_some() {
        return error.into(); // as the function says
    }
    let ours = source.and_then(Error::find);
    let kind = match ours.and_then(Error::exchange) {
        Some(failure) => failure.kind(),
        None if ours.is_some_and(|it| it.kind() == ErrorKind::Reentrant) => {
            ExchangeErrorKind::Reentrant
        }
        None => return error.into(),
    };
    ExchangeError::of_credential(kind, &error)
}
