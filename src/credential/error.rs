//! Why a credential has no value.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::basics::BoxError;

/// Why a credential has no value. It says where the credential is, but contains nothing of its text.
#[derive(Clone, Debug)]
pub struct CredentialError {
    pub(crate) kind: CredentialErrorKind,
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialErrorKind {
    /// The credential cannot be read, or its text is not acceptable.
    Unusable,
    /// The function that reads the credential panicked, or its runtime is ending.
    Panicked,
    /// The function or the provider that makes the credential failed.
    Unavailable,
}

impl CredentialError {
    pub(crate) fn new(kind: CredentialErrorKind, message: impl Into<String>) -> CredentialError {
        CredentialError { kind, message: message.into(), source: None }
    }

    pub(crate) fn with_source(self, source: impl Into<BoxError>) -> CredentialError {
        CredentialError { source: Some(Arc::from(source.into())), ..self }
    }

    pub(crate) fn shared_source(&self) -> Option<Arc<dyn StdError + Send + Sync>> {
        self.source.clone()
    }
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for CredentialError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Why a credential cannot be read. Contains nothing of what was read.
#[derive(Debug)]
pub(crate) struct Unreadable(pub(crate) String);

impl Unreadable {
    pub(crate) fn of(error: impl fmt::Display) -> Unreadable {
        Unreadable(error.to_string())
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Unreadable {}
