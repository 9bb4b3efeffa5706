//! The error of an exchange whose credential has no value.

use std::sync::Arc;

use crate::credential::error::{CredentialError, CredentialErrorKind};
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};

/// The function of a minted credential may have failed with an [`ExchangeError`]. Then that error
/// counts.
impl From<CredentialError> for ExchangeError {
    fn from(error: CredentialError) -> ExchangeError {
        let source = error.shared_source();
        let inner = source.as_ref().and_then(|it| it.downcast_ref::<ExchangeError>());
        if let Some(inner) = inner {
            let mut inner = inner.clone();
            let changed = Arc::make_mut(&mut inner.0);
            (changed.of_credential, changed.kind_is_given) = (true, true);
            return inner;
        }
        let kind = match error.kind {
            CredentialErrorKind::Unusable => ExchangeErrorKind::Configuration,
            CredentialErrorKind::Panicked => ExchangeErrorKind::Panicked,
            CredentialErrorKind::Unavailable => ExchangeErrorKind::Unavailable,
        };
        let mut new = ExchangeError::new(kind, error.to_string());
        let inner = Arc::make_mut(&mut new.0);
        (inner.source, inner.of_credential) = (error.shared_source(), true);
        new
    }
}
